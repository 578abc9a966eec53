// Artists with a face: a picture that each drew, and one honest line; those that draw little of what they are told stand
// apart.

import { useRows } from "./drawn.js";
import { html, say } from "./lang.js";
import { IconButton, PngImage, useShared } from "./parts.js";
import { requestFromText } from "./requests.js";
import { isStudy } from "./study.js";
import { useRef, useState } from "./vendor/preact.js";

const CHANCE = 7; // one for all, so that an artist keeps its face

/** Say in a line how much of what it is told an artist draws, as it was measured, and what it draws from. */
export function lineOf({ rightly, requests }) {
  const from = requests.map(({ noun }) => noun).join(", ");
  if (typeof rightly !== "number") return say`Draws from ${from}; how much of it comes out right was not measured.`;
  return say`Draws from ${from}; of 100 things it is told, ${Math.round(100 * rightly)} come out right.`;
}

/** The face of an artist: its first example, with one chance; nothing where it needs more than words. */
export function Face({ artist, text = artist.examples[0] ?? "" }) {
  const request = requestFromText(artist, text);
  const { pictures } = useRows(artist, request ? [{ request, seed: CHANCE }] : [], {});
  const whole = artist.can.story ? "shown whole" : "shown";
  if (!request) return html`<span class="shown no-face" aria-hidden="true">${artist.id.slice(0, 1)}</span>`;
  return html`<${PngImage} class=${whole} png=${pictures[0]?.png}
    alt=${pictures[0] ? say`Drawn by ${artist.id}: ${text}` : ""} />`;
}

/** A button that shows all artists, and lets one choose. */
export function ArtistsButton() {
  const { artists, artist, choose } = useShared();
  const dialog = useRef(null);
  const [open, setOpen] = useState(false);
  const show = () => {
    setOpen(true);
    dialog.current.showModal();
  };
  const pick = (one) => {
    choose(one.id);
    dialog.current.close();
  };
  const apart = [artists.filter((one) => !isStudy(one)), artists.filter(isStudy)];
  return html`<${IconButton} id="artists" name="faces" label="All artists, with their faces" onClick=${show} />
    <dialog ref=${dialog} class="choose" aria-label="All artists" onClose=${() => setOpen(false)}>
      <div class="row spread">
        <h2>All artists</h2>
        <button type="button" onClick=${() => dialog.current.close()}>Close</button>
      </div>
      ${
        open &&
        apart.map(
          (some, i) =>
            some.length > 0 &&
            html`<section key=${i} aria-label=${i ? say`Studies` : say`Artists`}>
              ${i > 0 && html`<h2>Studies: they draw little of what they are told</h2>`}
              <ul class="faces">
                ${some.map(
                  (one) => html`<li key=${one.id}>
                    <button type="button" class="face" aria-pressed=${one === artist} data-artist=${one.id} onClick=${() => pick(one)}>
                      <${Face} artist=${one} />
                      <span><strong>${one.id}</strong><span class="soft small">${lineOf(one)}</span></span>
                    </button>
                  </li>`,
                )}
              </ul>
            </section>`,
        )
      }
    </dialog>`;
}
