// The size of pictures, for artists that carry an enlarger.

import { html } from "../lang.js";

/** A choice of the artist's sizes; `size` is null for its own. Nothing where there is but one. */
export function Size({ artist, size, onSize }) {
  const [own, ...larger] = artist.sizes;
  if (!larger.length) return null;
  const chosen = larger.includes(size) ? size : own;
  return html`<label class="row"
    >Size
    <select
      id="size"
      value=${chosen}
      onChange=${({ target }) => onSize(Number(target.value) === own ? null : Number(target.value))}
    >
      ${artist.sizes.map((side) => html`<option key=${side} value=${side}>${side} x ${side}</option>`)}
    </select>
  </label>`;
}
