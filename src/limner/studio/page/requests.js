// Requests and seeds as plain values: blends of them, their parts, and their texts.

import { isBlend, isNeeded, isStory, requestOf, sayFields, textsIn, withWords, wordsField } from "./fields.js";
import { say } from "./lang.js";
import { randomSeed } from "./random.js";

/** Requests, or seeds, that one may lie between; see `limner.requests.MAX_PARTS`. */
export const MAX_PARTS = 64;
/** Texts that the name of a mixture tells. */
const TOLD = 2;
/** Unknown words that are named one by one, if they are of another script. */
const MANY = 1;

/** Are two values the same, however deep? */
export function same(a, b) {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** Of how many requests this one is mixed. */
export function parts(request) {
  return isBlend(request) ? parts(request.first) + parts(request.second) : 1;
}

/** Return the request with each of those it is mixed of put as `change` puts it. */
export function changedParts(request, change) {
  if (!isBlend(request)) return change(request);
  return { ...request, first: changedParts(request.first, change), second: changedParts(request.second, change) };
}

/** Return the request between two: at the ends just they. Of too many the oldest pairs are folded. */
export function between(first, second, t) {
  if (same(first, second) || t <= 0) return first;
  if (t >= 1) return second;
  const [a, b] = within(first, second, parts, folded);
  return { kind: "blend", first: a, second: b, t };
}

/** Return the noise between two seeds, as `between` does. */
export function seedBetween(first, second, t) {
  if (same(first, second) || t <= 0) return first;
  if (t >= 1) return second;
  return [...within(first, second, seedParts, foldedSeed), t];
}

/** Return the two with the oldest pairs folded until they may be mixed: those lie deepest, and of them there is least. */
function within(first, second, count, fold) {
  let [a, b] = [first, second];
  while (count(a) + count(b) > MAX_PARTS) {
    if (count(a) >= count(b)) a = fold(a);
    else b = fold(b);
  }
  return [a, b];
}

/** Return a blend with its deepest pair put as the one that it has more of. */
function folded(request) {
  const { first, second, t } = request;
  if (!isBlend(first) && !isBlend(second)) return t < 0.5 ? first : second;
  return depth(first) >= depth(second) ? { ...request, first: folded(first) } : { ...request, second: folded(second) };
}

function depth(request) {
  return isBlend(request) ? 1 + Math.max(depth(request.first), depth(request.second)) : 0;
}

function foldedSeed([first, second, t]) {
  if (!Array.isArray(first) && !Array.isArray(second)) return t < 0.5 ? first : second;
  return seedDepth(first) >= seedDepth(second) ? [foldedSeed(first), second, t] : [first, foldedSeed(second), t];
}

function seedDepth(seed) {
  return Array.isArray(seed) ? 1 + Math.max(seedDepth(seed[0]), seedDepth(seed[1])) : 0;
}

/** Say in words what a request asks; of what is mixed of many what it has most of. */
export function textOf(request) {
  if (!isBlend(request)) return sayFields(request);
  const shares = new Map();
  for (const [text, share] of textShares(request)) shares.set(text, (shares.get(text) ?? 0) + share);
  const all = [...shares];
  const told = all.length > TOLD ? all.sort((a, b) => b[1] - a[1]).slice(0, TOLD) : all;
  const said = told.map(([text, share]) => (all.length > 1 ? `${percent(share)} ${text}` : text)).join(" / ");
  return all.length > TOLD ? say`${said} and ${all.length - TOLD} more` : said;
}

function textShares(request, share = 1) {
  if (!isBlend(request)) return [[sayFields(request), share]];
  const { first, second, t } = request;
  return [...textShares(first, share * (1 - t)), ...textShares(second, share * t)];
}

/** Return every text of a request, however deep. */
export function texts(request) {
  return isBlend(request) ? [...texts(request.first), ...texts(request.second)] : textsIn(request);
}

/** Say a share. */
export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** Say in words what a recipe draws, or which seed it is where nothing was asked. */
export function nameOf({ request, seed }) {
  return textOf(request) || say`chance ${seedText(seed)}`;
}

/** Say which words are not known, `[word, read in its place or null]` each. */
export function misread(unknown) {
  const read = unknown.filter(([, other]) => other).map(([word, other]) => say`“${word}” is read as “${other}”`);
  const words = unknown.filter(([, other]) => !other).map(([word]) => word);
  if (words.length > MANY && words.every((word) => !/\p{Script=Latin}/u.test(word))) {
    return [...read, say`these words are not known: pictures are asked for in English`].join("; ");
  }
  const quoted = words.map((word) => `“${word}”`);
  const some = quoted.length > 1 ? `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)} are` : `${quoted[0]} is`;
  return [...read, ...(words.length ? [say`${some} not known`] : [])].join("; ");
}

/** Return how many pictures a request asks for: the lines of a story, else one. */
export function frames(request) {
  return isStory(request) ? request.lines.length : 1;
}

/** Return the request of a text for an artist, or null where the artist takes no text. */
export function requestFromText(artist, text) {
  const [kind] = artist.requests;
  const field = wordsField(kind);
  if (!kind.asks) return requestOf(kind, {});
  if (!field || kind.fields.some((one) => isNeeded(kind, one) && one !== field)) return null;
  const said = field.type === "lines" ? { [field.name]: linesOf(text) } : withWords(kind, {}, text.trim());
  return requestOf({ ...kind, either: [], fields: kind.fields.map((one) => ({ ...one, required: false })) }, said);
}

/** Return one of an artist's examples by chance; for a story as many, one after the other, as it has lines. */
export function someExamples(artist) {
  const { examples, story, can } = artist;
  const first = randomSeed() % Math.max(1, examples.length);
  return Array.from({ length: can.story ? story : 1 }, (_, i) => examples[(first + i) % examples.length] ?? "");
}

/** Return the lines of a text that say something. */
export function linesOf(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** Say in few words what a seed is. */
export function seedText(seed) {
  if (Array.isArray(seed)) {
    const [from, to, t] = seed;
    if (seedParts(seed) > 2) return say`between ${seedParts(seed)} others`;
    return say`${percent(t)} of the way from ${seedText(from)} to ${seedText(to)}`;
  }
  return typeof seed === "number" ? String(seed) : say`the style of ${seed.of || "a picture"}`;
}

function seedParts(seed) {
  return Array.isArray(seed) ? seedParts(seed[0]) + seedParts(seed[1]) : 1;
}
