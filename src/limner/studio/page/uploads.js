// Pictures that a person brings: their style becomes a seed, or the artist says what they show.

import { ErrorLine, useShared } from "./parts.js";
import { html, useState } from "./vendor/preact.js";

const STYLE = "Draw in the style of a picture: drop or choose it";
const CAPTION = "Say what a picture shows: drop or choose it";

/** A place to drop a file on, or to choose one. */
export function FileDrop({ id, label, accept = "image/png,image/jpeg", onFile }) {
  const [over, setOver] = useState(false);
  const dragged = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const dropped = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files[0]) onFile(event.dataTransfer.files[0]);
  };
  const chosen = (event) => {
    if (event.target.files[0]) onFile(event.target.files[0]);
    event.target.value = "";
  };
  return html`<label
    class=${over ? "drop over" : "drop"}
    onDragOver=${dragged}
    onDragLeave=${() => setOver(false)}
    onDrop=${dropped}
  >
    <input class="hidden" id=${id} type="file" accept=${accept} onChange=${chosen} />
    <span>${label}</span>
  </label>`;
}

/** What this artist makes of pictures: `onSeed` gets a style, `onText` a caption. */
export function Uploads({ artist, onSeed, onText }) {
  const { studio, notify } = useShared();
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const use = (work) => async (file) => {
    setBusy(true);
    setError(null);
    try {
      await work(file);
    } catch (caught) {
      setError(caught);
    }
    setBusy(false);
  };
  const style = use(async (file) => {
    onSeed(await studio.style(artist.id, file));
    notify("Drawn in the style of the picture; the dice lets it go");
  });
  const caption = use(async (file) => onText(await studio.caption(artist.id, file)));
  if (!artist.can.style && !artist.can.caption) return null;
  return html`<details class="fold" id="uploads">
    <summary>From a picture of yours</summary>
    <div class="stack folded" aria-busy=${busy}>
      ${artist.can.style && html`<${FileDrop} id="style" label=${STYLE} onFile=${style} />`}
      ${artist.can.caption && html`<${FileDrop} id="caption" label=${CAPTION} onFile=${caption} />`}
      <${ErrorLine} error=${error} />
    </div>
  </details>`;
}
