// Choose a picture among favourites or history: within a view, or in a window of its own.

import { artistOf } from "./drawn.js";
import { ErrorLine, Kept, chance, textOf, useShared } from "./parts.js";
import { someExamples, told } from "./requests.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const SHELVES = { kept: "Favourites", drawn: "History" };
const PAGE = 24;

/** Pictures to choose from; `fits(entry, artist)` tells which can be, `onPick` hears which. */
export function Picker({ onPick, fits = () => true, chosen = [] }) {
  const { studio, artists } = useShared();
  const [shelf, setShelf] = useState("kept");
  const [listed, setListed] = useState(null);
  const [error, setError] = useState(null);
  const more = async (from, after) => {
    try {
      const page = await studio.gallery.page({ shelf: from, limit: PAGE, after });
      setListed((old) => ({ shelf: from, data: [...(after ? old.data : []), ...page.data], next: page.next }));
    } catch (caught) {
      setError(caught);
    }
  };
  useEffect(() => void more(shelf), [shelf]);
  const shown = listed?.shelf === shelf ? listed : null;
  const able = shown?.data.filter((entry) => artistOf(artists, entry) && fits(entry, artistOf(artists, entry))) ?? [];
  return html`<div class="stack picker">
    <div class="row" role="group" aria-label="Where to choose from">
      ${Object.entries(SHELVES).map(
        ([name, text]) => html`<button type="button" key=${name} aria-pressed=${shelf === name}
          onClick=${() => setShelf(name)}>
          ${text}
        </button>`,
      )}
    </div>
    <${ErrorLine} error=${error} />
    ${shown && able.length === 0 && html`<p class="empty">${nothing(shelf, shown.data.length)}</p>`}
    <ul class="sheet">
      ${able.map(
        (entry) => html`<li class="tile" key=${entry.id}>
          <button type="button" class="open" aria-pressed=${chosen.includes(entry.id)} onClick=${() => onPick(entry)}>
            <${Kept} entry=${entry} alt=${textOf(entry.recipe.request) || `seed ${entry.recipe.seed}`} />
          </button>
        </li>`,
      )}
    </ul>
    ${shown?.next && html`<div><button type="button" onClick=${() => more(shelf, shown.next)}>Show more</button></div>`}
  </div>`;
}

function nothing(shelf, unfit) {
  if (unfit) return "None of these can be used here.";
  return shelf === "kept" ? "No favourites yet: a heart makes one." : "Nothing was drawn yet.";
}

/** A button that opens the choice in a window, which closes when one was picked. */
export function PickButton({ label, onPick, fits, id, primary = false }) {
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
  return html`<button type="button" id=${id} class=${primary ? "primary" : undefined} onClick=${show}>${label}</button>
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
  const { studio, fail } = useShared();
  const [busy, setBusy] = useState(false);
  const draw = async () => {
    setBusy(true);
    try {
      onPick(await drawnByChance(studio, artist));
    } catch (error) {
      fail(error);
    } finally {
      setBusy(false);
    }
  };
  const can = artist && begun(artist) !== null;
  return html`<section class="card stack" aria-label="Choose a picture">
    <p>${children}</p>
    ${can &&
    html`<div>
      <button id="by-chance" class="primary" type="button" disabled=${busy} onClick=${draw}>
        ${busy ? "Drawing ..." : `Draw one with ${artist.id}`}
      </button>
    </div>`}
    <${Picker} onPick=${onPick} fits=${fits} />
  </section>`;
}

/** Draw one of an artist's examples with a seed by chance; it comes into the history. */
async function drawnByChance(studio, artist) {
  const [picture] = await studio.draw(artist.id, [{ request: begun(artist), seed: chance() }]);
  return studio.gallery.add(picture.png, { keep: false });
}

/** Return what one may ask of an artist to begin with, by chance, or null. */
function begun(artist) {
  if (artist.takes === "attributes") return { kind: "attributes", values: anyOf(artist.attributes) };
  return told(artist, someExamples(artist).join("\n"));
}

function anyOf(attributes) {
  const some = Object.entries(attributes).map(([name, values]) => [name, values[chance() % values.length]]);
  return Object.fromEntries(some);
}
