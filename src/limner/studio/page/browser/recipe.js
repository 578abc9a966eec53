// What a recipe says and what it is known by, as `limner.studio.gallery.recipe` has it.

import { StudioError } from "../errors.js";
import { fieldValue, isBlend, isEmpty, kindOf } from "../fields.js";
import { MAX_PARTS, parts, texts } from "../requests.js";
import { isKept, isObject, isWhole, misshapen } from "../shapes.js";
import { ascii } from "./png.js";
import { sha256 } from "./sha256.js";

const LONGEST = 500_000;
const LONGEST_NAME = 200;
const LONGEST_TEXT = 2_000;
const MOST_KNOBS = 100;
const MOST_NOISE = 10_000;
const MOST_PARENTS = 16;
const MOST_SIDE = 4096;
const NAMED = /^[0-9a-f]{64}$/;
const ENDS = ["first", "second", "t"];

/** Return a row with all that its request can say, and nothing else. */
export function normal({ request, seed = Math.floor(Math.random() * 2 ** 31) }) {
  return { request: whole(request), seed };
}

function whole(request, deep = MAX_PARTS) {
  if (!isObject(request)) throw new StudioError("the request is no object");
  if (deep < 1) throw new StudioError("it is mixed of too many");
  const { kind } = request;
  const fields = isBlend(request) ? [] : kindOf(request)?.fields;
  if (!fields) throw new StudioError(`unknown kind of request ${kind}`);
  const names = isBlend(request) ? ENDS : fields.map(({ name }) => name);
  const strange = Object.keys(request).find((name) => name !== "kind" && !names.includes(name));
  if (strange) throw new StudioError(`a request of kind ${kind} does not take ${strange}`);
  if (isBlend(request)) return blend(request, deep);
  const needed = fields.find(({ required, name }) => required && !Object.hasOwn(request, name));
  if (needed) throw new StudioError(`a request of kind ${kind} needs ${needed.name}`);
  const left = fields.filter((field) => !Object.hasOwn(request, field.name));
  const found = { ...Object.fromEntries(left.map((field) => [field.name, fieldValue(field, {})])), ...request };
  const fault = fields.map((field) => misshapen(field, found[field.name])).find(Boolean);
  if (fault) throw new StudioError(fault);
  for (const { name, later } of fields) if (later && isEmpty(found[name])) delete found[name];
  const inner = fields.filter(({ name, type }) => type === "request" && found[name]);
  return { ...found, ...Object.fromEntries(inner.map(({ name }) => [name, whole(found[name], deep - 1)])) };
}

function blend({ kind, first, second, t }, deep) {
  if (!isShare(t)) throw new StudioError("the share t of a blend is a number from 0 to 1");
  return { kind, first: whole(first, deep - 1), second: whole(second, deep - 1), t };
}

/** Return a recipe with `parents`, each field looked at; throw StudioError where it is none. */
export function checked(made) {
  const found = sound(made);
  if (JSON.stringify(found).length > LONGEST) throw damaged("it is too long");
  return found;
}

/** Return the same without asking how long it is, which takes time. */
export function sound(made) {
  if (!isObject(made)) throw damaged("it is no object");
  const { artist, checkpoint, system, request, knobs = {}, seed, limner = "", parents = [] } = made;
  const other = exceptions(made);
  for (const name of [artist, system]) if (!isKept(name, 1, LONGEST_NAME)) throw damaged("it names no artist");
  if (!isNamed(checkpoint)) throw damaged("it names no checkpoint");
  if (!isKept(limner, 0, LONGEST_NAME)) throw damaged("it names no version");
  if (!Array.isArray(parents) || parents.length > MOST_PARENTS || !parents.every(isNamed)) {
    throw damaged("its parents are none");
  }
  if (!areKnobs(knobs)) throw damaged("its knobs are none");
  if (seedParts(seed, MAX_PARTS) > MAX_PARTS) throw damaged("it lacks a seed");
  if (other.size !== undefined && !isWhole(other.size, 1, MOST_SIDE)) throw damaged("its size is none");
  if (other.enlarger !== undefined && !isNamed(other.enlarger)) throw damaged("it names no enlarger");
  if (other.stopped !== undefined && !isWhole(other.stopped, 1, Number.MAX_SAFE_INTEGER)) {
    throw damaged("it was stopped nowhere");
  }
  const asked = whole(request);
  if (parts(asked) > MAX_PARTS) throw damaged("it is mixed of too many");
  if (!texts(asked).every((text) => isKept(text, 0, LONGEST))) throw damaged("it has a letter that cannot be kept");
  return { artist, checkpoint, system, request: asked, knobs, seed, limner, ...other, parents };
}

function damaged(why) {
  return new StudioError(`the recipe is damaged: ${why}`);
}

function isNamed(id) {
  return typeof id === "string" && NAMED.test(id);
}

function isShare(t) {
  return Number.isFinite(t) && t >= 0 && t <= 1;
}

function areKnobs(knobs) {
  const fits = (value) =>
    value === null || typeof value === "boolean" || Number.isFinite(value) || isKept(value, 0, LONGEST_TEXT);
  if (!isObject(knobs) || Object.keys(knobs).length > MOST_KNOBS) return false;
  return Object.entries(knobs).every(([name, value]) => isKept(name, 1, LONGEST_NAME) && fits(value));
}

/** Count the seeds that one lies between; Infinity where it is none, or deeper than so many could be. */
function seedParts(seed, deep) {
  if (deep < 1) return Number.POSITIVE_INFINITY;
  if (Array.isArray(seed)) {
    if (seed.length !== 3 || !isShare(seed[2])) return Number.POSITIVE_INFINITY;
    return seedParts(seed[0], deep - 1) + seedParts(seed[1], deep - 1);
  }
  if (!isObject(seed)) return isWhole(seed, 0, Number.MAX_SAFE_INTEGER) ? 1 : Number.POSITIVE_INFINITY;
  const { noise, of = "" } = seed;
  const fits = Array.isArray(noise) && noise.length <= MOST_NOISE && noise.every((one) => Number.isFinite(one));
  return fits && isKept(of, 0, LONGEST_TEXT) ? 1 : Number.POSITIVE_INFINITY;
}

/** Return the SHA-256 of what decides the picture, the same that a server gives it. */
export function identity(made) {
  const { checkpoint, request, knobs, seed } = made;
  return sha256(new TextEncoder().encode(python({ checkpoint, request, knobs, seed, ...exceptions(made) })));
}

/** Return what only some recipes say: how a picture was enlarged, and after how many drafts it was stopped. */
function exceptions({ size = null, enlarger = null, stopped = null }) {
  return Object.fromEntries(Object.entries({ size, enlarger, stopped }).filter(([, value]) => value !== null));
}

/** Return a value as Python's json.dumps(value, sort_keys=True) writes it. */
export function python(value) {
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "number") return number(value);
  if (value === null || typeof value !== "object") return ascii(value);
  const inside = Object.keys(value)
    .sort(byPoint)
    .map((key) => `${ascii(key)}: ${python(value[key])}`);
  return `{${inside.join(", ")}}`;
}

/** Whole numbers have no point; small ones are written with an exponent sooner than JavaScript does. */
function number(value) {
  if (Number.isInteger(value)) return BigInt(value).toString();
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

function byPoint(a, b) {
  const [x, y] = [[...a], [...b]];
  const place = x.findIndex((letter, at) => letter !== y[at]);
  if (place < 0) return x.length - y.length;
  return place < y.length ? x[place].codePointAt(0) - y[place].codePointAt(0) : 1;
}

/** Return the words of texts, in the form in which they are looked for. */
export function folded(...some) {
  return (
    some
      .join(" ")
      .toLowerCase()
      .match(/[\p{L}\p{N}_]+/gu) ?? []
  );
}
