// The little English that chips need: what kind of word a word is, and how short phrases are put together.

import { wordPlaces } from "./words.js";

const ADJECTIVES = new Set(
  (
    "angry bald big black blond blonde blue brown calm clean curled curly cyan dark fair far flat full ginger golden " +
    "gray green grey happy heavy large left light little long loose neat new old open orange pale pink plain " +
    "platinum purple raised red right round sad serious shiny short sideways slim small soft square straight tall " +
    "tan thick thin tiny violet white wide wild yellow young"
  ).split(" "),
);
const ADJECTIVE_ENDINGS = /(ing|ed|[^aeiou]y|ful|less|ous|ish|ive|ic)$/;
const NOUNS_LIKE_ADJECTIVES = new Set(
  "ring king wing clothing building baby body city lady fairy party pony bunny puppy kitty fabric metallic".split(" "),
);
const MASSES = new Set(
  "hair skin water grass snow sand rain light fur wool metal rubber wood gold glass clothing".split(" "),
);
const SPELLINGS = {
  gray: "grey",
  blond: "blonde",
  golden: "blonde",
  violet: "purple",
  mustache: "moustache",
  spectacles: "glasses",
};
const NOT = new Set(["none", "no", "nothing", "absent", "false", "without", "unknown", "0", "-1", ""]);
const YES = new Set(["yes", "true", "present", "1"]);

const cut = new Map(); // values are cut into words again and again, with every key
const LONG = 60; // letters of what is cut once

/** Only the words. */
export function bare(text) {
  const found = cut.get(text) ?? wordPlaces(text).map((one) => one.word);
  if (text.length < LONG && cut.size < LONG * LONG) cut.set(text, found);
  return found;
}

/** The common spelling of a word, so that "gray" is understood as "grey". */
export function common(word) {
  return SPELLINGS[word] ?? word;
}

/** Does a word say how something is, not what? */
export function isAdjective(word) {
  return ADJECTIVES.has(word) || (ADJECTIVE_ENDINGS.test(word) && !NOUNS_LIKE_ADJECTIVES.has(word));
}

/** Does a value mean that there is nothing? */
export function isNot(value) {
  return NOT.has(value.toLowerCase());
}

/** Does a value only mean that the thing is there? */
export function isYes(value) {
  return YES.has(value.toLowerCase());
}

/** Put the article before a phrase that needs one. */
export function withArticle(phrase) {
  const words = bare(phrase);
  if (/^(an?|the)$/.test(words[0])) return phrase;
  const last = words.at(-1) ?? "";
  if (!last || /[^s]s$/.test(last) || MASSES.has(last) || isAdjective(last) || last === "out") return phrase;
  return `${/^[aeio]/.test(words[0]) ? "an" : "a"} ${phrase}`;
}

/** Mend a text from which something was taken: no comma twice, no "with" before nothing, no "she has". */
export function mended(text) {
  const joins = "with|wearing|wears?|has|have|is|are|and|on|against|in front of|in|over|of|an?|the|who|that|which";
  const left = new RegExp(`\\b(?:${joins})\\s*(?=$|[,.;])`, "gi");
  let now = text;
  for (let before = ""; before !== now; ) {
    before = now;
    now = now
      .replace(/\s+/g, " ")
      .replace(/\s+([,.;])/g, "$1")
      .replace(left, "")
      .replace(/(^|[,.;]\s*)(?:s?he|they|it)\s*(?=$|[,.;])/gi, "$1")
      .replace(/\.\s*(?=[,.;])/g, "")
      .replace(/\b(with|wearing) (?:and|with|wearing)\b/gi, "$1")
      .replace(/\b(?:with|wearing|over|and) (?=(?:and|on|against|over|in front)\b)/gi, "")
      .replace(/\ban? (\w+(?:ing|ed))(?= (?:with|wearing|on|against|in)\b)/gi, "$1,")
      .replace(/\ban? (\w+(?:ing|ed))(?=$|[,.;])/gi, "$1")
      .replace(/([,;])\s*(?:[,;]\s*)+/g, "$1 ")
      .replace(/([,;])\s*(?=\.|$)/g, "")
      .replace(/^[\s,;]+(?:and\b\s*)?/, "")
      .replace(/^(?:with|wearing)\s+/i, "")
      .replace(/^\.$/, "")
      .trim();
  }
  return now;
}
