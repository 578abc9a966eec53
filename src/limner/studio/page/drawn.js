// Pictures by the row: drawn once, remembered while the page is open, kept with a heart.

import { html, say } from "./lang.js";
import { Icon, useLatest, useRetry, useShared } from "./parts.js";
import { frames } from "./requests.js";
import { go } from "./routes.js";
import { useEffect, useMemo, useRef, useState } from "./vendor/preact.js";

const REMEMBERED = 600;
const AT_ONCE = 8;
const known = new Map();

/**
 * Draw rows of an artist: {pictures, busy, error}. A picture is null until it is there. When other rows are wanted,
 * those that were drawn before are there at once, and the rest follows a few at a time, the newest wish first.
 */
export function useRows(artist, rows, knobs) {
  const { newest, ...drawing } = useDrawing(artist, rows, knobs);
  return drawing;
}

/**
 * Draw a row that moves under a hand; null for none: {picture, png, drawn, busy, error}. `png` is the newest picture that
 * has come, of the row as it is or as it was a moment ago, so that one sees it move; `drawn` says what that was drawn for,
 * `of` where it is the row's own. `picture` is the row's own, null until it is there.
 */
export function useMoving(artist, row, knobs, of) {
  const { pictures, newest, busy, error } = useDrawing(artist, row ? [row] : [], knobs);
  const [picture = null] = pictures;
  const shown = picture ?? newest;
  const drawn = picture ? of : shown && JSON.stringify([shown.recipe.request, shown.recipe.seed]);
  return { picture, png: shown?.png, drawn, busy, error };
}

/** What `useRows` returns, and the picture that came last, whatever is wanted by now. */
function useDrawing(artist, rows, knobs) {
  const { studio } = useShared();
  const newest = useRef(null);
  const wanted = useRef("");
  const [, setDrawn] = useState(0);
  const [state, setState] = useState({ busy: false, error: null });
  const keys = rows.map((row) => keyOf(artist, row, knobs));
  const wish = keys.join("\n");
  const run = useLatest(async (signal, asked) => {
    const stillWanted = () => !signal.aborted && wanted.current === asked.wish;
    let error = null;
    try {
      await drawMissing(studio, asked, signal, (picture) => {
        newest.current = picture;
        setDrawn((n) => n + 1);
        return stillWanted();
      });
    } catch (caught) {
      error = caught;
    }
    if (stillWanted()) setState({ busy: false, error });
  });
  const draw = () => run({ artist, rows, keys, knobs, wish });
  useEffect(() => {
    wanted.current = wish;
    const all = keys.every((key) => known.has(key));
    setState({ busy: !all, error: null });
    if (!all) draw();
  }, [wish]);
  useRetry(state.error, draw);
  const pictures = keys.map((key) => known.get(key) ?? null);
  newest.current = pictures.at(-1) ?? newest.current;
  return { pictures, newest: newest.current, ...state };
}

async function drawMissing(studio, { artist, rows, keys, knobs }, signal, goOn) {
  const missing = rows.map((row, i) => ({ row, key: keys[i] })).filter(({ key }) => !known.has(key));
  const step = Math.max(1, Math.floor(AT_ONCE / frames(rows[0].request)));
  for (let i = 0; i < missing.length; i += step) {
    const some = missing.slice(i, i + step);
    const asked = some.map(({ row }) => row);
    const pictures = await studio.draw(artist.id, asked, { knobs, signal });
    for (const [n, { key }] of some.entries()) put(key, pictures[n]);
    if (!goOn(pictures.at(-1))) return;
  }
}

/** Remember a picture that was drawn elsewhere, at its own size. */
export function remember(artist, row, knobs, picture) {
  put(keyOf(artist, row, knobs), picture);
}

/** Return a picture that was drawn a while ago, null where it was not, or was forgotten. */
export function recalled(artist, row, knobs) {
  return known.get(keyOf(artist, row, knobs)) ?? null;
}

function keyOf(artist, { request, seed }, knobs) {
  return JSON.stringify([artist.checkpoint, request, seed, knobs]);
}

function put(key, picture) {
  known.delete(key); // it is the newest now
  known.set(key, picture);
  if (known.size > REMEMBERED) known.delete(known.keys().next().value);
}

/** Find a picture of the gallery with the artist who drew it: {entry, artist, error}; all null without an id. */
export function useEntry(id) {
  const { studio, artists } = useShared();
  const [found, setFound] = useState({ entry: null, error: null });
  useEffect(() => {
    let here = true;
    setFound({ entry: null, error: null });
    if (!id) return undefined;
    studio.gallery.get(id).then(
      (entry) => here && setFound({ entry, error: null }),
      (error) => here && setFound({ entry: null, error }),
    );
    return () => {
      here = false;
    };
  }, [id]);
  const entry = found.entry?.id === id ? found.entry : null;
  const artist = useMemo(() => entry && artistOf(artists, entry), [artists, entry]);
  const gone = entry && !artist && new Error(notHere(entry));
  return { entry, artist: artist ?? null, error: found.error ?? (gone || null) };
}

/** Return who drew a picture of the gallery, where they are here. */
export function artistOf(artists, entry) {
  const { checkpoint, artist } = entry.recipe;
  return artists.find((one) => one.checkpoint === checkpoint) ?? artists.find((one) => one.id === artist);
}

/** Say that whoever drew a picture is not here. */
export function notHere(entry) {
  return say`${entry.recipe.artist} does not draw here: start the studio with it`;
}

/** Return what puts a picture into the history and goes on with it in another view. */
export function useVisit() {
  const { studio, fail } = useShared();
  return async (view, picture, parents = null, query = (id) => ({ picture: id })) => {
    try {
      const entry = await studio.gallery.add(picture.png, { keep: false, parents });
      go(view, query(entry.id));
    } catch (error) {
      fail(error);
    }
  };
}

/** A button that goes on with a picture in another view. */
export function VisitButton({ view, icon = view, label, picture, parents }) {
  const visit = useVisit();
  return html`<button type="button" disabled=${!picture} onClick=${() => visit(view, picture, parents)}>
    <${Icon} name=${icon} /> ${label}
  </button>`;
}
