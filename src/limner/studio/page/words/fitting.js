// Words beside which a value can be drawn: what never stands together in pictures, as eyes and sunglasses, hides it.

import { without } from "./held.js";

/** Of all else that is seen, the share that is to be as it was: a picture of somebody else is no answer. */
const LEAST = 2 / 3;

/**
 * Find out what to write so that a value that a text names is there: a generator that yields texts, is sent what a judge
 * sees in the picture of each, and returns a text. Where the value is not seen, one thing is taken out: of those without
 * which it is there the one that leaves most else as it was. Where that is not enough, the value is written alone, and one
 * thing after another beside it, but for those that hide it.
 */
export function* fitting(phrases, text, { name, value }) {
  const [now] = yield [text];
  if (now[name] === value) return text;
  const own = phrases.things.find(({ parts }) => Object.values(parts).includes(name));
  const others = [...phrases.thingsIn(text)].filter((thing) => thing !== own);
  const left = (gone) => gone.reduce((rest, thing) => without(phrases, rest, thing), text);
  const names = Object.keys(now).filter((other) => other !== name);
  const score = (seen) => {
    const share = names.filter((other) => seen[other] === now[other]).length / names.length;
    return seen[name] === value ? share : -1;
  };
  const texts = others.map((thing) => left([thing]));
  const scores = (yield texts).map(score);
  const best = Math.max(-1, ...scores);
  if (best >= LEAST) return texts[scores.indexOf(best)];
  let gone = others;
  let found = score((yield [left(gone)])[0]);
  if (found < 0) return text;
  for (const thing of others) {
    const fewer = gone.filter((other) => other !== thing);
    const share = score((yield [left(fewer)])[0]);
    if (share >= 0) [gone, found] = [fewer, share];
  }
  return found >= LEAST ? left(gone) : text;
}
