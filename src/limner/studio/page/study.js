// Artists that draw little of what they are told: studies of what a paper did, told apart from those to make things with.

import { html } from "./lang.js";

const ENOUGH = 0.6;

/** Does an artist draw under six tenths of what it is told, as it was measured? One that was not is no study. */
export function isStudy({ rightly }) {
  return typeof rightly === "number" && rightly < ENOUGH;
}

/** Say so, with one that draws more where there is one. */
export function Study({ artist, artists, choose }) {
  if (!isStudy(artist)) return null;
  const other = artists.find((one) => !isStudy(one) && one.takes === artist.takes);
  const go = () => choose(other.id);
  return html`<p class="soft small" id="study">
    ${artist.id} is a study: of what it is told it draws ${Math.round(100 * artist.rightly)} in 100.
    ${other && html`${" "}<button type="button" class="plain small" onClick=${go}>Draw with ${other.id}</button>`}
  </p>`;
}
