// Shortcuts of single keys, never while one types and not at all where a person turned them off; and of a few chords.

import { html, told } from "../lang.js";
import { useStored } from "../parts.js";
import { useEffect, useRef } from "../vendor/preact.js";

/** Do what `keys` says, {key: [what it does, function]}; "?" shows them. Return the dialog that tells of them. */
export function useKeys(keys) {
  const [on, setOn] = useStored("shortcuts", true);
  const dialog = useRef(null);
  const newest = useRef(null);
  newest.current = { keys, on };
  useEffect(() => {
    const pressed = (event) => {
      const isChord = event.ctrlKey || event.metaKey;
      const isHeld = isChord ? !isPrompt(event.target) && isTyping(event.target) : isTyping(event.target);
      if (event.altKey || isHeld || document.querySelector("dialog[open]")) return;
      const known = newest.current.keys[isChord ? chord(event) : event.key];
      if (isChord && !known) return;
      if (event.key !== "?" && !((newest.current.on || isChord) && known)) return;
      event.preventDefault();
      if (event.key === "?") dialog.current.showModal();
      else known[1]();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const close = () => dialog.current.close();
  return html`<dialog ref=${dialog} id="shortcuts" aria-label="Shortcuts">
    <h2>Shortcuts</h2>
    <table>
      <tbody>
        ${Object.entries(keys).map(
          ([key, [what]]) =>
            html`<tr key=${key}>
              <td><kbd>${key}</kbd></td>
              <td>${told(what)}</td>
            </tr>`,
        )}
        <tr>
          <td><kbd>?</kbd></td>
          <td>This list</td>
        </tr>
        <tr>
          <td><kbd>Esc</kbd></td>
          <td>Leave the prompt, so that keys are shortcuts again</td>
        </tr>
      </tbody>
    </table>
    <div class="row spread">
      <label class="row"
        ><input type="checkbox" checked=${on} onChange=${(event) => setOn(event.target.checked)} /> Use them</label
      >
      <button type="button" onClick=${close}>Close</button>
    </div>
  </dialog>`;
}

/** Name a key that is pressed with Control, or with Command. */
function chord({ key, shiftKey }) {
  const letter = key.toUpperCase();
  if (letter === "Y") return "Ctrl+Shift+Z";
  return `Ctrl+${shiftKey ? "Shift+" : ""}${letter}`;
}

/** The prompt goes back with all that was seen, as what a field itself remembers ends where a press wrote into it. */
function isPrompt(target) {
  return target.id === "prompt";
}

function isTyping(target) {
  return target.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=range], [type=button])");
}
