// A sheet without an end: rows by chance, drawn a few at a time for as long as somebody looks.

import { useLatest, useShared } from "./parts.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const AT_ONCE = 8;
/** Sheets by artist and what was asked, while the page is open: {pictures, top}; of many the newest. */
const sheets = new Map();
const MOST = 8;

/**
 * Draw batches while `wanted`. `make()` returns a row by chance, or null where nothing can be asked; when `key`
 * changes, the sheet begins anew, or goes on where one left it. Return {pictures, busy, error, more}; `more` draws one
 * batch, wanted or not.
 */
export function useEndless(artist, { key, make, knobs, wanted }) {
  const { studio } = useShared();
  const name = `${artist.checkpoint} ${key}`;
  const [, setCount] = useState(0);
  const { pictures } = sheetOf(name);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const newest = useRef({});
  newest.current = { name, make, wanted };
  const draw = useLatest(async (signal, once) => {
    const asked = newest.current;
    const rows = asked.wanted || once ? Array.from({ length: AT_ONCE }, asked.make).filter(Boolean) : [];
    if (!rows.length) return;
    setBusy(true);
    try {
      const pictures = await studio.draw(artist.id, rows, { knobs, signal });
      setError(null);
      const sheet = sheetOf(asked.name);
      sheet.pictures = [...sheet.pictures, ...pictures];
      setCount((n) => n + 1);
    } catch (caught) {
      if (!signal.aborted) setError(caught);
    }
    setBusy(false);
  });
  usePlace(name);
  useEffect(() => {
    if (wanted && !error) draw(false);
  }, [key, wanted, pictures.length]);
  const more = () => {
    setError(null);
    draw(true);
  };
  return { pictures, busy, error, more };
}

/** Keep the place on a sheet for whoever comes back to it. */
function usePlace(name) {
  useEffect(() => {
    const { top, pictures } = sheetOf(name);
    // after the head of the view has taken the focus, which scrolls to it
    if (pictures.length && top) setTimeout(() => scrollTo({ top, behavior: "instant" }));
    const moved = () => {
      sheetOf(name).top = scrollY;
    };
    addEventListener("scroll", moved, { passive: true });
    return () => removeEventListener("scroll", moved);
  }, [name]);
}

function sheetOf(name) {
  const sheet = sheets.get(name) ?? { pictures: [], top: 0 };
  sheets.delete(name); // it is the newest now
  sheets.set(name, sheet);
  if (sheets.size > MOST) sheets.delete(sheets.keys().next().value);
  return sheet;
}
