// The prompt: a line that grows, and what is made of words that the artist does not know.

import { html, say } from "../lang.js";
import { misread } from "../requests.js";
import { useEffect, useRef } from "../vendor/preact.js";

/** One line of words; Enter adds no second one. */
export function Prompt({ text, label = "Prompt", placeholder, onInput, ...rest }) {
  const field = useRef(null);
  useEffect(() => {
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight + 2}px`;
  }, [text]);
  const pressed = (event) => {
    if (event.key === "Enter" && !event.isComposing) event.preventDefault();
    if (event.key === "Escape") event.target.blur();
  };
  return html`<label class="prompt">
    <span class="hidden">${label}</span>
    <textarea
      ref=${field}
      rows="1"
      maxlength="1000"
      spellcheck="false"
      autocomplete="off"
      placeholder=${placeholder}
      value=${text}
      onKeyDown=${pressed}
      onInput=${(event) => onInput(event.target.value.replaceAll("\n", " "))}
      ...${rest}
    />
  </label>`;
}

/** Name the words that are not known, each with what is read in its place, and what was taken out as it is not to be. */
export function Unknown({ unknown = {}, denied = [] }) {
  const left = denied.length ? say`Left out, as it is not to be there: ${denied.join(", ")}` : "";
  const said = [misread(Object.entries(unknown)), left].filter(Boolean).join(". ");
  return html`<p class="misread warn" id="unknown" aria-live="polite">${said}</p>`;
}
