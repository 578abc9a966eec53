// The seed of a picture: which of all pictures that fit the words it is.

import { html, say } from "../lang.js";
import { IconButton } from "../parts.js";
import { seedText } from "../requests.js";
import { useEffect, useState } from "../vendor/preact.js";

/**
 * A number that can be locked, and a dice; a seed that is not a number is described, and can be dropped. What is no
 * seed is refused with a line, and when one leaves the field it shows the seed that is drawn.
 */
export function Seed({ seed, locked, onSeed, onDice, onLock }) {
  const [text, setText] = useState(null);
  useEffect(() => setText(null), [seed]);
  const number = typeof seed === "number";
  const wrong = text !== null && !isSeed(text);
  const typed = ({ target }) => {
    const written = target.validity.badInput ? "?" : target.value;
    setText(written);
    if (isSeed(written)) onSeed(Number(written));
  };
  const left = ({ target }) => {
    setText(null);
    target.value = seed; // what is no number at all cannot be seen from outside the field
  };
  const said = locked ? say`Locked: only words change the picture` : say`Open: each change draws another picture`;
  return html`<div class="row seed">
    ${
      number
        ? html`<label class="row"
            >Chance <input id="seed" type="number" min="0" step="1" value=${text ?? seed}
              aria-invalid=${wrong} aria-describedby=${wrong ? "no-seed" : undefined} onInput=${typed} onBlur=${left}
          /></label>`
        : html`<span class="seed-told" id="seed" title=${seedText(seed)}>${seedText(seed)}</span>
            <${IconButton} name="close" label="Let it go" onClick=${onDice} />`
    }
    <${IconButton}
      id="lock"
      name=${locked ? "lock" : "unlock"}
      label=${say`Lock. ${said}`}
      aria-pressed=${locked}
      onClick=${onLock}
    />
    <${IconButton}
      id="dice"
      name="dice"
      label="Throw the dice: another picture of the same words"
      onClick=${onDice}
    />
    ${wrong && html`<span class="warn small" id="no-seed" role="alert">${say`Chance is a whole number from 0; ${seed} is drawn.`}</span>`}
  </div>`;
}

function isSeed(text) {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text));
}
