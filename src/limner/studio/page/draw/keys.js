// Shortcuts of single keys: never while one types, and not at all where a person turned them off.

import { useStored } from "../parts.js";
import { html, useEffect, useRef } from "../vendor/preact.js";

/** Do what `keys` says, {key: [what it does, function]}; "?" shows them. Return the dialog that tells of them. */
export function useKeys(keys) {
  const [on, setOn] = useStored("shortcuts", true);
  const dialog = useRef(null);
  const newest = useRef(null);
  newest.current = { keys, on };
  useEffect(() => {
    const pressed = (event) => {
      if (
        event.ctrlKey ||
        event.altKey ||
        event.metaKey ||
        isTyping(event.target) ||
        document.querySelector("dialog[open]")
      )
        return;
      const known = newest.current.keys[event.key];
      if (event.key !== "?" && !(newest.current.on && known)) return;
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
              <td>${what}</td>
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

function isTyping(target) {
  return target.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=range], [type=button])");
}
