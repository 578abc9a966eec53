// Requests and seeds as plain values: blends of them, their parts, and their texts.

import { StudioError } from "./errors.js";
import { isBlend, isNeeded, isStory, requestOf, sayFields, textsIn, withWords, wordsField } from "./fields.js";
import { randomSeed } from "./random.js";

/** Requests, or seeds, that one may lie between; see `limner.requests.MAX_PARTS`. */
export const MAX_PARTS = 64;
const TOO_MIXED = `it is mixed of more than ${MAX_PARTS}: mix with one of its ancestors instead`;

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

/** Return the request between two: at the ends just they. Throw StudioError where none is. */
export function between(first, second, t) {
  if (same(first, second) || t <= 0) return first;
  if (t >= 1) return second;
  if (parts(first) + parts(second) > MAX_PARTS) throw new StudioError(TOO_MIXED);
  return { kind: "blend", first, second, t };
}

/** Return the noise between two seeds, as `between` does. */
export function seedBetween(first, second, t) {
  if (same(first, second) || t <= 0) return first;
  if (t >= 1) return second;
  if (seedParts(first) + seedParts(second) > MAX_PARTS) throw new StudioError(TOO_MIXED);
  return [first, second, t];
}

/** Say in words what a request asks. */
export function textOf(request) {
  if (!isBlend(request)) return sayFields(request);
  const { first, second, t } = request;
  return `${percent(1 - t)} ${textOf(first)} / ${percent(t)} ${textOf(second)}`;
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
  return textOf(request) || `seed ${seedText(seed)}`;
}

/** Say which words are not known, `[word, read in its place or null]` each. */
export function misread(unknown) {
  const sentence = ([word, read]) => (read ? `“${word}” is read as “${read}”` : `“${word}” is not known`);
  return unknown.map(sentence).join("; ");
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
    return `${percent(t)} of the way from ${seedText(from)} to ${seedText(to)}`;
  }
  return typeof seed === "number" ? String(seed) : `the style of ${seed.of || "a picture"}`;
}

function seedParts(seed) {
  return Array.isArray(seed) ? seedParts(seed[0]) + seedParts(seed[1]) : 1;
}
