// Which words of a text an artist's things are heard in, and where.

import { useMemo } from "../vendor/preact.js";
import { paintOf } from "../words/paints.js";
import { findValues } from "../words/values.js";

/** Return the places of a text that speak of things: [{name, start, end, paint}], the first first, none in another. */
export function useHeard(phrases, text) {
  return useMemo(() => (phrases && text ? heardIn(phrases, text) : []), [phrases, text]);
}

function heardIn(phrases, text) {
  const marks = [...findValues(phrases, text)].flatMap(([thing, { values, spans }]) => {
    const paints = Object.entries(values).map(([name, value]) => paintOf(name, value));
    const paint = paints.find(Boolean) ?? null;
    return joined(text, spans).map(({ start, end }) => ({ name: thing.name, start, end, paint }));
  });
  marks.sort((a, b) => a.start - b.start);
  return marks.filter(({ start }, place) => place === 0 || start >= marks[place - 1].end);
}

const ARTICLE = /^(?:an?|the)\s+/i;

/** Return spans in order without articles, those put together between which there are only blanks. */
function joined(text, spans) {
  const made = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const { end } = span;
    const start = span.start + (text.slice(span.start, end).match(ARTICLE)?.[0].length ?? 0);
    const last = made.at(-1);
    if (last && !text.slice(last.end, start).trim()) last.end = end;
    else made.push({ start, end });
  }
  return made;
}
