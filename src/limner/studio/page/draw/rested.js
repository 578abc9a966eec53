// What is shown, once it rests: what is drawn beside it waits for that, so that no key waits for what is beside.

import { frames } from "../requests.js";
import { useEffect, useState } from "../vendor/preact.js";

const RESTS = 400; // milliseconds
const PATIENCE = 1500; // milliseconds that a judge has to say what it sees

/**
 * Return what rested last, {state, drawn, seen}, null at first, and whether it is what is shown now; `sight` is what a
 * judge says of the newest picture, once it has.
 */
export function useRested(artist, { state, drawn, isCurrent }, sight) {
  const [rested, setRested] = useState(null);
  const seen = sight?.seen ?? null;
  useEffect(() => {
    if (!drawn || !isCurrent) return undefined;
    const isWaiting = artist.can.seen && !seen && frames(drawn.row.request) === 1;
    const wait = seen ? 0 : isWaiting ? PATIENCE : RESTS;
    const timer = setTimeout(() => setRested({ state, drawn, seen }), wait);
    return () => clearTimeout(timer);
  }, [drawn, isCurrent, seen]);
  return [rested, Boolean(isCurrent && rested?.drawn === drawn)];
}
