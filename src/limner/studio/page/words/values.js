// The values that a text mentions of the things of a schema, and where: "curly red hair" is hair, curly and red.

import { bare, common, isAdjective, isNot, isYes } from "./grammar.js";
import { wordPlaces } from "./words.js";

const ARTICLES = new Set(["a", "an", "the"]);
const BREAKS = new Set(
  "a an the with and wearing on against in of over has have his her its he she they it is are at who".split(" "),
);
const MOST = 4000; // values whose words are remembered

/** Find what a text mentions of each thing of `phrases`: a Map of thing to {values: {attribute: value}, spans}. */
export function findValues(phrases, text) {
  const chunks = chunksOf(text);
  const found = new Map();
  for (const thing of phrases.things) {
    if (thing.placed) continue;
    const mentioned = { values: {}, spans: [] };
    for (const chunk of chunks) findInChunk(phrases, thing, chunk, mentioned);
    if (mentioned.spans.length) found.set(thing, mentioned);
  }
  findPlaced(phrases, chunks, found);
  return found;
}

/** Cut a text into phrases: lists of words {word, start, end}, with the article before each, if any. */
function chunksOf(text) {
  const chunks = [];
  let chunk = null;
  let last = null;
  for (const token of wordPlaces(text)) {
    const isSeparate = last && /[,.;:!?\n]/.test(text.slice(last.end, token.start));
    if (BREAKS.has(token.word)) {
      chunk = null;
    } else if (chunk && !isSeparate) {
      chunk.tokens.push(token);
    } else {
      const article = last && !isSeparate && ARTICLES.has(last.word) ? last : null;
      chunk = { tokens: [token], article };
      chunks.push(chunk);
    }
    last = token;
  }
  return chunks;
}

function findInChunk(phrases, thing, { tokens, article }, mentioned) {
  const words = tokens.map((token) => root(token.word));
  const colours = valuesOf(phrases, thing.parts.colour).map((value) => [root(value), value]);
  const isColour = new Map(colours);
  const used = new Set();
  for (const [part, name] of Object.entries(thing.parts)) {
    if (part === "colour" || name in mentioned.values) continue;
    const match = longest(phrases, thing, name, words, isColour);
    if (!match) continue;
    mentioned.values[name] = match.value;
    for (const place of match.places) used.add(place);
  }
  const heads = [...thing.heads].map(root);
  const head = words.findLastIndex((word) => heads.includes(word));
  const said = words.findIndex((word, place) => isColour.has(word) && !used.has(place));
  const isThing = used.size > 0 || head >= 0;
  if (isThing && said >= 0 && !(thing.parts.colour in mentioned.values)) {
    mentioned.values[thing.parts.colour] = isColour.get(words[said]);
    used.add(said);
  }
  if (!used.size) return;
  if (head >= 0) used.add(head);
  addSpans(mentioned.spans, tokens, used, article);
}

/** Find the value of an attribute that a phrase mentions with the most words. */
function longest(phrases, thing, name, words, isColour) {
  const noun = thing.noun ? root(bare(thing.noun).at(-1)) : null;
  const values = valuesOf(phrases, name).sort((a, b) => bare(b).length - bare(a).length);
  for (const value of values) {
    const wanted = rootsOf(isYes(value) ? thing.name : value);
    const places = placesOf(wanted, words, isColour);
    if (!places) continue;
    const hasNoun = !noun || isYes(value) || words.includes(noun) || !isAdjective(bare(value).at(-1));
    if (hasNoun || (isOnly(phrases, name, wanted) && isPlain(wanted, words))) return { value, places };
  }
  return null;
}

/** Positions of words in a phrase, one after the other but for colours between them. */
function placesOf(wanted, words, isColour) {
  for (let start = 0; start < words.length; start += 1) {
    const places = [];
    for (let at = start; at < words.length && places.length < wanted.length; at += 1) {
      if (words[at] === wanted[places.length]) places.push(at);
      else if (!places.length || !isColour.has(words[at])) break;
    }
    if (places.length === wanted.length) return places;
  }
  return null;
}

/** Is a value clear without its noun: "smiling" of a man is, "happy" may be said of much. */
function isPlain(wanted, words) {
  return wanted.length === words.length || /(ing|ed)$/.test(wanted.at(-1));
}

/** Does no other attribute have these words? */
function isOnly(phrases, name, wanted) {
  return !Object.entries(phrases.attributes).some(
    ([other, values]) => other !== name && values.some((value) => rootsOf(value).some((word) => wanted.includes(word))),
  );
}

/** Find things that are identified by their place: "a large red cube, far left". */
function findPlaced(phrases, chunks, found) {
  const placed = phrases.things.filter((thing) => thing.placed);
  const shapes = new Set(placed.flatMap((thing) => valuesOf(phrases, thing.parts.shape).map(root)));
  const starts = chunks.flatMap((chunk, place) =>
    chunk.tokens.some(({ word }) => shapes.has(root(word))) ? [place] : [],
  );
  for (const [turn, start] of starts.entries()) {
    const tokens = chunks.slice(start, starts[turn + 1]).flatMap((chunk) => chunk.tokens);
    const words = tokens.map((token) => root(token.word));
    const fitting = placed.filter((thing) => bare(thing.name).every((word) => words.includes(root(word))));
    const thing = fitting.sort((a, b) => bare(b.name).length - bare(a.name).length)[0];
    if (!thing || found.has(thing)) continue;
    const said = Object.values(thing.parts).map((name) => [
      name,
      valuesOf(phrases, name).find((v) => words.includes(root(v))),
    ]);
    const { article } = chunks[start];
    const span = {
      start: (article ?? tokens[0]).start,
      end: tokens.at(-1).end,
      whole: true,
      article: Boolean(article),
    };
    found.set(thing, { values: Object.fromEntries(said.filter(([, value]) => value)), spans: [span] });
  }
}

function addSpans(spans, tokens, used, article) {
  const whole = used.size === tokens.length;
  if (whole) {
    spans.push({ start: (article ?? tokens[0]).start, end: tokens.at(-1).end, whole, article: Boolean(article) });
    return;
  }
  for (const place of [...used].sort((a, b) => a - b)) {
    spans.push({ ...tokens[place], whole, article: false, last: place === tokens.length - 1 });
  }
}

function valuesOf(phrases, name) {
  return (phrases.attributes[name] ?? []).filter((value) => !isNot(value));
}

const known = new Map();

/** Return the words of a value in their common form. */
function rootsOf(value) {
  const found = known.get(value) ?? bare(value).map(root);
  if (known.size < MOST) known.set(value, found);
  return found;
}

/** Return the common form of words that differ in spelling or number. */
function root(word) {
  const one = common(word);
  return one.length > 3 && /[^s]s$/.test(one) ? one.slice(0, -1) : one;
}
