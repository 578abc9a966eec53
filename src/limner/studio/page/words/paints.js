// Values that name a colour, and how it looks.

import { isNot } from "./grammar.js";

const PAINTS = {
  black: "#222222",
  white: "#ffffff",
  red: "#c81414",
  green: "#2f9e44",
  blue: "#2b6be4",
  yellow: "#f5d93a",
  orange: "#ea6c14",
  purple: "#7e44c9",
  violet: "#7e44c9",
  pink: "#ff8fc0",
  brown: "#724133",
  grey: "#97979e",
  gray: "#97979e",
  blonde: "#f5d45e",
  ginger: "#ea6c14",
  platinum: "#f3e9d2",
  cyan: "#22b8cf",
  magenta: "#d6219c",
  gold: "#d4a017",
  silver: "#c0c0c8",
  turquoise: "#30c5b4",
};

/** Are all values of an attribute colours, but for one that means nothing? */
export function arePaints(name, values) {
  return values.every((value) => isNot(value) || paintOf(name, value));
}

/** Return the colour that a value of an attribute names, null where it names none. */
export function paintOf(name, value) {
  if (!/colou?r|background/.test(name)) return null;
  return PAINTS[value] ?? null;
}
