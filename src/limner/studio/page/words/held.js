// What a judge sees in a picture, written into its words: so only what is changed next changes.

import { isNot } from "./grammar.js";

/** Return of what is seen, {attribute: value}, what can be seen: the colour of a hat can be, where there is a hat. */
export function visible(phrases, seen) {
  const isPart = ([name]) => {
    const thing = phrases.things.find(({ parts }) => Object.values(parts).includes(name));
    return thing && !Object.values(thing.parts).some((part) => part in seen && isNot(seen[part]));
  };
  return Object.fromEntries(Object.entries(seen).filter(isPart));
}

/** Return a text with all that is seen in its picture; what it says itself stays as it is said. */
export function held(phrases, text, seen) {
  const said = phrases.valuesIn(text);
  const left = Object.entries(visible(phrases, seen)).filter(([name]) => !(name in said));
  return left.reduce((now, [name, value]) => phrases.choose(now, name, value), text);
}
