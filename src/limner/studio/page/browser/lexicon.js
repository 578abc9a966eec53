// From texts to the numbers of their words or letters, letter for letter as Python does it (limner.data.spelling).

import { isLetterByLetter, replaced, wordsOf } from "../words/words.js";

const UNKNOWN = 1;
const RESERVED = 2;
const ALIKE = 0.75;
const LONGEST_TYPO = 64;
const LONGEST = 128;
const LETTERS = 16 * LONGEST;
const MEMORY = 4096;
const MOST_LOOKED_UP = 64;

/** The known words; word k has number k + 2, 0 pads, 1 stands for every unknown word. */
export class Lexicon {
  #numbers;
  #spelt;
  #found = new Map();

  constructor(words) {
    this.words = words;
    this.#numbers = new Map(words.map((word, place) => [word, place + RESERVED]));
  }

  /** Return the number of each word; a misspelt one counts as the nearest known. */
  ids(text) {
    const words = wordsOf(text);
    const near = this.#nearestOf(words);
    return words.map((word) => this.#numbers.get(near.get(word) ?? word) ?? UNKNOWN);
  }

  /** Return the words that are not known, each with the nearest that is, or null. */
  unknown(text) {
    return Object.fromEntries(this.#nearestOf(wordsOf(start(text, LETTERS))));
  }

  /** Return each unknown word with the nearest known one; no more than so many of a text are looked up. */
  #nearestOf(words) {
    const found = new Map();
    for (const word of words) {
      if (this.#numbers.has(word) || found.has(word)) continue;
      found.set(word, found.size < MOST_LOOKED_UP && !isLetterByLetter(word) ? this.nearest(word) : null);
    }
    return found;
  }

  /** Return the known word that is spelt most alike, the earlier of two, or null where none is near. */
  nearest(word) {
    if (this.#numbers.has(word)) return word;
    if (!this.#found.has(word)) {
      if (this.#found.size >= MEMORY) this.#found.clear();
      this.#found.set(word, this.#search([...word]));
    }
    return this.#found.get(word);
  }

  /** Put the nearest known word in place of each misspelt one, for those who read letters. */
  mend(text) {
    const near = this.unknown(text);
    if (Object.values(near).every((known) => known === null)) return text;
    return replaced(text, (word) => (Object.hasOwn(near, word) ? near[word] : null));
  }

  #search(word) {
    if (word.length > LONGEST_TYPO) return null;
    this.#spelt ??= this.words.map((known) => [...known]);
    let best = null;
    let score = 0;
    this.#spelt.forEach((known, place) => {
      const both = known.length + word.length;
      const least = Math.max(score, ALIKE);
      if (1 - Math.abs(known.length - word.length) / both < least) return; // cannot be nearer, whatever its letters
      const alike = 1 - (both - 2 * common(word, known)) / both;
      if (alike > score && alike >= ALIKE) [best, score] = [place, alike];
    });
    return best === null ? null : this.words[best];
  }
}

/** Return the numbers of a text's words or letters, as a reader's rule says. */
export function numbersOf(rule, lexicon, text) {
  const read = rule.mended ? lexicon.mend(text) : text;
  if (rule.by === "word") {
    const ids = rule.longest === null ? lexicon.ids(read) : lexicon.ids(start(read, LETTERS)).slice(0, rule.longest);
    return ids.length ? ids : [UNKNOWN];
  }
  const alphabet = [...rule.alphabet];
  const letters = [...start(read, rule.longest).toLowerCase()].slice(0, rule.longest);
  const places = letters.map((letter) => alphabet.lastIndexOf(letter)).map((at) => (at < 0 ? alphabet.length : at));
  return [...places, ...Array(rule.longest - places.length).fill(alphabet.length)];
}

/** Return the numbers of values, one for each attribute that a rule knows: 1 + its place, or 0 where it is left open. */
export function numbersOfValues(rule, values) {
  return Object.entries(rule.values).map(([name, known]) => known.indexOf(values[name]) + 1);
}

function start(text, letters) {
  return text.length <= letters ? text : [...text].slice(0, letters).join("");
}

/** Count the letters of the longest sequence that both words have in this order, others between them. */
function common(a, b) {
  let row = new Uint8Array(b.length + 1);
  let above = new Uint8Array(b.length + 1);
  for (const letter of a) {
    [row, above] = [above, row];
    for (let j = 1; j <= b.length; j++)
      row[j] = letter === b[j - 1] ? above[j - 1] + 1 : Math.max(above[j], row[j - 1]);
  }
  return row[b.length];
}
