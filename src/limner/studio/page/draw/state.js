// The state of the draw view: the words, the seed, the knobs; their picture; and its entry in the gallery.

import {
  byChance,
  changed,
  isBlend,
  isNeeded,
  isStory,
  requestOf as requestOfFields,
  saidOf,
  withWords,
  wordsField,
} from "../fields.js";
import { store, useLatest, useRetry, useShared, useStored } from "../parts.js";
import { randomSeed } from "../random.js";
import { textOf } from "../requests.js";
import { go } from "../routes.js";
import { useEffect, useState } from "../vendor/preact.js";
import { turned } from "./knobs.js";

const HISTORY_DELAY = 1000;
const FRESH = {
  kind: null,
  said: {},
  locked: true,
  knobs: {},
  size: null,
  asked: null,
  parents: null,
  touched: false,
};

/** Return the state that draws a picture of the gallery again: what it says, seed and knobs. */
export function stateOf(artist, { recipe, parents }) {
  const { request, seed } = recipe;
  const knobs = turned(artist, recipe.knobs);
  const kind = kindIn(artist, request);
  const size = recipe.size ?? null;
  const state = { ...FRESH, kind: kind.kind, seed, knobs, size, parents, touched: true };
  const said = kind.kind === request.kind ? saidOf(request) : withWords(kind, {}, textOf(request));
  const isLine = isStory(request) && request.lines.length === 1 && !request.setting?.length;
  const asked = isBlend(request) || (isStory(request) && !isLine) ? request : null;
  return { ...state, said: asked ? withWords(kind, {}, textOf(request)) : said, asked };
}

/** Return the kind that a request, or a state, is of, among those an artist takes: the first where it is of none. */
export function kindIn(artist, { kind }) {
  return artist.requests.find((one) => one.kind === kind) ?? artist.requests[0];
}

/** Store a state for `useDrawState`. */
export function storeState(artist, state) {
  store(keyOf(artist), state);
}

/** Return the request of a state; null where it is empty. */
export function requestOf(artist, state) {
  return state.asked ?? requestOfFields(kindIn(artist, state), state.said);
}

/** The state of an artist, stored across reloads, and its picture. */
export function useDrawState(artist) {
  const [state, setState] = useStored(keyOf(artist), {
    ...FRESH,
    said: begun(artist),
    seed: randomSeed(),
  });
  const change = (changes) =>
    setState((old) => {
      const changesRequest = "said" in changes || "kind" in changes;
      const seed = changesRequest && !old.locked && !("seed" in changes) ? { seed: randomSeed() } : {};
      const open = { ...old, ...(changesRequest ? { asked: null } : {}), ...seed };
      return changed(open, { ...changes, parents: null, touched: true });
    });
  const drawing = useDrawing(artist, state);
  const gallery = useGalleryEntry(drawing.drawn, state);
  return { state, change, ...drawing, ...gallery };
}

/** Return what is said at first: an example where words are taken, something by chance where labels or boxes are. */
function begun(artist) {
  const [kind] = artist.requests;
  const [example] = artist.examples;
  const words = wordsField(kind);
  const said = words?.required && example ? withWords(kind, {}, example) : {};
  const chance = Object.entries(byChance(kind, artist, null));
  const isOpen = ([name]) =>
    kind.fields.some((field) => field !== words && field.name === name && isNeeded(kind, field));
  return { ...said, ...Object.fromEntries(chance.filter(isOpen)) };
}

/** Return the name under which a state is stored: another than before states were of fields. */
function keyOf(artist) {
  return `drawing.${artist.id}`;
}

/** The newest picture of a state: {drawn: {picture, row, text, ms}, error, again}. */
function useDrawing(artist, state) {
  const { studio } = useShared();
  const request = requestOf(artist, state);
  const size = artist.sizes.includes(state.size) ? state.size : null; // a reload may bring an artist without it
  const key = JSON.stringify([request, state.seed, state.knobs, size]);
  const [drawn, setDrawn] = useState(null);
  const [error, setError] = useState(null);
  const run = useLatest(async (signal, row, { knobs, size }) => {
    const began = performance.now();
    try {
      const [picture] = await studio.draw(artist.id, [row], { knobs, size, signal });
      setDrawn({ picture, row, knobs, text: textOf(row.request), ms: Math.round(performance.now() - began) });
      setError(null);
    } catch (caught) {
      if (!signal.aborted) setError(caught);
    }
  });
  const again = () => request && run({ request, seed: state.seed }, { knobs: state.knobs, size });
  useEffect(() => {
    again();
  }, [key]);
  useRetry(error, again);
  return { drawn, error, again };
}

/** The entry of a picture in the gallery: it enters the history after a second, and a heart makes it a favourite. */
function useGalleryEntry(drawn, { parents, touched }) {
  const { studio, fail } = useShared();
  const [found, setFound] = useState(null);
  const entry = found && found.drawn === drawn ? found.entry : null;
  const put = async (keep) => {
    const added = await studio.gallery.add(drawn.picture.png, { keep, parents });
    setFound({ drawn, entry: added });
    return added;
  };
  useEffect(() => {
    if (!drawn || !touched || entry) return undefined;
    const timer = setTimeout(() => put(false).catch(fail), HISTORY_DELAY);
    return () => clearTimeout(timer);
  }, [drawn, touched, entry]);
  const toggle = async () => {
    try {
      if (entry) setFound({ drawn, entry: await studio.gallery.change(entry.id, { keep: !entry.kept }) });
      else await put(true);
    } catch (error) {
      fail(error);
    }
  };
  const visit = async (view) => {
    try {
      go(view, { picture: (entry ?? (await put(false))).id });
    } catch (error) {
      fail(error);
    }
  };
  return { kept: Boolean(entry?.kept), keep: toggle, visit };
}
