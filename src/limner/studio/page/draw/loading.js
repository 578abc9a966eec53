// Until the first picture: what is drawn by others of its kind, and how much of what draws has come.

import { html, say } from "../lang.js";
import { useShared } from "../parts.js";
import { useEffect, useState } from "../vendor/preact.js";

const MEGABYTE = 1e6;

/** What an exported page shows while its nets are on their way; a server draws at once. */
export function Loading({ artist, drawn }) {
  const { studio } = useShared();
  const [loading, setLoading] = useState(null);
  useEffect(() => {
    if (studio.kind !== "browser") return undefined;
    studio.onLoading = setLoading;
    return () => {
      studio.onLoading = () => {};
    };
  }, [studio]);
  if (studio.kind !== "browser" || drawn) return null;
  const { done = 0, all = 0 } = loading ?? {};
  const said = all ? say`${megabytes(done)} of ${megabytes(all)} MB` : "";
  return html`<div class="loading">
    <img class="shown" id="faces" src=${`./artists/${artist.id}/faces.webp`} alt="" />
    <label class="card row">
      <span class="ring" aria-hidden="true" style=${{ "--share": all ? done / all : 0 }}></span>
      Getting ready to draw ${said}
      <progress id="loading" class="hidden" value=${done} max=${all || 1} />
    </label>
  </div>`;
}

function megabytes(bytes) {
  return (bytes / MEGABYTE).toFixed(1);
}
