// What is said not to be there: an artist draws what a sentence names, so it must not be named.

import { isNot, mended, withArticle } from "./grammar.js";

const BEFORE = "\\b(?:(?:and |but )?(?:with no|without|no|not)) (?:any |an? |the )?";
const ENDS = "and|or|with|but|on|against|in|wearing";
const DENIED = new RegExp(`${BEFORE}((?:(?!(?:${ENDS})\\b)[\\p{L}-]+ ?){1,4})`, "giu");

/**
 * Return a text without what it says is not there, and the names of that: {text, denied}. Of two values the other one is
 * meant, as of "not a man". What is no thing of the artist's stays as it is.
 */
export function affirmed(phrases, text) {
  const denied = [];
  const left = text.replace(DENIED, (whole, words) => {
    const said = words.trim();
    const other = otherOf(phrases, said);
    if (other === undefined && !names(phrases, said)) return whole;
    denied.push(said);
    return `${other ? withArticle(other) : ""} `;
  });
  return denied.length ? { text: mended(left), denied } : { text, denied };
}

/** Of an attribute with two values that can be there, the one that words do not mention; undefined of any other. */
function otherOf(phrases, words) {
  for (const [name, value] of Object.entries(phrases.valuesIn(words))) {
    const values = phrases.attributes[name].filter((one) => !isNot(one));
    if (values.length === 2 && phrases.attributes[name].length === 2) return values.find((one) => one !== value);
  }
  return undefined;
}

/** Do words name a thing of the artist's, by its values or by its name? */
function names(phrases, words) {
  if (Object.keys(phrases.valuesIn(words)).length) return true;
  const last = words.toLowerCase().split(" ").at(-1);
  const forms = [last, last.replace(/s$/, ""), `${last}s`];
  return phrases.things.some(({ heads, name }) => forms.some((form) => heads.has(form) || name === form));
}
