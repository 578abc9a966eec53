// Sliders of attributes: at a stop an attribute has a value, between two stops what is asked is a blend.

import { isBlend, kindOf, valuesField, wordsField, wordsIn } from "./fields.js";
import { say } from "./lang.js";
import { between, changedParts, MAX_PARTS, parts, percent } from "./requests.js";

/** What a slider's first stop says where the text does not tell of the attribute. */
const UNSET = say`not told`;

/** Return the stops of each attribute: {values, first}; a value of null leaves the attribute out. */
export function stopsOf(artist, phrases, request) {
  const now = valuesOf(request, phrases);
  return Object.fromEntries(
    Object.entries(artist.attributes).map(([name, values]) => {
      const index = values.indexOf(now[name]);
      return [name, { values: [null, ...values], first: index + 1 }];
    }),
  );
}

/** Return how many sliders may stand between stops at once, so that no more than 64 requests are mixed. */
export function openSliders(request) {
  return Math.floor(Math.log2(MAX_PARTS / parts(request)));
}

/** A slider's step: fine enough that a drag moves the picture and does not leap, and each stop can be hit. */
export const STEP = 0.1;

/** Say where a slider stands. */
export function stopText({ values, first }, at = first) {
  const [low, share] = [Math.floor(at), at % 1];
  const word = (place) => values[place] ?? UNSET;
  if (share === 0) return word(low);
  return `${percent(1 - share)} ${word(low)}, ${percent(share)} ${word(low + 1)}`;
}

/**
 * Move a slider. The newest move stands last in `at`, and where more than `most` stand between stops, the one that was
 * moved longest ago goes to its nearest stop.
 */
export function moved(at, stops, name, value, most) {
  const { [name]: _, ...rest } = at;
  const next = value === stops[name].first ? rest : { ...rest, [name]: value };
  const open = Object.keys(next).filter((one) => next[one] % 1 > 0);
  for (const oldest of open.slice(0, Math.max(0, open.length - most))) next[oldest] = Math.round(next[oldest]);
  return next;
}

/** Return what is asked where sliders stand at `at`: with two between stops, the blend of two blends. */
export function morphed(request, stops, at, phrases) {
  const open = Object.keys(at).filter((name) => at[name] % 1 > 0);
  const whole = Object.fromEntries(Object.keys(at).map((name) => [name, Math.floor(at[name])]));
  const corner = (places) => changedParts(request, (part) => put(part, stops, places, phrases));
  const mixed = (places, left) => {
    if (!left.length) return corner(places);
    const [name, ...others] = left;
    const next = { ...places, [name]: places[name] + 1 };
    return between(mixed(places, others), mixed(next, others), at[name] % 1);
  };
  return mixed(whole, open);
}

/** Put values into a request; those that stand where they stood are left as they are told. */
function put(request, stops, places, phrases) {
  const changes = Object.entries(places).filter(([name, place]) => place !== stops[name].first);
  const kind = kindOf(request);
  const values = valuesField(kind);
  if (values) return { ...request, [values.name]: putValues(request[values.name], stops, changes) };
  const words = wordsField(kind);
  if (!words || kind.several) return request;
  const write = (text, [name, place]) => phrases.choose(text, name, stops[name].values[place]);
  return { ...request, [words.name]: changes.reduce(write, request[words.name]) };
}

function putValues(values, stops, changes) {
  const next = { ...values };
  for (const [name, place] of changes) {
    const value = stops[name].values[place];
    if (value === null) delete next[name];
    else next[name] = value;
  }
  return next;
}

/** Return the values that a request tells of; of a mixture those it has most of. */
function valuesOf(request, phrases) {
  if (isBlend(request)) return valuesOf(request.t < 0.5 ? request.first : request.second, phrases);
  const kind = kindOf(request);
  const values = valuesField(kind);
  if (values) return request[values.name];
  return kind.several ? {} : phrases.valuesIn(wordsIn(kind, request));
}
