// A shelf of the gallery, a page at a time.

import { useShared } from "./parts.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const PAGE = 48;
const TYPED = 250;

/**
 * The pictures of a shelf that fit: {entries, total, ready, more, reload, put}. `more` fetches the next page where
 * there is one; `reload` as many as are shown, so that nobody loses their place; `put(entry)` shows an entry as it is
 * now, and takes it off a shelf it no longer stands on.
 */
export function useShelf({ shelf, q, artist }) {
  const { studio, fail } = useShared();
  const [found, setFound] = useState({ entries: [], total: 0, next: null, ready: false });
  const turns = useRef(0);
  const newest = useRef({}); // who undoes a deletion may look at another shelf by then
  newest.current = { asked: { shelf, q, artist }, shown: found.entries.length };
  const load = async (after, least = PAGE) => {
    const turn = ++turns.current;
    const { asked } = newest.current;
    const data = [];
    let page = { next: after };
    try {
      do {
        page = await studio.gallery.page({ ...asked, limit: PAGE, after: page.next });
        data.push(...page.data);
      } while (page.next && data.length < least);
      if (turn !== turns.current) return;
      setFound((old) => ({
        entries: after ? [...old.entries, ...data] : data,
        total: page.total,
        next: page.next,
        ready: true,
      }));
    } catch (error) {
      if (turn === turns.current) fail(error);
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => load(), q ? TYPED : 0);
    return () => clearTimeout(timer);
  }, [shelf, q, artist]);
  const busy = useRef(false);
  const more = async () => {
    if (!found.next || busy.current) return;
    busy.current = true;
    await load(found.next);
    busy.current = false;
  };
  const put = (entry) => {
    const isHere = shelf === "deleted" ? entry.deleted : !entry.deleted && (shelf !== "kept" || entry.kept);
    setFound((old) => {
      const entries = old.entries.flatMap((one) => (one.id !== entry.id ? [one] : isHere ? [entry] : []));
      return { ...old, entries, total: old.total - (old.entries.length - entries.length) };
    });
  };
  return { ...found, more, reload: () => load(undefined, newest.current.shown), put };
}
