// The class that this tab came into, by a short word: its pass is the tab's token, and what is made goes on the wall.

const NAME = "limner.class";

/** Note that this tab came in. */
export function cameIn() {
  sessionStorage.setItem(NAME, "1");
}

/** Is this tab in a class? */
export function isIn() {
  return sessionStorage.getItem(NAME) !== null;
}
