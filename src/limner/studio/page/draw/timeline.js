// Everything that was seen in the draw view: steps in the order in which they were seen, and the way between them.
//
// A timeline is {steps, at}; a step is {id, state, from, to, open, time}: `from` is the step it was made from, `to` the
// one that was made from it last, `open` what may still be typed into it.

import { store, stored } from "../parts.js";
import { same } from "../requests.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

/** Steps that are remembered while the page is open, and over a reload. */
const MOST = 400;
const STORED = 100;
const LONGEST = 1_000_000; // letters that are stored of them
const WRITE = 500; // milliseconds after the last change
/** Milliseconds without a key after which a picture is one that was seen. */
export const REST = 1000;

/** Return the timeline that begins with a state, or goes on with it where there is one already. */
export function begun(state, old = null) {
  const last = old?.steps?.find?.(({ id }) => id === old.at);
  if (!last) return { steps: [step(1, state, null)], at: 1 };
  return same(last.state, state) ? old : stepped(old, state);
}

/** Return the state that is shown. */
export function shown({ steps, at }) {
  return steps.find(({ id }) => id === at).state;
}

/**
 * Return the timeline with another state. What is typed or dragged goes on in its step until it rests, or until
 * something else is changed: `what` names that, null for a press, which is a step of its own.
 */
export function went(line, state, what = null, time = Date.now()) {
  const now = line.steps.find(({ id }) => id === line.at);
  const goesOn = what !== null && now.open === what && time - now.time < REST && now.to === null;
  if (!goesOn) return stepped(line, state, what, time);
  return { ...line, steps: line.steps.map((one) => (one === now ? { ...one, state, time } : one)) };
}

/** Return the id of the step that lies before, or after, the one that is shown; null where there is none. */
export function beside(line, way) {
  const now = line.steps.find(({ id }) => id === line.at);
  const id = way < 0 ? now.from : now.to;
  return line.steps.some((one) => one.id === id) ? id : null;
}

/** Return the timeline with another step shown. */
export function moved(line, id) {
  return id === null ? line : { ...line, at: id };
}

/** Return what is stored of a timeline: its newest steps, and the one that is shown. */
export function kept(line) {
  return { ...line, steps: line.steps.filter(({ id }, i) => i >= line.steps.length - STORED || id === line.at) };
}

/** Return the timeline with something changed of what is shown that makes no other picture. */
export function amended(line, changes) {
  const put = (one) => (one.id === line.at ? { ...one, state: { ...one.state, ...changes } } : one);
  return { ...line, steps: line.steps.map(put) };
}

/** Is what is shown still being typed? */
export function isTyped({ steps, at }) {
  return steps.find(({ id }) => id === at).open !== null;
}

/**
 * The timeline of an artist, stored across reloads under `name`, with the state alone under it as well; `fresh()` makes
 * the first state: [line, change, now], where `change(make)` puts what `make` returns for the newest, and `now()` returns
 * that, be it shown yet or not. What is typed is written when it rests, as writing takes time.
 */
export function useTimeline(artist, name, fresh) {
  const seen = `seen.${artist.id}`;
  const [line, setLine] = useState(() => begun({ ...fresh(), ...stored(name) }, stored(seen)));
  const newest = useRef(line);
  newest.current = line;
  const change = (make) => {
    newest.current = make(newest.current);
    setLine(newest.current);
  };
  const write = () => {
    const short = kept(newest.current);
    while (short.steps.length > 1 && JSON.stringify(short).length > LONGEST) {
      short.steps = short.steps.filter(({ id }, i) => i >= short.steps.length / 2 || id === short.at);
    }
    store(seen, short);
  };
  useEffect(() => {
    store(name, shown(line));
    const timer = setTimeout(write, WRITE);
    return () => clearTimeout(timer);
  }, [line]);
  useEffect(() => {
    addEventListener("pagehide", write);
    return () => {
      removeEventListener("pagehide", write);
      write();
    };
  }, []);
  return [line, change, () => newest.current];
}

function stepped({ steps, at }, state, what = null, time = Date.now()) {
  const id = Math.max(...steps.map((one) => one.id)) + 1;
  const before = steps.map((one) => (one.id === at ? { ...one, to: id, open: null } : one));
  return { steps: [...before, step(id, state, at, what, time)].slice(-MOST), at: id };
}

function step(id, state, from, open = null, time = 0) {
  return { id, state, from, to: null, open, time };
}
