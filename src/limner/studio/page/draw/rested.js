// What is shown, once it rests: what is drawn beside it waits for that, so that no key waits for what is beside.

import { remember } from "../drawn.js";
import { withWords, wordsField, wordsIn } from "../fields.js";
import { useShared } from "../parts.js";
import { useEffect, useState } from "../vendor/preact.js";
import { settled } from "../words/settled.js";
import { canSee } from "./sight.js";
import { kindIn, meant } from "./state.js";

const RESTS = 400; // milliseconds
const PATIENCE = 5000; // milliseconds that a judge has to say what it sees

/**
 * Return what rested last, {state, drawn, seen}, null at first, and whether it is what is shown now. `sight` is what a
 * judge says of the newest picture, once it has; `seen` what of that may be written into its words.
 */
export function useRested(artist, phrases, { state, drawn, isCurrent }, sight) {
  const { studio } = useShared();
  const [rested, setRested] = useState(null);
  const seen = sight?.seen ?? null;
  useEffect(() => {
    if (!drawn || !isCurrent) return undefined;
    const stop = new AbortController();
    const rest = (values) => {
      clearTimeout(timer);
      if (!stop.signal.aborted) setRested({ state, drawn, seen: values });
    };
    const timer = setTimeout(rest, seen || canSee(artist, drawn) ? PATIENCE : RESTS, seen);
    if (seen) settledOf(studio, artist, phrases, { state, seen }, stop.signal).then(rest, () => rest(seen));
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [drawn, isCurrent, seen]);
  return [rested, Boolean(isCurrent && rested?.drawn === drawn)];
}

/**
 * Return what of what is seen may be written down, as a promise: what one would write is drawn and looked at, while
 * nothing else is wanted.
 */
export async function settledOf(studio, artist, phrases, { state, seen }, signal) {
  const kind = kindIn(artist, state);
  const isPlain = wordsField(kind)?.type === "text" && !state.asked && !phrases.things.some(({ placed }) => placed);
  if (!isPlain) return seen;
  const { knobs, seed, said } = state;
  const steps = settled(phrases, wordsIn(kind, said), seen);
  for (let step = steps.next(); ; ) {
    if (step.done) return step.value;
    const requests = step.value.map(
      (text) => meant(artist, { ...state, said: withWords(kind, said, text) }, phrases).request,
    );
    const rows = requests.map((request) => ({ request, seed }));
    const pictures = await studio.draw(artist.id, rows, { knobs, signal, aside: true });
    const found = [];
    for (const [place, picture] of pictures.entries()) {
      remember(artist, rows[place], knobs, picture);
      found.push(await studio.seen(artist.id, picture.png, { signal }));
    }
    step = steps.next(found);
  }
}
