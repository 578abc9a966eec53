// Undo for a view whose state is one value: Ctrl+Z and Ctrl+Shift+Z go through what it was, words included.

import { same } from "./requests.js";
import { useEffect, useRef } from "./vendor/preact.js";

const REST = 1000; // milliseconds; what changes faster is one step
const MOST = 200;

/** Remember each `value` that rested, and `set` it again by the keys, or by what it returns. */
export function useSteps(value, set, together = REST) {
  const line = useRef({ past: [], future: [], last: value, time: 0 });
  const newest = useRef(set);
  newest.current = set;
  useEffect(() => {
    const now = line.current;
    if (same(value, now.last)) return;
    const time = Date.now();
    if (time - now.time > together) now.past = [...now.past, now.last].slice(-MOST);
    Object.assign(now, { last: value, time, future: [] });
  }, [value]);
  const walk = (isForward) => {
    const now = line.current;
    const [from, to] = isForward ? [now.future, now.past] : [now.past, now.future];
    if (!from.length) return;
    to.push(now.last);
    Object.assign(now, { last: from.pop(), time: 0 });
    newest.current(now.last);
  };
  useEffect(() => {
    const pressed = (event) => {
      const letter = event.key.toLowerCase();
      if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(letter)) return;
      if (event.target.matches("input:not([type=range], [type=checkbox])") || document.querySelector("dialog[open]"))
        return;
      event.preventDefault();
      walk(letter === "y" || event.shiftKey);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const apart = () => {
    line.current.time = 0; // what changes next is a step of its own, however soon it comes
  };
  return { undo: () => walk(false), redo: () => walk(true), apart };
}
