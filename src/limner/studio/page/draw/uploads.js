// Uploaded pictures: their style becomes a seed, or the artist describes them.

import { html, say } from "../lang.js";
import { ErrorLine, FileDrop, useShared, useWork } from "../parts.js";
import { canPhoto } from "../photo/request.js";
import { to } from "../routes.js";
import { useState } from "../vendor/preact.js";

const STYLE = "Draw in the style of a picture: drop or choose it";
const CAPTION = "Say what a picture shows: drop or choose it";

/** Uploads for an artist: `onSeed(style)` and `onText(caption)` are called with the result. */
export function Uploads({ artist, onSeed, onText }) {
  const { studio, notify } = useShared();
  const [error, setError] = useState(null);
  const [busy, busyWhile] = useWork(setError);
  const style = busyWhile(async (file) => {
    setError(null);
    onSeed(await studio.style(artist.id, file));
    notify(say`Drawn in the style of the picture; the dice lets it go`);
  });
  const caption = busyWhile(async (file) => {
    setError(null);
    onText(await studio.caption(artist.id, file));
  });
  if (!artist.can.style && !artist.can.caption && !canPhoto(artist)) return null;
  return html`<details class="fold" id="uploads">
    <summary>From a picture of yours</summary>
    <div class="stack folded" aria-busy=${busy}>
      ${artist.can.style && html`<${FileDrop} id="style" label=${STYLE} onFile=${style} />`}
      ${artist.can.caption && html`<${FileDrop} id="caption" label=${CAPTION} onFile=${caption} />`}
      ${canPhoto(artist) && html`<a class="button" href=${to("photo")} id="to-photo">From a photo to attributes</a>`}
      <${ErrorLine} error=${error} />
    </div>
  </details>`;
}
