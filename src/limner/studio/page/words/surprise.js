// Requests by chance: examples, and values of whatever was not said.

import { pick } from "../random.js";
import { isNot } from "./grammar.js";

const EXAMPLES = 0.15;
const OFTEN = 0.6;
const RARE = 0.25;

/** Add to a text what it leaves open, by chance; an empty text now and then becomes an example. */
export function surprise(phrases, text, examples) {
  if (!text.trim() && examples.length && Math.random() < EXAMPLES) return pick(examples);
  const said = phrases.valuesIn(text);
  const isOpen = (thing) => !Object.values(thing.parts).some((name) => name in said);
  const open = phrases.things.filter(isOpen);
  if (!open.length) return text.trim() || (examples.length ? pick(examples) : "");
  const placed = open.filter((thing) => thing.placed);
  const things = placed.length
    ? [pick(placed)]
    : open.filter((thing) => Math.random() < (mayLack(phrases, thing) ? RARE : OFTEN));
  const added = phrases.say(valuesOf(phrases, things.length ? things : [pick(open)]));
  const given = text.trim().replace(/[.,;]+$/, "");
  return [given, added].filter(Boolean).join(", ");
}

/** Is a thing one that can be absent, as a hat can? */
function mayLack(phrases, thing) {
  return Object.values(thing.parts).some((name) => phrases.attributes[name].some(isNot));
}

/** Choose values of things by chance: {attribute: value}. */
function valuesOf(phrases, things) {
  const names = things.flatMap((thing) => Object.values(thing.parts));
  const full = names.map((name) => [name, phrases.attributes[name].filter((value) => !isNot(value))]);
  return Object.fromEntries(full.filter(([, values]) => values.length).map(([name, values]) => [name, pick(values)]));
}

/** Choose a value of every attribute that has none. */
export function surpriseValues(attributes, given) {
  return Object.fromEntries(Object.entries(attributes).map(([name, values]) => [name, given[name] ?? pick(values)]));
}
