// The prompt: a line that grows, and what is made of words that the artist does not know.

import { html, say } from "../lang.js";
import { misread } from "../requests.js";
import { useEffect, useRef } from "../vendor/preact.js";

/**
 * One line of words; Enter adds no second one. Words of `marks`, [{name, start, end, paint}], are underlined;
 * `onMark(name, isByKey)` hears which of them was pressed, with the mouse or by Alt and the arrow down. Where a string is
 * `typed` by nobody, it lies over the text.
 */
export function Prompt({
  text,
  label = "Prompt",
  placeholder,
  onInput,
  marks = [],
  onMark = () => {},
  typed,
  ...rest
}) {
  const field = useRef(null);
  useEffect(() => {
    if (CSS.supports("field-sizing", "content")) return; // the style sheet sees to it, and nothing is laid out twice
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight + 2}px`;
  }, [text]);
  const mark = ({ selectionStart, selectionEnd }, isByKey) => {
    const found = marks.find(({ start, end }) => selectionStart >= start && selectionEnd <= end);
    if (found && (isByKey || selectionStart === selectionEnd)) onMark(found.name, isByKey);
    return found;
  };
  const pressed = (event) => {
    if (event.key === "Enter" && !event.isComposing) event.preventDefault();
    if (event.key === "Escape") event.target.blur();
    if (event.key === "ArrowDown" && event.altKey && mark(event.target, true)) event.preventDefault();
  };
  return html`<label class="prompt">
    <span class="hidden">${label}</span>
    <${Mirror} text=${text} marks=${marks} />
    ${typeof typed === "string" && html`<span class="mirror typed" aria-hidden="true">${typed}</span>`}
    <textarea
      ref=${field}
      rows="1"
      maxlength="1000"
      spellcheck="false"
      autocomplete="off"
      placeholder=${placeholder}
      value=${text}
      onKeyDown=${pressed}
      onClick=${(event) => mark(event.target, false)}
      onInput=${(event) => onInput(event.target.value.replaceAll("\n", " "))}
      ...${rest}
    />
  </label>`;
}

/** The text once more, behind the field, letter below letter: as a field itself underlines nothing. */
function Mirror({ text, marks }) {
  const pieces = [];
  let at = 0;
  for (const { name, start, end, paint } of marks) {
    pieces.push(
      text.slice(at, start),
      html`<u data-mark=${name} style=${paint ? { "text-decoration-color": paint } : {}}>${text.slice(start, end)}</u>`,
    );
    at = end;
  }
  return html`<span class="mirror" aria-hidden="true">${pieces}${text.slice(at)}</span>`;
}

/** Name the words that are not known, each with what is read in its place, and what was taken out as it is not to be. */
export function Unknown({ unknown = {}, denied = [] }) {
  const left = denied.length ? say`Left out, as it is not to be there: ${denied.join(", ")}` : "";
  const said = [misread(Object.entries(unknown)), left].filter(Boolean).join(". ");
  return html`<p class="misread warn" id="unknown" aria-live="polite">${said}</p>`;
}
