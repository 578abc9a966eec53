// Attention maps of words: everything but the attended region is shaded.

import { isBlend } from "../fields.js";
import { html } from "../lang.js";
import { useLatest, useShared } from "../parts.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const DELAY = 500;
const SHADE = 210;

/** Fetch the attention maps once the text has not changed for a while: {row, words, looks} or null. */
export function useAttention(artist, drawn, wanted) {
  const { studio, fail } = useShared();
  const [found, setFound] = useState(null);
  const run = useLatest(async (signal, { row, knobs }) => {
    try {
      const { words, looks } = await studio.attention(artist.id, row, { knobs, signal });
      setFound({ row, words, looks });
    } catch (error) {
      fail(error);
    }
  });
  useEffect(() => {
    if (!wanted || !drawn || isBlend(drawn.row.request)) return undefined;
    const timer = setTimeout(() => run(drawn), DELAY);
    return () => clearTimeout(timer);
  }, [drawn, wanted]);
  return wanted && found && found.row === drawn?.row ? found : null;
}

/** The words below the picture: pointing at one, or focusing it, shows its map by `onWord(number or null)`. */
export function Words({ found, word, onWord, look, onLook }) {
  if (!found) return html`<p class="soft small" aria-live="polite">Looking ...</p>`;
  return html`<div class="looked">
    <div class="row" role="group" aria-label="Words of the prompt" onPointerLeave=${() => onWord(null)}>
      ${found.words.map(
        (one, place) =>
          html`<button
            type="button"
            class="word"
            key=${place}
            aria-pressed=${place === word}
            onPointerEnter=${() => onWord(place)}
            onFocus=${() => onWord(place)}
            onBlur=${() => onWord(null)}
            onClick=${() => onWord(place)}
          >
            ${one}
          </button>`,
      )}
    </div>
    ${
      found.looks.length > 1 &&
      html`<label class="row small"
        >Look
        <select value=${look} onChange=${(event) => onLook(Number(event.target.value))}>
          ${found.looks.map(
            ({ note }, place) => html`<option key=${place} value=${place}>${note || place + 1}</option>`,
          )}
        </select>
      </label>`
    }
  </div>`;
}

/** The map of a word, over the picture it is laid on. */
export function Overlay({ look, word }) {
  const canvas = useRef(null);
  useEffect(() => {
    if (look && word !== null) paint(canvas.current, look, word);
  }, [look, word]);
  if (!look || word === null) return null;
  return html`<canvas
    ref=${canvas}
    class="overlay"
    id="overlay"
    width=${look.width}
    height=${look.height}
    aria-hidden="true"
  ></canvas>`;
}

function paint(canvas, { width, height, maps }, word) {
  const map = maps.subarray(word * width * height, (word + 1) * width * height);
  const most = map.reduce((a, b) => Math.max(a, b), 1);
  const image = new ImageData(width, height);
  for (const [place, value] of map.entries()) {
    image.data.set([0, 0, 0, Math.round((1 - value / most) * SHADE)], 4 * place);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
