// What can be chosen of a request, in groups: the things of an artist with the values of their parts, or its labels.

import { fieldValue, shownFields, valuesField, withWords, wordsField, wordsIn } from "../fields.js";
import { cleared, held, visible } from "../words/held.js";
import { arePaints } from "../words/paints.js";

/** Return the groups of a kind: [{name, title, parts: [{name, values, painted}]}], `name` null of labels. */
export function groupsOf(kind, phrases) {
  const labels = labelsField(kind);
  if (labels) return [{ name: null, parts: [{ name: null, values: labels.choices, painted: false }] }];
  if (!phrases || !(valuesField(kind) || wordsField(kind))) return [];
  return phrases.things.map((thing) => ({ name: thing.name, title: thing.title, parts: partsOf(phrases, thing) }));
}

function partsOf(phrases, { parts }) {
  return Object.values(parts).map((name) => {
    const values = phrases.attributes[name];
    return { name, values, painted: arePaints(name, values) };
  });
}

/** Return what is chosen by now: {attribute: value}, or the list of labels. */
export function chosenOf(kind, phrases, said) {
  const field = labelsField(kind) ?? valuesField(kind);
  if (field) return fieldValue(field, said);
  return phrases && wordsField(kind) ? phrases.valuesIn(wordsIn(kind, said) ?? "") : {};
}

/** Is a value, or a label, among what is chosen? */
export function isChosen(chosen, name, value) {
  return name === null ? chosen.includes(value) : chosen[name] === value;
}

/**
 * Return what a state says once a value is chosen, or let go where it was chosen. What a judge sees in the picture,
 * `seen` or null, is written down first, so that only this changes.
 */
export function saidWith(kind, phrases, state, { name, value }, seen = null) {
  const { said } = state;
  const chosen = chosenOf(kind, phrases, said);
  const isOn = isChosen(chosen, name, value);
  const labels = labelsField(kind);
  if (labels) {
    return { ...said, [labels.name]: isOn ? chosen.filter((one) => one !== value) : [...chosen, value] };
  }
  const values = valuesField(kind);
  if (values) {
    const { [name]: _, ...rest } = { ...seen, ...chosen };
    return { ...said, [values.name]: isOn ? rest : { ...rest, [name]: value } };
  }
  const text = writtenDown(kind, phrases, state, seen);
  const put = isOn ? phrases.choose(text, name, null) : phrases.choose(cleared(phrases, text, name), name, value);
  return withWords(kind, said, put);
}

/**
 * Return the words of a state with all that is seen: of a mixture just that. What is at places, as "far left", would be
 * too much to say.
 */
export function writtenDown(kind, phrases, { said, asked }, seen) {
  const text = wordsIn(kind, said) ?? "";
  if (!seen || phrases.things.some(({ placed }) => placed)) return text;
  return held(phrases, asked ? "" : text, seen);
}

/** Return the values of some things, by name, that are chosen or, where nothing is, seen: what their pins hold. */
export function pinnedIn(kind, phrases, said, pins, seen) {
  if (!phrases || labelsField(kind)) return {};
  const names = phrases.things.filter(({ name }) => pins.includes(name)).flatMap(({ parts }) => Object.values(parts));
  const all = { ...(seen ? visible(phrases, seen) : {}), ...chosenOf(kind, phrases, said) };
  return Object.fromEntries(names.filter((name) => name in all).map((name) => [name, all[name]]));
}

/** Return what is said with values that are held; of the words what they say themselves stays as it is said. */
export function saidHolding(kind, phrases, said, values) {
  if (!Object.keys(values).length) return said;
  const field = valuesField(kind);
  if (field) return { ...said, [field.name]: { ...fieldValue(field, said), ...values } };
  return withWords(kind, said, held(phrases, wordsIn(kind, said) ?? "", values));
}

function labelsField(kind) {
  return shownFields(kind).find(({ type }) => type === "labels");
}
