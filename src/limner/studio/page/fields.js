// Kinds of request and their fields, as `limner.requests` describes them: forms, texts and checks are made of these.
//
// A kind is {kind, noun, asks, mixes, several, either, fields}; a field {name, type, about, required, hidden, choices, most,
// longest, span, default, later}. No other file asks which kind a request is: what differs, differs by the type of a field.

import { pick } from "./random.js";
import { surprise, surpriseValues } from "./words/surprise.js";

const KINDS = new Map();

/** Take in which kinds there are. */
export function learn(kinds) {
  for (const kind of kinds) KINDS.set(kind.kind, kind);
}

/** Return what is known of the kind of a request, undefined where there is no such kind. */
export function kindOf({ kind }) {
  return KINDS.get(kind);
}

/** Is a request one that lies between two? */
export function isBlend(request) {
  return request.kind === "blend";
}

/** Is it a story: a picture for each of its lines? */
export function isStory(request) {
  return Boolean(kindOf(request)?.several);
}

/** Of each field type: what is said of it in words, and what chance makes of it; what is `given` chance leaves alone. */
const TYPES = {
  text: {
    empty: "",
    clean: (value) => value.trim(),
    say: (value) => value,
    texts: (value) => [value],
    complete: (_, value, artist, phrases) => (phrases ? surprise(phrases, value, artist.examples) : value),
  },
  lines: {
    empty: [],
    clean: (value) => value.map((line) => line.trim().replaceAll("\n", " ")).filter(Boolean),
    say: (value) => value.join("\n"),
    texts: (value) => value,
    complete: (_, value, artist, phrases) => (phrases ? [surprise(phrases, value.join(" "), artist.examples)] : value),
  },
  values: {
    empty: {},
    say: (value) =>
      Object.entries(value)
        .map(([name, one]) => `${name.replaceAll("_", " ")}: ${one}`)
        .join(", "),
    texts: (value) => Object.entries(value).flat(),
    complete: ({ choices }, value) => surpriseValues(choices, value),
  },
  labels: {
    empty: [],
    say: (value) => value.join(", "),
    texts: (value) => value,
    chance: ({ choices }) => {
      const sure = pick(choices);
      return choices.filter((label) => label === sure || Math.random() < 0.3);
    },
  },
  turns: {
    empty: [],
    clean: (value) => value.filter((turn) => turn.every((text) => text.trim())), // the rest is still being typed
    say: (value) => value.map(([question, answer]) => `Q: ${question} A: ${answer}`).join(" "),
    texts: (value) => value.flat(),
  },
  boxes: {
    empty: [],
    say: (value) => value.map(([label]) => label).join(", "),
    texts: (value) => value.map(([label]) => label),
    chance: ({ choices }) => Array.from({ length: 3 }, () => randomBox(pick(choices))),
  },
  points: {
    empty: [],
    say: (value) => value.map(([name]) => name).join(", "),
    texts: (value) => value.map(([name]) => name),
  },
  choice: {
    empty: "",
    say: (value) => value,
    texts: (value) => [value],
    complete: ({ choices }, value) => value || pick(choices),
  },
  number: {
    first: ({ span: [low] }) => low,
    say: String,
    texts: () => [],
    chance: ({ span: [low, high] }) => Math.round(100 * (low + Math.random() * (high - low))) / 100,
  },
  picture: { empty: "", given: true, say: (value) => value && "from a picture", texts: () => [] },
  mask: { empty: "", given: true, say: (value) => value && "part of it as it is", texts: () => [] },
  masks: { empty: [], given: true, say: () => "", texts: () => [] },
  vectors: { empty: [], given: true, say: () => "", texts: () => [] },
  request: {
    empty: null,
    given: true,
    clean: (value) => value && requestOf(kindOf(value), value),
    say: (value) => (value ? sayFields(value) : ""),
    texts: (value) => (value ? textsIn(value) : []),
  },
};

/** Return a box of a label somewhere in the picture. */
export function randomBox(label) {
  const round = (number) => Math.round(100 * number) / 100;
  const [width, height] = [0.2 + 0.3 * Math.random(), 0.2 + 0.3 * Math.random()].map(round);
  return [label, round((1 - width) * Math.random()), round((1 - height) * Math.random()), width, height];
}

/** May a field not be empty, alone or beside those that may stand in its place? */
export function isNeeded({ either }, { name, required }) {
  return required || Boolean(either?.includes(name));
}

/** Return the fields of a kind that a form shows. */
export function shownFields({ fields }) {
  return fields.filter(({ hidden }) => !hidden);
}

/** Return the field that words are written into, undefined where there is none. */
export function wordsField(kind) {
  return shownFields(kind).find(({ type }) => type === "text" || type === "lines");
}

/** Return the field of a kind with values of attributes, undefined where there is none. */
export function valuesField(kind) {
  return shownFields(kind).find(({ type }) => type === "values");
}

/** Return the sentences of a plain request: one, or the lines of a story; none where it is asked for otherwise. */
export function captionsOf(request) {
  const field = wordsField(kindOf(request));
  return field ? [fieldValue(field, request)].flat() : [];
}

/** Return the values of attributes that a plain request names; none where it is asked for otherwise. */
export function valuesOf(request) {
  const field = valuesField(kindOf(request));
  return field ? fieldValue(field, request) : {};
}

/** Return what the field of words holds, as one text. */
export function wordsIn(kind, said) {
  const field = wordsField(kind);
  return field ? TYPES[field.type].say(fieldValue(field, said)) : "";
}

/** Return what is said with the field of words put otherwise; the same where there is none. */
export function withWords(kind, said, text) {
  const field = wordsField(kind);
  return field ? { ...said, [field.name]: field.type === "lines" ? [text] : text } : said;
}

/** Return a state after changes, whose `said` may be a function of what was said: two may come before one is shown. */
export function changed(state, { said, ...changes }) {
  const next = typeof said === "function" ? said(state.said) : said;
  return { ...state, ...changes, ...(next === undefined ? {} : { said: next }) };
}

/** Return what is said of a field, or what it is where nothing is. */
export function fieldValue(field, said) {
  const { empty, first = () => empty } = TYPES[field.type];
  return said[field.name] ?? field.default ?? first(field);
}

/** Return the request of what is said, null where a field that it takes is empty. */
export function requestOf(kind, said) {
  const request = { kind: kind.kind };
  for (const field of kind.fields) {
    const { clean = (value) => value } = TYPES[field.type];
    request[field.name] = clean(fieldValue(field, said));
    if (field.required && isEmpty(request[field.name])) return null;
  }
  if (kind.either?.length && kind.either.every((name) => isEmpty(request[name]))) return null;
  return request;
}

/** Return what a request says: the value of each of its fields. */
export function saidOf({ kind: _, ...said }) {
  return said;
}

/** Return the kinds of request that may be asked within one that holds others. */
export function innerKinds(artist) {
  return artist.requests.filter(({ asks, fields }) => asks && !fields.some(({ type }) => type === "request"));
}

/** Return of what is said that which only a person can give: pictures, and what is asked beside them. */
export function givenIn(kind, said) {
  const names = shownFields(kind).filter(({ type }) => TYPES[type].given);
  return Object.fromEntries(names.map(({ name }) => [name, said[name]]).filter(([, value]) => value !== undefined));
}

/** Return what is said with all by chance that may be, beside what is `given` of it. */
export function byChance(kind, artist, phrases, given = {}) {
  const fields = shownFields(kind).filter(({ type }) => !TYPES[type].given);
  const pairs = fields.map((field) => {
    const { complete, chance, empty = null } = TYPES[field.type];
    if (field !== wordsField(kind) && field.type === "text") return [field.name, ""];
    if (complete) return [field.name, complete(field, given[field.name] ?? empty, artist, phrases)];
    return [field.name, chance && canChoose(field) ? chance(field) : empty];
  });
  return Object.fromEntries(pairs);
}

/** Return what is said, with what it leaves open by chance. */
export function completed(kind, said, artist, phrases) {
  const pairs = shownFields(kind)
    .filter((field) => opens(kind, field))
    .map((field) => [field.name, TYPES[field.type].complete(field, fieldValue(field, said), artist, phrases)]);
  return { ...said, ...Object.fromEntries(pairs) };
}

/** Can there be something that was not said? */
export function leavesOpen(kind) {
  return shownFields(kind).some((field) => opens(kind, field));
}

function opens(kind, field) {
  const isBeside = field.type === "text" && field !== wordsField(kind);
  return Boolean(TYPES[field.type].complete) && !isBeside;
}

function canChoose({ type, choices }) {
  return type === "number" || choices.length > 0;
}

/** Say in words what the fields of a plain request hold. */
export function sayFields(request) {
  return fieldsIn(request)
    .filter(([{ hidden }]) => !hidden)
    .map(([{ type }, value]) => TYPES[type].say(value))
    .filter(Boolean)
    .join(", ");
}

/** Return every text in a plain request. */
export function textsIn(request) {
  return fieldsIn(request).flatMap(([{ type }, value]) => TYPES[type].texts(value));
}

/** Return the fields of a request with their values; of a kind that is not here, whatever texts it holds. */
function fieldsIn(request) {
  const known = kindOf(request)?.fields;
  if (known) return known.map((field) => [field, fieldValue(field, request)]);
  const texts = Object.entries(request).filter(([name, value]) => name !== "kind" && typeof value === "string");
  return texts.map(([name, value]) => [{ name, type: "text" }, value]);
}

/** Is there nothing in the value of a field? */
export function isEmpty(value) {
  if (value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
