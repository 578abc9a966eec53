// Undo for a view whose state is one value: Ctrl+Z and Ctrl+Shift+Z go through what it was, words included.

import { same } from "./requests.js";
import { useEffect, useRef } from "./vendor/preact.js";

const REST = 1000; // milliseconds; what changes faster is one step
const MOST = 200;

/** Remember each `value` that rested, and `set` it again by the keys. */
export function useSteps(value, set) {
  const line = useRef({ past: [], future: [], last: value, time: 0 });
  const newest = useRef(set);
  newest.current = set;
  useEffect(() => {
    const now = line.current;
    if (same(value, now.last)) return;
    const time = Date.now();
    if (time - now.time > REST) now.past = [...now.past, now.last].slice(-MOST);
    Object.assign(now, { last: value, time, future: [] });
  }, [value]);
  useEffect(() => {
    const pressed = (event) => {
      const letter = event.key.toLowerCase();
      if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(letter)) return;
      if (event.target.matches("input:not([type=range], [type=checkbox])") || document.querySelector("dialog[open]"))
        return;
      const now = line.current;
      const isForward = letter === "y" || event.shiftKey;
      const [from, to] = isForward ? [now.future, now.past] : [now.past, now.future];
      event.preventDefault();
      if (!from.length) return;
      to.push(now.last);
      Object.assign(now, { last: from.pop(), time: 0 });
      newest.current(now.last);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
