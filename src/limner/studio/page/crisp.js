// Crisp pictures: when one rests, its artist's enlarger draws it large, and that is shown over the small one.

import { html } from "./lang.js";
import { PngImage, useLatest, useShared } from "./parts.js";
import { useEffect, useMemo, useState } from "./vendor/preact.js";

const RESTS = 700; // milliseconds, so that no key waits for it

/** The same over a picture {png, recipe} that a row gave. */
export function CrispRow({ artist, row, knobs = {}, picture }) {
  const drawn = useMemo(() => picture && { picture, row, knobs, size: null }, [picture]);
  return html`<${Crisp} artist=${artist} drawn=${drawn} />`;
}

/** Lies over the picture of `drawn`, {picture, row, knobs, size}, as soon as there is a larger one. */
export function Crisp({ artist, drawn, hidden = false }) {
  const { studio } = useShared();
  const [large, setLarge] = useState(null);
  const size = artist.sizes.at(-1);
  const can = drawn && artist.sizes.length > 1 && !drawn.size;
  const run = useLatest(async (signal, asked) => {
    try {
      const [{ png }] = await studio.draw(artist.id, [asked.row], { knobs: asked.knobs, size, signal });
      setLarge({ of: asked, png });
    } catch {
      // the small one is there
    }
  });
  useEffect(() => {
    if (!can) return undefined;
    const timer = setTimeout(() => run(drawn), RESTS);
    return () => clearTimeout(timer);
  }, [drawn]);
  if (!can || hidden || large?.of !== drawn) return null;
  return html`<${PngImage} class="shown crisp" id="crisp" png=${large.png} alt="" />`;
}
