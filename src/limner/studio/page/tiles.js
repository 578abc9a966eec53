// Tiles of pictures that were drawn here and may never be kept: hearts, and links to the draw view.

import { useVisit } from "./drawn.js";
import { useHeartOf, useKeeping } from "./hearts.js";
import { html } from "./lang.js";
import { Heart, PngImage } from "./parts.js";
import { nameOf } from "./requests.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const NEAR = "1200px";

/** A picture with a heart; pressing it opens it in the draw view. */
function Tile({ picture }) {
  const visit = useVisit();
  const text = nameOf(picture.recipe);
  const { kept, toggle } = useHeartOf(picture);
  const keeping = useKeeping(toggle);
  return html`<li class="tile" data-seed=${picture.recipe.seed}>
    <button type="button" class="open" title=${text} ...${keeping} onClick=${() => visit("draw", picture)}>
      <${PngImage} png=${picture.png} alt=${text} />
    </button>
    <${Heart} kept=${kept} onClick=${toggle} />
  </li>`;
}

/** A block of tiles that leaves only its height behind when it is far from what is seen. */
export function Block({ pictures }) {
  const place = useRef(null);
  const [height, setHeight] = useState(null);
  useEffect(() => {
    const watch = new IntersectionObserver(
      ([seen]) => setHeight(seen.isIntersecting ? null : seen.boundingClientRect.height),
      { rootMargin: `${NEAR} 0px` },
    );
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  const isNear = height === null;
  return html`<ul ref=${place} class="block" style=${{ height: isNear ? "" : `${height}px` }}>
    ${isNear && pictures.map((picture, i) => html`<${Tile} key=${i} picture=${picture} />`)}
  </ul>`;
}

/** Tell `onSeen(isSeen)` when the end of a sheet comes near to what is seen, or goes. */
export function End({ onSeen, children, margin = "600px" }) {
  const place = useRef(null);
  const newest = useRef(onSeen);
  newest.current = onSeen;
  useEffect(() => {
    const watch = new IntersectionObserver(([seen]) => newest.current(seen.isIntersecting), {
      rootMargin: `${margin} 0px`,
    });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return html`<div ref=${place} class="end">${children}</div>`;
}
