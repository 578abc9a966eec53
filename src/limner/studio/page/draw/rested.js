// What is shown, once it rests: what is drawn beside it waits for that, so that no key waits for what is beside.

import { useShared } from "../parts.js";
import { useEffect, useState } from "../vendor/preact.js";
import { canSee } from "./sight.js";
import { settledOf } from "./tried.js";

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
