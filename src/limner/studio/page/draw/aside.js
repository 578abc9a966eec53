// Pictures beside the one that is asked for, drawn while nothing else is wanted: whatever is typed or pressed ends them.

import { recalled, remember } from "../drawn.js";
import { useShared } from "../parts.js";
import { useEffect, useState } from "../vendor/preact.js";

const AT_ONCE = 8;

/**
 * Draw rows of an artist a few at a time while `isFree`; return their pictures, null until they are there, and for a
 * row that is null.
 */
export function useAside(artist, rows, knobs, isFree) {
  const { studio } = useShared();
  const [, setCount] = useState(0);
  const wish = JSON.stringify([rows, knobs]);
  useEffect(() => {
    if (!isFree) return undefined;
    const stop = new AbortController();
    const draw = async () => {
      const missing = rows.filter((row) => row && !recalled(artist, row, knobs));
      while (missing.length && !stop.signal.aborted) {
        const some = missing.splice(0, AT_ONCE);
        const pictures = await studio.draw(artist.id, some, { knobs, signal: stop.signal, aside: true });
        for (const [place, picture] of pictures.entries()) remember(artist, some[place], knobs, picture);
        setCount((count) => count + 1);
      }
    };
    draw().catch(() => {}); // the picture that is asked for tells what is wrong
    return () => stop.abort();
  }, [wish, isFree]);
  return rows.map((row) => row && recalled(artist, row, knobs));
}
