// What a judge sees in a picture, written into its words: so only what is changed next changes.

import { isNot } from "./grammar.js";

/**
 * Return of what is seen, {attribute: value}, what can be seen: the colour of a hat can be, where there is a hat; the
 * hair below it, of which no sentence speaks beside a hat, cannot.
 */
export function visible(phrases, seen) {
  const isThere = ({ parts }) => !Object.values(parts).some((name) => name in seen && isNot(seen[name]));
  const isExtra = ({ parts }) => Object.values(parts).some((name) => phrases.attributes[name].some(isNot));
  const isKnown = ({ parts }) => Object.values(parts).some((name) => name in seen);
  const over = phrases.things.filter((thing) => isExtra(thing) && isKnown(thing) && isThere(thing));
  const isUnder = (thing) => !isExtra(thing) && over.some((other) => phrases.apart.get(thing)?.has(other));
  return Object.fromEntries(
    Object.entries(seen).filter(([name]) => {
      const thing = thingOf(phrases, name);
      return thing && isThere(thing) && !isUnder(thing);
    }),
  );
}

/**
 * Return a text with all that can be seen in its picture; what it says itself stays as it is said, but for what is not
 * there. Nothing comes in that never stands beside it: an artist that is told of both draws one.
 */
export function held(phrases, text, seen) {
  const isGone = ([name]) => name in seen && isNot(seen[name]);
  const gone = Object.entries(phrases.valuesIn(text)).filter(isGone);
  const there = gone.reduce((now, [name]) => phrases.choose(now, name, null), text);
  const said = phrases.valuesIn(there);
  const things = [...phrases.thingsIn(there)];
  const fits = (name) => !things.some((other) => phrases.apart.get(thingOf(phrases, name))?.has(other));
  const left = Object.entries(visible(phrases, seen)).filter(([name]) => !(name in said) && fits(name));
  return left.reduce((now, [name, value]) => phrases.choose(now, name, value), there);
}

/** Return a text without the things that never stand beside that of an attribute, for a value that is written into it. */
export function cleared(phrases, text, name) {
  const others = [...(phrases.apart.get(thingOf(phrases, name)) ?? [])];
  return others.reduce((now, thing) => without(phrases, now, thing), text);
}

/** Return a text without all that it says of a thing. */
export function without(phrases, text, { parts }) {
  const said = phrases.valuesIn(text);
  const names = Object.values(parts).filter((name) => name in said);
  return names.reduce((now, name) => phrases.choose(now, name, null), text);
}

function thingOf(phrases, name) {
  return phrases.things.find(({ parts }) => Object.values(parts).includes(name));
}
