// Choose a picture among favourites or history: within a view, or in a window of its own.

import { artistOf } from "./drawn.js";
import { byChance, requestOf } from "./fields.js";
import { html, say, told } from "./lang.js";
import { GalleryPicture, useShared, useWork } from "./parts.js";
import { randomSeed } from "./random.js";
import { nameOf, requestFromText, someExamples } from "./requests.js";
import { useShelf } from "./shelf.js";
import { useRef, useState } from "./vendor/preact.js";

const SHELVES = { kept: "Favourites", drawn: "Everything made" };

/** Pictures to choose from; `fits(entry, artist)` tells which can be, `onPick` hears which. */
function Picker({ onPick, fits = () => true }) {
  const { artists } = useShared();
  const [name, setName] = useState("kept");
  const { entries, ready, next, more } = useShelf({ shelf: name, q: "", artist: "" });
  const able = entries.filter((entry) => artistOf(artists, entry) && fits(entry, artistOf(artists, entry)));
  return html`<div class="stack picker">
    <div class="row" role="group" aria-label="Where to choose from">
      ${Object.entries(SHELVES).map(
        ([one, text]) => html`<button type="button" key=${one} aria-pressed=${one === name}
          onClick=${() => setName(one)}>
          ${told(text)}
        </button>`,
      )}
    </div>
    ${ready && able.length === 0 && html`<p class="empty">${nothing(name, entries.length)}</p>`}
    <ul class="sheet">
      ${able.map(
        (entry) => html`<li class="tile" key=${entry.id}>
          <button type="button" class="open" onClick=${() => onPick(entry)}>
            <${GalleryPicture} entry=${entry} alt=${nameOf(entry.recipe)} />
          </button>
        </li>`,
      )}
    </ul>
    ${next && html`<div><button type="button" onClick=${more}>Show more</button></div>`}
  </div>`;
}

function nothing(shelf, unfit) {
  if (unfit) return say`None of these can be used here.`;
  return shelf === "kept" ? say`No favourites yet: a heart makes one.` : say`Nothing was drawn yet.`;
}

/** A button that opens the choice in a window, which closes when one was picked. */
export function PickButton({ label, onPick, fits, id }) {
  const dialog = useRef(null);
  const [open, setOpen] = useState(false);
  const show = () => {
    setOpen(true);
    dialog.current.showModal();
  };
  const pick = (entry) => {
    dialog.current.close();
    onPick(entry);
  };
  return html`<button type="button" id=${id} onClick=${show}>${label}</button>
    <dialog ref=${dialog} class="choose" aria-label=${label} onClose=${() => setOpen(false)}>
      <div class="row spread">
        <h2>${label}</h2>
        <button type="button" onClick=${() => dialog.current.close()}>Close</button>
      </div>
      ${open && html`<${Picker} onPick=${pick} fits=${fits} />`}
    </dialog>`;
}

/** Where a view has no picture yet: choose one, or have one drawn by chance. */
export function Begin({ artist, onPick, fits, children }) {
  const { studio } = useShared();
  const [busy, busyWhile] = useWork();
  const draw = busyWhile(async () => onPick(await drawnByChance(studio, artist)));
  const can = artist && begun(artist) !== null;
  return html`<section class="card stack" aria-label="Choose a picture">
    <p>${children}</p>
    ${
      can &&
      html`<div>
      <button id="by-chance" class="primary" type="button" disabled=${busy} onClick=${draw}>
        ${busy ? say`Drawing ...` : say`Draw one with ${artist.id}`}
      </button>
    </div>`
    }
    <${Picker} onPick=${onPick} fits=${fits} />
  </section>`;
}

/** Draw one of an artist's examples with a seed by chance; it comes into the history. */
async function drawnByChance(studio, artist) {
  const [picture] = await studio.draw(artist.id, [{ request: begun(artist), seed: randomSeed() }]);
  return studio.gallery.add(picture.png, { keep: false });
}

/** Return what one may ask of an artist to begin with, by chance, or null. */
function begun(artist) {
  const [kind] = artist.requests;
  const spoken = requestFromText(artist, someExamples(artist).join("\n"));
  return spoken ?? requestOf(kind, byChance(kind, artist, null));
}
