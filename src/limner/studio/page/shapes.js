// Which shape the value of a field has, told by the field's type, as `limner.requests.fields.SHAPES` says it.

const UNKEPT = /[\0\p{Surrogate}]/u; // NUL, and half of a letter

const isText = (value) => typeof value === "string";
const isEncoded = (value) => isText(value) && /^[A-Za-z0-9+/=]*$/.test(value);
const isNumber = (value) => Number.isFinite(value);
const areTexts = (value) => Array.isArray(value) && value.every(isText);
const isTurn = (value) => areTexts(value) && value.length === 2;
const isBox = (value) =>
  Array.isArray(value) && value.length === 5 && isText(value[0]) && value.slice(1).every(isNumber);

const isPoint = (value) =>
  Array.isArray(value) && value.length === 3 && isText(value[0]) && value.slice(1).every(isNumber);

const SHAPES = {
  text: [isText, "a text"],
  lines: [areTexts, "a list of texts"],
  values: [(value) => isObject(value) && Object.values(value).every(isText), "a text for each of some names"],
  labels: [areTexts, "a list of labels"],
  turns: [(value) => Array.isArray(value) && value.every(isTurn), "a list of [question, answer], two texts each"],
  boxes: [
    (value) => Array.isArray(value) && value.every(isBox),
    "a list of [label, x, y, width, height], a text and four numbers each",
  ],
  points: [
    (value) => Array.isArray(value) && value.every(isPoint),
    "a list of [name, x, y], a text and two numbers each",
  ],
  vectors: [
    (value) => Array.isArray(value) && value.every((one) => Array.isArray(one) && one.every(isNumber)),
    "a list of vectors, a list of numbers each",
  ],
  choice: [isText, "a text"],
  number: [isNumber, "a number"],
  picture: [isEncoded, "a picture in base64"],
  mask: [isEncoded, "a mask in base64"],
  masks: [
    (value) => Array.isArray(value) && value.every(isEncoded),
    "a list of masks in base64, one a box, empty where its shape is open",
  ],
  request: [(value) => value === null || isObject(value), "a request, or none"],
};

/** Is a value a plain object? */
export function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Say what is wrong with the value of a field, null where nothing is. */
export function misshapen({ name, type }, value) {
  const [fits, words] = SHAPES[type] ?? [() => true];
  return fits(value) ? null : `${name} must be ${words}`;
}

/** Is a value a whole number in a range? */
export function isWhole(value, least, most) {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

/** Is a value a text of so many characters, none of which a database cannot keep? */
export function isKept(value, least, most) {
  return isText(value) && value.length >= least && value.length <= most && !UNKEPT.test(value);
}
