// A sheet without an end: rows by chance, drawn a few at a time for as long as somebody looks.

import { useLatest, useShared } from "./parts.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const AT_ONCE = 8;

/**
 * Draw batches while `wanted`. `make()` returns a row by chance, or null where nothing can be asked; when `key`
 * changes, the sheet begins anew. Return {pictures, busy, error, more}; `more` draws one batch, wanted or not.
 */
export function useEndless(artist, { key, make, knobs, wanted }) {
  const { studio } = useShared();
  const [sheet, setSheet] = useState({ key, pictures: [] });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const newest = useRef({});
  newest.current = { key, make, wanted };
  const draw = useLatest(async (signal, once) => {
    const asked = newest.current;
    const rows = asked.wanted || once ? Array.from({ length: AT_ONCE }, asked.make).filter(Boolean) : [];
    if (!rows.length) return;
    setBusy(true);
    try {
      const pictures = await studio.draw(artist.id, rows, { knobs, signal });
      setError(null);
      if (newest.current.key === asked.key) {
        setSheet((old) => ({
          key: asked.key,
          pictures: [...(old.key === asked.key ? old.pictures : []), ...pictures],
        }));
      }
    } catch (caught) {
      if (!signal.aborted) setError(caught);
    }
    setBusy(false);
  });
  const pictures = sheet.key === key ? sheet.pictures : [];
  useEffect(() => {
    if (wanted && !error) draw(false);
  }, [key, wanted, pictures.length]);
  const more = () => {
    setError(null);
    draw(true);
  };
  return { pictures, busy, error, more };
}
