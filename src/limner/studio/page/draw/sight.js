// What is seen in a picture: a judge, which did not draw it, says what of the words is there and what is not.

import { isBlend, kindOf, textsIn, valuesField } from "../fields.js";
import { html, say } from "../lang.js";
import { useLatest, useShared } from "../parts.js";
import { frames } from "../requests.js";
import { useEffect, useState } from "../vendor/preact.js";
import { bare, isNot } from "../words/grammar.js";

const RESTS = 900; // milliseconds, so that no key waits for it

/**
 * What a judge sees in what is drawn, when that rests: {there, missing, all} in words; null before, and for artists whose
 * pictures none knows.
 */
export function useSight(artist, phrases, drawn) {
  const { studio } = useShared();
  const [found, setFound] = useState(null);
  const run = useLatest(async (signal, of) => {
    try {
      setFound({ of, seen: await studio.seen(artist.id, of.picture.png, { signal }) });
    } catch {
      // the picture is there without it
    }
  });
  useEffect(() => {
    if (!artist.can.seen || !drawn || !phrases || frames(drawn.row.request) > 1) return undefined;
    const timer = setTimeout(() => run(drawn), RESTS);
    return () => clearTimeout(timer);
  }, [drawn, phrases]);
  if (!found || found.of !== drawn || !phrases) return null;
  return told(phrases, found.seen, askedIn(phrases, drawn.row.request));
}

/** Say what is there of what was asked, what is not, and for the alternative text all that is there. */
export function told(phrases, seen, asked) {
  const isThere = ([name, value]) => bare(value).every((word) => bare(seen[name]).includes(word)); // white ones are, too
  const known = Object.entries(asked).filter(([name]) => name in seen);
  const [there, missing] = [known.filter(isThere), known.filter((one) => !isThere(one))].map(Object.fromEntries);
  const visible = Object.fromEntries(Object.entries(seen).filter((one) => isPart(phrases, seen, one)));
  return {
    there: phrases.say(known.length ? there : visible),
    missing: phrases.say(missing),
    all: phrases.say(visible),
  };
}

/** Is a value one that can be seen: the colour of a hat is, where there is a hat. */
function isPart(phrases, seen, [name]) {
  const thing = phrases.things.find(({ parts }) => Object.values(parts).includes(name));
  return !Object.values(thing.parts).some((part) => part in seen && isNot(seen[part]));
}

/** Return the values that a request asks for: {attribute: value}; of a mixture none, as it asks for what lies between. */
export function askedIn(phrases, request) {
  if (isBlend(request) || !phrases) return {};
  const values = valuesField(kindOf(request) ?? { fields: [] });
  return values ? request[values.name] : phrases.valuesIn(textsIn(request).join("\n"));
}

/** The line below a picture; it is announced, as the picture itself cannot be. */
export function Sight({ sight }) {
  return html`<p class="sight small" id="seen" role="status" aria-live="polite">
    ${sight && html`<span>I see: ${sight.there || say`none of it`}</span>`}
    ${sight?.missing && html`<span class="warn">; not: ${sight.missing}</span>`}
  </p>`;
}
