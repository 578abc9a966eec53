// What a recipe says and what it is known by, as `limner.studio.gallery.recipe` has it.

import { StudioError } from "../errors.js";
import { fieldValue, isBlend, kindOf } from "../fields.js";
import { ascii } from "./png.js";
import { sha256 } from "./sha256.js";

const LONGEST = 500_000;
const NAMED = /^[0-9a-f]{64}$/;
const ENDS = ["first", "second", "t"];

/** Return a row with all that its request can say, and nothing else. */
export function normal({ request, seed = Math.floor(Math.random() * 2 ** 31) }) {
  return { request: whole(request), seed };
}

function whole(request) {
  const { kind } = request;
  const fields = isBlend(request) ? [] : kindOf(request)?.fields;
  if (!fields) throw new StudioError(`unknown kind of request ${kind}`);
  const names = isBlend(request) ? ENDS : fields.map(({ name }) => name);
  const strange = Object.keys(request).find((name) => name !== "kind" && !names.includes(name));
  if (strange) throw new StudioError(`a request of kind ${kind} does not take ${strange}`);
  if (isBlend(request)) return { kind, first: whole(request.first), second: whole(request.second), t: request.t };
  const left = fields.filter((field) => !field.required && !(field.name in request));
  const inner = fields.filter(({ name, type }) => type === "request" && request[name]);
  const within = inner.map(({ name }) => [name, whole(request[name])]);
  return {
    ...Object.fromEntries(left.map((field) => [field.name, fieldValue(field, {})])),
    ...request,
    ...Object.fromEntries(within),
  };
}

/** Return a recipe with `parents`, each field looked at; throw StudioError where it is none. */
export function checked(made) {
  const fault = (why) => new StudioError(`the recipe is damaged: ${why}`);
  if (!made || typeof made !== "object") throw fault("it is no object");
  const { artist, checkpoint, system, request, knobs = {}, seed, limner = "", parents = [] } = made;
  const other = exceptions(made);
  for (const text of [artist, system]) if (typeof text !== "string" || !text) throw fault("it names no artist");
  if (!NAMED.test(checkpoint)) throw fault("it names no checkpoint");
  if (!Array.isArray(parents) || !parents.every((id) => NAMED.test(id))) throw fault("its parents are none");
  if (!request || typeof request !== "object" || seed === undefined) throw fault("it lacks request or seed");
  if (other.enlarger && !(NAMED.test(other.enlarger) && other.size > 0)) throw fault("it names no enlarger");
  if (other.stopped !== undefined && !(Number.isInteger(other.stopped) && other.stopped > 0)) {
    throw fault("it was stopped nowhere");
  }
  const found = { artist, checkpoint, system, request: whole(request), knobs, seed, limner, ...other, parents };
  if (JSON.stringify(found).length > LONGEST) throw fault("it is too long");
  return found;
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
