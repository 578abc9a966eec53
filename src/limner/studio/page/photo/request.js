// What is asked for by values of attributes: of artists that take values those themselves, of others words that say them.

import { requestOf, valuesField, withWords, wordsField } from "../fields.js";

/** Return the kind by which values are asked for: of values, or of words; undefined where an artist takes neither. */
export function valuesKind(artist) {
  return artist.requests.find((kind) => valuesField(kind)) ?? artist.requests.find((kind) => isPlain(kind));
}

function isPlain(kind) {
  return wordsField(kind)?.type === "text" && kind.fields.every(({ type }) => type === "text");
}

/** Return the request of values; null where none is named, or the words are not known yet. */
export function requestOfValues(artist, phrases, values) {
  const kind = valuesKind(artist);
  const field = valuesField(kind);
  if (field) return requestOf(kind, { [field.name]: values });
  return phrases && requestOf(kind, withWords(kind, {}, phrases.say(values)));
}

/** Can an artist begin from a photo: does someone read its attributes, and can they be asked for? */
export function canPhoto(artist) {
  const isRead = artist.can.attributes || artist.can.seen;
  return isRead && Object.keys(artist.attributes).length > 0 && valuesKind(artist) !== undefined;
}
