// Brothers and sisters: eight pictures of the same words by other chances; what is pinned, all of them have.

import { html, say } from "../lang.js";
import { IconButton, PngImage } from "../parts.js";
import { useMemo, useState } from "../vendor/preact.js";
import { byArrows } from "./arrows.js";
import { useAside } from "./aside.js";
import { pinnedIn, saidHolding } from "./groups.js";
import { kindIn, meant } from "./state.js";

const COUNT = 8;

/** Return what rested has for siblings, [{changes, row}], of the state `useRested` returns; another `turn`, others. */
export function useKin(artist, phrases, [rested], pins) {
  const [turn, setTurn] = useState(0);
  const kin = useMemo(() => (rested ? kinOf(artist, phrases, rested, pins, turn) : []), [rested, phrases, pins, turn]);
  return { kin, others: () => setTurn(turn + 1) };
}

/** Show them. Pressing one goes on from it. */
export function Siblings({ artist, all, rested: [rested, isNow], family: { kin, others } }) {
  const pictures = useAside(
    artist,
    kin.map(({ row }) => row),
    rested?.state.knobs ?? {},
    isNow,
  );
  if (!kin.length) return null;
  return html`<section class="stack" id="siblings" aria-label="Brothers and sisters">
    <div class="row spread head">
      <h2>Brothers and sisters</h2>
      <${IconButton} id="other-siblings" name="again" label="Others" onClick=${others} />
    </div>
    <div class="options" role="group" aria-label="Press one to go on from it" onKeyDown=${byArrows}>
      ${kin.map(
        (one, place) => html`<button type="button" class="option" key=${place} tabindex=${place ? -1 : 0}
          aria-label=${say`Brother or sister ${place + 1}`} data-sibling=${place} onClick=${() => all.press(one.changes)}>
          <${PngImage} png=${pictures[place]?.png} alt="" class=${pictures[place] ? "shown" : "shown old"} />
        </button>`,
      )}
    </div>
  </section>`;
}

function kinOf(artist, phrases, { state, seen }, pins, turn) {
  const kind = kindIn(artist, state);
  const pinned = state.asked ? {} : pinnedIn(kind, phrases, state.said, pins, seen);
  const said = saidHolding(kind, phrases, state.said, pinned);
  const { request } = meant(artist, { ...state, said }, phrases);
  if (!request) return [];
  return Array.from({ length: COUNT }, (_, place) => {
    const seed = kinSeed(state.seed, turn, place);
    return { row: { request, seed }, changes: said === state.said ? { seed } : { said, seed } };
  });
}

/** Return a number that is made of a seed: the same brothers and sisters whenever one comes back. */
function kinSeed(...of) {
  let number = 2166136261; // FNV-1a
  for (const letter of JSON.stringify(of)) number = Math.imul(number ^ letter.charCodeAt(0), 16777619);
  number = Math.imul(number ^ (number >>> 15), 2246822519);
  return (number ^ (number >>> 13)) >>> 1;
}
