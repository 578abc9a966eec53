// The seed of a picture: which of all pictures that fit the words it is.

import { IconButton } from "../parts.js";
import { randomSeed } from "../random.js";
import { seedText } from "../requests.js";
import { html } from "../vendor/preact.js";

/** A number that can be locked, and a dice; a seed that is not a number is described, and can be dropped. */
export function Seed({ seed, locked, onSeed, onLock }) {
  const number = typeof seed === "number";
  const typed = (event) => {
    const value = Math.floor(Number(event.target.value));
    if (event.target.value !== "" && value >= 0 && value < 2 ** 63) onSeed(Math.min(value, Number.MAX_SAFE_INTEGER));
  };
  const said = locked ? "Locked: only words change the picture" : "Open: each change draws another picture";
  return html`<div class="row seed">
    ${
      number
        ? html`<label class="row"
            >Seed <input id="seed" type="number" min="0" step="1" value=${seed} onInput=${typed}
          /></label>`
        : html`<span class="seed-told" id="seed" title=${seedText(seed)}>${seedText(seed)}</span>
            <${IconButton} name="close" label="Let this seed go" onClick=${() => onSeed(randomSeed())} />`
    }
    <${IconButton}
      id="lock"
      name=${locked ? "lock" : "unlock"}
      label=${`Seed lock. ${said}`}
      aria-pressed=${locked}
      onClick=${onLock}
    />
    <${IconButton}
      id="dice"
      name="dice"
      label="Throw the dice: another picture of the same words"
      onClick=${() => onSeed(randomSeed())}
    />
  </div>`;
}
