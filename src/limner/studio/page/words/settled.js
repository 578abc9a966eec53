// What of a picture is written down so that it stays: of what hides another, as sunglasses hide eyes, only that.

import { isNot } from "./grammar.js";
import { held, visible } from "./held.js";

/**
 * Find out what of what is seen, {attribute: value}, may be written beside a text: a generator that yields texts, is sent
 * what a judge sees in the picture of each, and returns values. Where something is lost that may be there or not, as
 * glasses, whatever restores it when it is not written is left out.
 */
export function* settled(phrases, text, seen) {
  const all = visible(phrases, seen);
  const gone = Object.fromEntries(Object.entries(seen).filter(([, value]) => isNot(value)));
  const extras = Object.keys(all).filter((name) => phrases.attributes[name].some(isNot));
  if (!extras.length) return { ...all, ...gone };
  const written = (values) => held(phrases, text, { ...values, ...gone });
  const [now] = yield [written(all)];
  const lost = extras.filter((name) => now[name] !== seen[name]);
  if (!lost.length) return { ...all, ...gone };
  const said = phrases.valuesIn(text);
  const names = Object.keys(all).filter((name) => !(name in said) && !extras.includes(name));
  const found = yield names.map((name) => written(without(all, [name])));
  const culprits = names.filter((_, place) => lost.some((name) => found[place][name] === seen[name]));
  return { ...without(all, culprits), ...gone };
}

function without(values, names) {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}
