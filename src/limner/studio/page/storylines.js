// The lines of a story, each a card with its picture: written, added, taken out and moved, by mouse or by keyboard.

import { html, say } from "./lang.js";
import { IconButton } from "./parts.js";
import { misread } from "./requests.js";
import { useEffect, useRef } from "./vendor/preact.js";
import { bare } from "./words/grammar.js";

/** As many lines as a studio tells in one story. */
const MOST = 32;

/** Lines that can be edited; `above(line, i)` and `below(line, i)` give what is shown around each. */
export function Lines({ lines, onLines, above, below }) {
  const list = useRef(null);
  const focus = useRef(null);
  useEffect(() => {
    if (focus.current === null) return;
    list.current.querySelectorAll("textarea")[focus.current]?.focus();
    focus.current = null;
  }, [lines]);
  const set = (next, at) => {
    focus.current = at;
    onLines(next);
  };
  const add = (at) => lines.length < MOST && set([...lines.slice(0, at), "", ...lines.slice(at)], at);
  const drop = (at) =>
    lines.length > 1 &&
    set(
      lines.filter((_, i) => i !== at),
      Math.max(0, at - 1),
    );
  const move = (at, by) => {
    const to = at + by;
    if (to < 0 || to >= lines.length) return;
    const next = [...lines];
    [next[at], next[to]] = [next[to], next[at]];
    set(next, to);
  };
  const keys = (event, i) => {
    const by = event.altKey ? { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key] : undefined;
    if (by) move(i, by);
    else if (event.key === "Enter" && !event.isComposing) add(i + 1);
    else if (event.key === "Backspace" && event.target.value === "") drop(i);
    else return;
    event.preventDefault();
  };
  /** What is pasted in several lines or sentences becomes as many lines. */
  const paste = (event, i) => {
    const pasted = event.clipboardData.getData("text");
    const some = (pasted.includes("\n") ? pasted.split("\n") : pasted.split(/(?<=[.!?。！？])\s*(?=\S)/))
      .map((line) => line.trim())
      .filter(Boolean);
    if (some.length < 2) return;
    event.preventDefault();
    const before = lines[i].trim() ? lines.slice(0, i + 1) : lines.slice(0, i);
    set([...before, ...some, ...lines.slice(i + 1)].slice(0, MOST), Math.min(MOST, before.length + some.length) - 1);
  };
  const write = (event, i) => {
    const written = event.target.value.replaceAll("\n", " ");
    onLines(lines.map((line, n) => (n === i ? written : line)));
  };
  return html`<ol class="lines" ref=${list}>
      ${lines.map(
        (line, i) => html`<li key=${i} class="card line">
          ${above(line, i)}
          <textarea rows="3" value=${line} aria-label=${say`Line ${i + 1}`} maxlength="1000"
            onInput=${(event) => write(event, i)} onPaste=${(event) => paste(event, i)} onKeyDown=${(event) => keys(event, i)} />
          ${below(line, i)}
          <div class="row spread">
            <${IconButton} name="back" label=${say`Line ${i + 1} earlier`} disabled=${i === 0}
              onClick=${() => move(i, -1)} />
            <${IconButton} name="back" class="icon on" label=${say`Line ${i + 1} later`} disabled=${i === lines.length - 1}
              onClick=${() => move(i, 1)} />
            <${IconButton} name="plus" label=${say`Add a line after ${i + 1}`} disabled=${lines.length >= MOST}
              onClick=${() => add(i + 1)} />
            <${IconButton} name="trash" label=${say`Take line ${i + 1} out`} disabled=${lines.length === 1}
              onClick=${() => drop(i)} />
          </div>
        </li>`,
      )}
    </ol>
    <p class="soft keys">
      <kbd>Enter</kbd> adds a line, <kbd>Alt</kbd> with an arrow moves it, <kbd>Backspace</kbd> takes an empty one out.
    </p>`;
}

/** The words of a line that are not known. */
export function Unknown({ line, unknown }) {
  const words = bare(line);
  const found = Object.entries(unknown).filter(([word]) => words.includes(word));
  return found.length > 0 && html`<p class="warn unknown" role="status">${misread(found)}</p>`;
}
