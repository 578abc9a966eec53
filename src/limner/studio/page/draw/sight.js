// What is seen in a picture: a judge, which did not draw it, says what of the words is there and what is not.

import { isBlend, kindOf, textsIn, valuesField } from "../fields.js";
import { html, say } from "../lang.js";
import { useLatest, useShared } from "../parts.js";
import { frames } from "../requests.js";
import { useEffect, useMemo, useState } from "../vendor/preact.js";
import { bare } from "../words/grammar.js";
import { visible } from "../words/held.js";

const RESTS = 450; // milliseconds, so that no key waits for it

/**
 * What a judge sees in what is drawn, when that rests: {seen, there, missing, all}, the values and what of them is asked
 * and not asked, in words; null before, and for artists whose pictures none knows.
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
    if (!canSee(artist, drawn) || !phrases) return undefined;
    const timer = setTimeout(() => run(drawn), RESTS);
    return () => clearTimeout(timer);
  }, [drawn, phrases]);
  const isNow = found?.of === drawn && phrases;
  return useMemo(
    () => (isNow ? { seen: found.seen, ...told(phrases, found.seen, askedIn(phrases, drawn.row.request)) } : null),
    [found, isNow],
  );
}

/** Can a judge see what is drawn? */
export function canSee(artist, drawn) {
  return Boolean(artist.can.seen && drawn && frames(drawn.row.request) === 1);
}

/**
 * Say what is there of what was asked and what is not, each [{name, text}] by the things they belong to, and for the
 * alternative text all that is there.
 */
function told(phrases, seen, asked) {
  const isThere = ([name, value]) => bare(value).every((word) => bare(seen[name]).includes(word)); // white ones are, too
  const known = Object.entries(asked).filter(([name]) => name in seen);
  const [there, missing] = [known.filter(isThere), known.filter((one) => !isThere(one))].map(Object.fromEntries);
  const all = visible(phrases, seen);
  return {
    there: inWords(phrases, known.length ? there : all),
    missing: inWords(phrases, missing),
    all: phrases.say(all),
  };
}

function inWords(phrases, values) {
  const said = phrases.things.map((thing) => ({ name: thing.name, text: phrases.sayThing(thing, values) }));
  return said.filter(({ text }) => text);
}

/** Return the values that a request asks for: {attribute: value}; of a mixture none, as it asks for what lies between. */
function askedIn(phrases, request) {
  if (isBlend(request) || !phrases) return {};
  const values = valuesField(kindOf(request) ?? { fields: [] });
  return values ? request[values.name] : phrases.valuesIn(textsIn(request).join("\n"));
}

/**
 * The line below a picture; it is announced, as the picture itself cannot be. `onOpen(name)` hears of which thing was
 * pressed.
 */
export function Sight({ sight, onOpen }) {
  const parts = (some) =>
    some.map(
      ({ name, text }, place) =>
        html`${place > 0 && ", "}<button type="button" class="heard" key=${name} onClick=${() => onOpen(name)}>${text}</button>`,
    );
  return html`<p class="sight small" id="seen" role="status" aria-live="polite">
    ${sight && html`<span>I see: ${sight.there.length ? parts(sight.there) : say`none of it`}</span>`}
    ${sight?.missing.length > 0 && html`<span class="warn">; not: ${parts(sight.missing)}</span>`}
  </p>`;
}
