// Things that never stand together in what is said of pictures, as a hat and the hair below it.

const CHANCE = 0.02;

/** Return the things of `phrases` that exclude each other, a Map of thing to Set of things, as sentences show. */
export function apartIn(phrases, sentences) {
  const things = phrases.things.filter(({ placed }) => !placed);
  const found = sentences.map((text) => phrases.thingsIn(text));
  const count = (...some) => found.filter((said) => some.every((thing) => said.has(thing))).length;
  const apart = new Map(things.map((thing) => [thing, new Set()]));
  for (const [place, one] of things.entries()) {
    for (const other of things.slice(place + 1)) {
      if (count(one, other) || never(sentences.length, count(one), count(other)) >= CHANCE) continue;
      apart.get(one).add(other);
      apart.get(other).add(one);
    }
  }
  return apart;
}

/** Return how likely two things are never said together in `all` sentences, if neither minds the other (Fisher). */
function never(all, some, others) {
  let share = 1;
  for (let place = 0; place < some; place += 1) share *= Math.max(0, all - others - place) / (all - place);
  return share;
}
