// Chance: seeds, and one of many.

/** A seed by chance. */
export function chance() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % 2 ** 31;
}

/** Pick one of many. */
export function pick(many) {
  return many[chance() % many.length];
}
