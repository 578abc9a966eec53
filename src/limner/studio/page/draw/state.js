// The state of the draw view: the words, the seed, the knobs; their picture; and its entry in the gallery.

import { store, useLatest, useRetry, useShared, useStored } from "../parts.js";
import { randomSeed } from "../random.js";
import { textOf } from "../requests.js";
import { go } from "../routes.js";
import { useEffect, useState } from "../vendor/preact.js";
import { turned } from "./knobs.js";

const HISTORY_DELAY = 1000;
const FRESH = {
  values: {},
  labels: [],
  locked: true,
  knobs: {},
  size: null,
  asked: null,
  parents: null,
  touched: false,
};
const REQUEST_FIELDS = ["text", "values", "labels"];

/** Return the state that draws a picture of the gallery again: its words, seed and knobs. */
export function stateOf(artist, { recipe, parents }) {
  const { request, seed } = recipe;
  const knobs = turned(artist, recipe.knobs);
  const size = recipe.size ?? null;
  const state = { ...FRESH, text: textOf(request), seed, knobs, size, parents, touched: true };
  if (request.kind === "attributes") return { ...state, values: request.values };
  if (request.kind === "labelset") return { ...state, labels: request.labels };
  const isLine = request.kind === "story" && request.lines.length === 1 && !request.setting?.length;
  return request.kind === "caption" || isLine ? state : { ...state, asked: request };
}

/** Store a state for `useDrawState`. */
export function storeState(artist, state) {
  store(`draw.${artist.id}`, state);
}

/** Return the request of a state; null where it is empty. */
export function requestOf(artist, state) {
  if (state.asked) return state.asked;
  const text = state.text.trim();
  switch (artist.takes) {
    case "caption":
      return text ? { kind: "caption", text } : null;
    case "story":
      return text ? { kind: "story", lines: [text.replaceAll("\n", " ")], setting: [] } : null;
    case "attributes":
      return { kind: "attributes", values: state.values };
    case "labelset":
      return state.labels.length ? { kind: "labelset", labels: state.labels } : null;
    default:
      return artist.takes === "nothing" ? { kind: "nothing" } : null;
  }
}

/** The state of an artist, stored across reloads, and its picture. */
export function useDrawState(artist) {
  const [state, setState] = useStored(`draw.${artist.id}`, {
    ...FRESH,
    text: artist.examples[0] ?? "",
    seed: randomSeed(),
  });
  const change = (changes) =>
    setState((old) => {
      const changesRequest = REQUEST_FIELDS.some((name) => name in changes);
      const seed = changesRequest && !old.locked && !("seed" in changes) ? { seed: randomSeed() } : {};
      return { ...old, ...(changesRequest ? { asked: null } : {}), ...seed, ...changes, parents: null, touched: true };
    });
  const drawing = useDrawing(artist, state);
  const gallery = useGalleryEntry(drawing.drawn, state);
  return { state, change, ...drawing, ...gallery };
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
