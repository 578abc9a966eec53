// Random seeds and choices.

/** Return a random seed. */
export function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % 2 ** 31;
}

/** Return a random item. */
export function pick(many) {
  return many[randomSeed() % many.length];
}
