// Chips and words: how chosen values are said in a prompt, and which values a prompt says, for any schema.

import { apartIn } from "./apart.js";
import { bare, isAdjective, isNot, isYes, mended, withArticle } from "./grammar.js";
import { findValues } from "./values.js";

const COLOURS = ["colour", "color"];
const KINDS = ["style", "tone", "type", "kind"];
const PROPERTIES = [...KINDS, "size", "shape", "material", ...COLOURS];
const FEW = 3; // values that may name a thing
const ORDER = ["size", "main", "colour", "material", "shape"];

/** The attributes of an artist as things that have properties ("hair": a style and a colour), and their words. */
export class Phrases {
  /** `attributes` are values by name, `words` all that the artist knows, the most frequent first. */
  constructor(attributes, words, examples = []) {
    this.attributes = attributes;
    this.rank = new Map(words.map((word, place) => [word, place]));
    this.things = [];
    for (const name of Object.keys(attributes)) this.#place(name);
    for (const thing of this.things) this.#name(thing);
    for (const thing of this.things) this.#learn(thing, examples.join("\n").toLowerCase());
    this.apart = apartIn(this, examples);
  }

  #place(name) {
    const words = name.toLowerCase().split(/[_\s]+/);
    if (words.length > 1 && words[0] === "has") words.shift();
    const property = words.length > 1 && PROPERTIES.includes(words.at(-1)) ? words.pop() : "main";
    const stem = words.join(" ");
    let thing = this.things.find((one) => one.name === stem);
    if (!thing) {
      thing = { name: stem, parts: {} };
      this.things.push(thing);
    }
    const part = COLOURS.includes(property) ? "colour" : KINDS.includes(property) ? "main" : property;
    thing.parts[part in thing.parts ? property : part] = name;
  }

  /** What a thing is called: by its own name, or where the artist does not know that, as its values often are. */
  #name(thing) {
    const own = bare(thing.name).map((word) => this.#known(word));
    thing.placed = "shape" in thing.parts && "material" in thing.parts;
    thing.noun = !thing.placed && own.every(Boolean) ? own.join(" ") : null;
    const values = this.attributes[thing.placed ? thing.parts.shape : thing.parts.main] ?? [];
    const lasts = values.filter((value) => !isNot(value)).map((value) => this.#known(bare(value).at(-1)));
    const heads = lasts.filter((word) => word && !isAdjective(word) && !isYes(word));
    thing.heads = new Set([...(thing.noun ? [bare(thing.noun).at(-1)] : []), ...heads]);
    const usual = [...heads].sort((a, b) => this.rank.get(a) - this.rank.get(b))[0];
    thing.called = thing.noun ?? usual ?? (own.filter(Boolean).join(" ") || thing.name);
    const isFew = values.length > 0 && values.length <= FEW && !values.some((value) => isNot(value) || isYes(value));
    thing.title = isFew && !own.some(Boolean) && !thing.placed ? values.join(" or ") : thing.name;
  }

  /** Return what an attribute is called where people read it: a name that says nothing to them is told by its values. */
  titleOf(name) {
    const thing = this.things.find(({ parts }) => Object.values(parts).includes(name));
    const isMain = thing && name.toLowerCase() === thing.name;
    return isMain ? thing.title : name.replaceAll("_", " ");
  }

  /** Learn which values have a colour of another noun, as in "a suit with a red tie". */
  #learn(thing, examples) {
    thing.colouredParts = {};
    const colours = this.attributes[thing.parts.colour] ?? [];
    if (!colours.length) return;
    const any = colours.map(escaped).join("|");
    for (const value of this.attributes[thing.parts.main] ?? []) {
      const found = new RegExp(`\\b${escaped(value)} (and|with|over) an? (?:${any}) (\\w+)`).exec(examples);
      if (!found || this.#isHeadless(value)) continue;
      const [, joint, noun] = found;
      thing.colouredParts[value] = { joint, noun };
      thing.heads.add(noun);
    }
  }

  #isHeadless(value) {
    return isAdjective(bare(value).at(-1) ?? "");
  }

  /** A word as the artist knows it, in one number or the other; null where it does not. */
  #known(word) {
    const forms = [word, word?.replace(/s$/, ""), `${word}s`];
    return forms.find((form) => this.rank.has(form)) ?? null;
  }

  /** Say chosen values, {attribute: value}, as a list: "man, curly red hair, round glasses". */
  say(chosen) {
    const phrases = this.things.map((thing) => this.sayThing(thing, chosen)).filter(Boolean);
    return phrases.join(", ");
  }

  /** Say what was chosen of one thing, or "" where that is nothing. */
  sayThing(thing, chosen) {
    const of = {};
    for (const [part, name] of Object.entries(thing.parts)) if (chosen[name] !== undefined) of[part] = chosen[name];
    if (!Object.keys(of).length || Object.values(of).some(isNot)) return "";
    const [adjectives, head] = this.#head(thing, of.main ?? "");
    const colour = of.colour ? this.#words(of.colour) : [];
    if (thing.placed) {
      const shape = of.shape ? this.#words(of.shape) : [thing.called];
      const parts = ORDER.flatMap((part) => (part === "shape" ? shape : of[part] ? this.#words(of[part]) : []));
      return `${withArticle(parts.join(" "))}, ${this.#words(thing.name).join(" ")}`;
    }
    if (colour.length && of.main in thing.colouredParts) {
      const { joint, noun } = thing.colouredParts[of.main];
      return `${of.main} ${joint} ${withArticle([...colour, noun].join(" "))}`;
    }
    const rest = Object.entries(of).filter(([part]) => part !== "main" && part !== "colour");
    return [...rest.flatMap(([, value]) => this.#words(value)), ...adjectives, ...colour, ...head].join(" ");
  }

  /** Split a value into what comes before a colour and what after. */
  #head(thing, value) {
    const noun = [thing.called];
    if (!value || isYes(value)) return [[], noun];
    const known = value.split(" ").flatMap((part) => this.#spelt(part));
    const last = known.at(-1);
    if (!last) return [[], [value]];
    const altered = !bare(value).includes(last);
    if (thing.noun && (isAdjective(last) || altered) && last !== thing.noun) {
      return [known, [known[0] === "one" ? this.#single(thing.noun) : thing.noun]];
    }
    let first = 0;
    while (first < known.length - 1 && isAdjective(known[first])) first += 1;
    return [known.slice(0, first), known.slice(first)];
  }

  #single(noun) {
    const one = noun.replace(/s$/, "");
    return this.rank.has(one) ? one : noun;
  }

  #words(value) {
    return value.split(" ").flatMap((part) => this.#spelt(part));
  }

  /** A part of a value in words that the artist knows; hyphens stay where it knows all of them. */
  #spelt(part) {
    const words = bare(part);
    if (words.every((word) => this.rank.has(word))) return [part];
    return words.map((word) => this.#known(word)).filter(Boolean);
  }

  /** Return the things that a text mentions. */
  thingsIn(text) {
    return new Set(findValues(this, text).keys());
  }

  /** Return the values that a text mentions: {attribute: value}. */
  valuesIn(text) {
    return Object.assign({}, ...[...findValues(this, text).values()].map((found) => found.values));
  }

  /** Press a chip: write a value of an attribute into a text, in place of what it says there; null takes it out. */
  choose(text, name, value) {
    const thing = this.things.find((one) => Object.values(one.parts).includes(name));
    const found = findValues(this, text).get(thing) ?? { values: {}, spans: [] };
    const { [name]: old, ...others } = found.values;
    let chosen = value === null ? others : { ...others, [name]: value };
    const isWhole = value === null && old !== undefined && this.#endsIt(thing, name, old);
    if (isWhole || (value !== null && isNot(value))) chosen = {};
    return rewritten(text, found.spans, this.sayThing(thing, chosen));
  }

  /** Is a thing gone with this value? A beanie is, hair that is no longer curly is not. */
  #endsIt(thing, name, value) {
    if (name !== (thing.placed ? thing.parts.shape : thing.parts.main)) return false;
    if (!thing.noun || bare(value).at(-1) === bare(thing.noun).at(-1)) return true;
    return this.attributes[thing.parts.main].includes(thing.noun) && !this.#isHeadless(value);
  }
}

/** A text as a pattern that finds just it. */
function escaped(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}\s]/gu, "\\$&");
}

/** Return spans with those put together that stand side by side: "woman" of "a smiling woman" may become "man" there. */
function together(text, spans) {
  const made = [];
  for (const span of spans) {
    const last = made.at(-1);
    if (last && !last.whole && !span.whole && !text.slice(last.end, span.start).trim()) {
      Object.assign(last, { end: span.end, last: span.last });
    } else made.push({ ...span });
  }
  return made;
}

/** Put a phrase where spans of a text were, at its end where there were none; "" only takes out. */
function rewritten(text, parts, phrase) {
  const spans = together(text, parts);
  let now = text;
  let placed = phrase === "";
  for (const span of [...spans].reverse()) {
    const isPlace = span === spans[0] && (span.whole || (spans.length === 1 && span.last)) && !placed;
    const before = now.slice(0, span.start);
    const needs =
      span.article ||
      (!before.trim() && /^an?\b/i.test(text)) ||
      /\b(?:with|wearing|and|on|against|in|of|has|have)\s*$/i.test(before);
    const written = isPlace ? (needs ? withArticle(phrase) : phrase) : "";
    placed ||= isPlace;
    now = before + written + now.slice(span.end);
  }
  now = mended(now);
  if (placed) return now;
  const stop = now.endsWith(".") ? "." : "";
  const rest = stop ? now.slice(0, -1) : now;
  return rest ? `${rest}, ${phrase}${stop}` : phrase;
}
