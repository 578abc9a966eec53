// What is on the draw view's desk: the words, the seed, the knobs; the picture of them; and its place in the gallery.

import { chance } from "../chance.js";
import { keep, useAgain, useKept, useLatest, useShared } from "../parts.js";
import { textOf } from "../requests.js";
import { go } from "../routes.js";
import { useEffect, useState } from "../vendor/preact.js";
import { turned } from "./knobs.js";

const STAYED = 1000;
const FRESH = { values: {}, labels: [], locked: true, knobs: {}, asked: null, parents: null, touched: false };
const ASKING = ["text", "values", "labels"];

/** Return the desk of an artist as a picture of the gallery was drawn: words, seed and knobs. */
export function deskOf(artist, { recipe, parents }) {
  const { request, seed } = recipe;
  const knobs = turned(artist, recipe.knobs);
  const desk = { ...FRESH, text: textOf(request), seed, knobs, parents, touched: true };
  if (request.kind === "attributes") return { ...desk, values: request.values };
  if (request.kind === "labelset") return { ...desk, labels: request.labels };
  const isLine = request.kind === "story" && request.lines.length === 1 && !request.setting?.length;
  return request.kind === "caption" || isLine ? desk : { ...desk, asked: request };
}

/** Put a desk where `useDesk` finds it. */
export function layDesk(artist, desk) {
  keep(`draw.${artist.id}`, desk);
}

/** What the desk asks of its artist; null where nothing is said yet. */
export function requestOf(artist, desk) {
  if (desk.asked) return desk.asked;
  const text = desk.text.trim();
  switch (artist.takes) {
    case "caption":
      return text ? { kind: "caption", text } : null;
    case "story":
      return text ? { kind: "story", lines: [text.replaceAll("\n", " ")], setting: [] } : null;
    case "attributes":
      return { kind: "attributes", values: desk.values };
    case "labelset":
      return desk.labels.length ? { kind: "labelset", labels: desk.labels } : null;
    default:
      return artist.takes === "nothing" ? { kind: "nothing" } : null;
  }
}

/** The desk of an artist, there again after a reload, and the picture of what is on it. */
export function useDesk(artist) {
  const [desk, setDesk] = useKept(`draw.${artist.id}`, { ...FRESH, text: artist.examples[0] ?? "", seed: chance() });
  const change = (changes) =>
    setDesk((old) => {
      const asks = ASKING.some((name) => name in changes);
      const seed = asks && !old.locked && !("seed" in changes) ? { seed: chance() } : {};
      return { ...old, ...(asks ? { asked: null } : {}), ...seed, ...changes, parents: null, touched: true };
    });
  const drawing = useDrawing(artist, desk);
  const place = usePlace(drawing.drawn, desk);
  return { desk, change, ...drawing, ...place };
}

/** The newest picture of a desk: {drawn: {picture, row, text, ms}, error, again}. */
function useDrawing(artist, desk) {
  const { studio } = useShared();
  const request = requestOf(artist, desk);
  const wish = JSON.stringify([request, desk.seed, desk.knobs]);
  const [drawn, setDrawn] = useState(null);
  const [error, setError] = useState(null);
  const run = useLatest(async (signal, row, knobs) => {
    const began = performance.now();
    try {
      const [picture] = await studio.draw(artist.id, [row], { knobs, signal });
      setDrawn({ picture, row, knobs, text: textOf(row.request), ms: Math.round(performance.now() - began) });
      setError(null);
    } catch (caught) {
      if (!signal.aborted) setError(caught);
    }
  });
  const again = () => request && run({ request, seed: desk.seed }, desk.knobs);
  useEffect(() => {
    again();
  }, [wish]);
  useAgain(error, again);
  return { drawn, error, again };
}

/** The place of a picture in the gallery: what one stays with goes into the history, what one keeps gets a heart. */
function usePlace(drawn, { parents, touched }) {
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
    const timer = setTimeout(() => put(false).catch(fail), STAYED);
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
