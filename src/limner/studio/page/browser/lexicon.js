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
const WORK = 100_000; // of one search, in letters compared

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
    let best = this.words.length;
    let score = ALIKE;
    let work = 0;
    for (const { place, bound } of this.#candidates(word)) {
      const known = this.#spelt[place];
      work += known.length * word.length;
      if (bound < score || work > WORK) break;
      const ratio = (2 * matched(known, word)) / (known.length + word.length);
      if (ratio > score || (ratio === score && place < best)) [best, score] = [place, ratio];
    }
    return this.words[best] ?? null;
  }

  /** Return the places of words that may be near, each with the alikeness that it has at most, the largest first. */
  #candidates(word) {
    const found = [];
    this.#spelt.forEach((known, place) => {
      const both = known.length + word.length;
      if (2 * Math.min(known.length, word.length) < ALIKE * both) return;
      const bound = (2 * shared(known, word)) / both;
      if (bound >= ALIKE) found.push({ place, bound });
    });
    return found.sort((a, b) => b.bound - a.bound || a.place - b.place);
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

/** Count the letters that two words have in common, wherever they stand. */
function shared(a, b) {
  const left = new Map();
  for (const letter of b) left.set(letter, (left.get(letter) ?? 0) + 1);
  let count = 0;
  for (const letter of a) {
    const many = left.get(letter) ?? 0;
    if (many > 0) count += 1;
    left.set(letter, many - 1);
  }
  return count;
}

/** Count the letters in matching blocks of two words: Python's difflib, the longest block first, then beside it. */
function matched(a, b, fromA = 0, toA = a.length, fromB = 0, toB = b.length) {
  const { i, j, size } = longest(a, b, fromA, toA, fromB, toB);
  if (!size) return 0;
  return size + matched(a, b, fromA, i, fromB, j) + matched(a, b, i + size, toA, j + size, toB);
}

/** Find the longest block; of several the first in `a`, and of these the first in `b`. */
function longest(a, b, fromA, toA, fromB, toB) {
  let best = { i: fromA, j: fromB, size: 0 };
  let lengths = new Map();
  for (let i = fromA; i < toA; i++) {
    const now = new Map();
    for (let j = fromB; j < toB; j++) {
      if (a[i] !== b[j]) continue;
      const size = (lengths.get(j - 1) ?? 0) + 1;
      now.set(j, size);
      if (size > best.size) best = { i: i - size + 1, j: j - size + 1, size };
    }
    lengths = now;
  }
  return best;
}
