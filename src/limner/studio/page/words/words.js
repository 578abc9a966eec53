// Words of a text in any script, split as Python does it (limner.data.words).

// Thai, Lao, Burmese, Khmer, Chinese, Japanese: no blanks between words, so these are read letter by letter.
const BLANKLESS =
  "\\u0E00-\\u0EFF\\u1000-\\u109F\\u1780-\\u17FF\\u19E0-\\u19FF\\u2E80-\\u2FDF\\u3005-\\u3007\\u3021-\\u3029" +
  "\\u3031-\\u3035\\u3038-\\u303C\\u3040-\\u30FF\\u31F0-\\u31FF\\u3400-\\u4DBF\\u4E00-\\u9FFF\\uA9E0-\\uA9FF" +
  "\\uAA60-\\uAA7F\\uF900-\\uFAFF\\uFF66-\\uFF9F\\u{1AFF0}-\\u{1B16F}\\u{20000}-\\u{3FFFF}";
const JOINING = "\\u00AD\\u200C\\u200D\\u2060"; // only steer how letters join
const INSIDE = "'\\u2019\\u00B7\\u05F3\\u05F4"; // between letters they do not end a word
const LETTER = `(?![${BLANKLESS}])[\\p{L}\\p{N}]`;
const MARK = `[\\p{M}${JOINING}]`;
const RUN = `${LETTER}(?:${LETTER}|${MARK})*`;
const WORD = new RegExp(`(?=[${BLANKLESS}])[\\p{L}\\p{N}]${MARK}*|${RUN}(?:[${INSIDE}]${RUN})?`, "gu");
const JOINS = new RegExp(`[${JOINING}]`, "gu");
const LETTER_BY_LETTER = new RegExp(`^[${BLANKLESS}]`, "u");

/** A text in the form in which words are compared: NFC, one kind of apostrophe, nothing that only joins. */
export function normalised(text) {
  return text.replace(JOINS, "").replaceAll("\u2019", "'").normalize("NFC");
}

/** Split into lower-case words; all else only separates. */
export function wordsOf(text) {
  return normalised(text.toLowerCase()).match(WORD) ?? [];
}

/** The words of a text as it was typed, each with its place there. */
export function wordPlaces(text) {
  return [...text.matchAll(WORD)].map((found) => ({
    word: normalised(found[0].toLowerCase()),
    start: found.index,
    end: found.index + found[0].length,
  }));
}

/** A text, normalised, in which `other(word)` stands in place of each word for which it is not null. */
export function replaced(text, other) {
  return normalised(text).replace(WORD, (found) => other(normalised(found.toLowerCase())) ?? found);
}

/** Is a word a letter of a script without blanks, which is never a misspelt word? */
export function isLetterByLetter(word) {
  return LETTER_BY_LETTER.test(word);
}
