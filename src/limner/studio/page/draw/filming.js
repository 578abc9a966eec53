// "Film it": from this picture through brothers and sisters and back, played, and saved as GIF or video.

import { useRows } from "../drawn.js";
import { html, say } from "../lang.js";
import { ErrorLine, Icon } from "../parts.js";
import { Player } from "../player.js";
import { seedBetween } from "../requests.js";
import { useMemo, useRef, useState } from "../vendor/preact.js";

const STOPS = 3; // brothers and sisters on the way
const EACH = 8; // pictures from one to the next

/** The button and its window; `rows` are those of the siblings, `onLonger()` goes to where films are made of more. */
export function FilmIt({ artist, drawn, rows, onLonger }) {
  const dialog = useRef(null);
  const [of, setOf] = useState(null);
  const show = () => {
    setOf({ drawn, rows: rows.slice(0, STOPS) });
    dialog.current.showModal();
  };
  return html`<button type="button" id="film-it" disabled=${!drawn || !rows.length} onClick=${show}>
      <${Icon} name="walk" /> Film it
    </button>
    <dialog ref=${dialog} class="choose" id="filming" aria-label="Film it" onClose=${() => setOf(null)}>
      <div class="row spread">
        <h2>Through brothers and sisters, and back</h2>
        <button type="button" onClick=${() => dialog.current.close()}>Close</button>
      </div>
      ${of && html`<${Film} artist=${artist} of=${of} />`}
      ${of && html`<div class="row"><button type="button" class="plain" onClick=${onLonger}>A longer film</button></div>`}
    </dialog>`;
}

function Film({ artist, of: { drawn, rows } }) {
  const [at, setAt] = useState(0);
  const way = useMemo(() => wayThrough([drawn.row, ...rows]), [drawn, rows]);
  const { pictures, busy, error } = useRows(artist, way, drawn.knobs);
  const ready = pictures.filter(Boolean).length;
  return html`<div class="stack" aria-busy=${busy}>
    <${Player} pngs=${pictures.map((one) => one?.png ?? null)} name="film" at=${at} onAt=${setAt}
      named=${(place) => say`Frame ${place + 1}`} />
    <p class="soft state" role="status">${busy && say`Drawing ${ready} of ${way.length} frames ...`}</p>
    <${ErrorLine} error=${error} />
  </div>`;
}

/** Return the rows from each to the next, of what the first asks. */
function wayThrough([first, ...others]) {
  const { request } = first;
  const ends = [first.seed, ...others.map(({ seed }) => seed)];
  const between = ends
    .slice(1)
    .flatMap((end, place) =>
      Array.from({ length: EACH }, (_, step) => ({ request, seed: seedBetween(ends[place], end, step / EACH) })),
    );
  return [...between, { request, seed: ends.at(-1) }];
}
