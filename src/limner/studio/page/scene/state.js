// A scene in steps: words, boxes, shapes, picture. Each is drawn by the artist with a chance of its own, or held as a
// person left it, and what is changed draws only what follows.
//
// A state is {said, placed, shaped, seeds, locked, knobs}: `placed` {boxes, points} where the boxes are held, `shaped` the
// masks where the shapes are; null where the artist draws them.

import { turned } from "../draw/knobs.js";
import { useRows } from "../drawn.js";
import { byChance, isEmpty, requestOf, saidOf, withWords, wordsField, wordsIn } from "../fields.js";
import { useStored } from "../parts.js";
import { randomSeed } from "../random.js";
import { same } from "../requests.js";
import { useRef } from "../vendor/preact.js";
import { placingKind, sayingKind } from "./kinds.js";
import { shapes } from "./placed.js";

const NONE = [];
const shapeless = new Set(); // checkpoints of artists that give boxes without shapes

/** Return a state to begin with: an example, or where an artist takes no words, boxes by chance. */
export function begun(artist, seed = randomSeed()) {
  const kind = sayingKind(artist);
  const placing = placingKind(artist);
  const said = !kind
    ? {}
    : wordsField(kind)
      ? withWords(kind, {}, artist.examples[0] ?? "")
      : byChance(kind, artist, null);
  return {
    said,
    placed: kind ? null : heldIn(byChance(placing, artist, null)),
    shaped: null,
    seeds: { boxes: seed, shapes: seed, picture: seed },
    locked: { words: false, picture: true },
    knobs: {},
  };
}

/** Return the state that draws a picture of the gallery again, where it was asked for by places or words alone. */
export function stateOf(artist, { request, seed, knobs }) {
  const [kind, placing] = [sayingKind(artist), placingKind(artist)];
  const isNumber = typeof seed === "number"; // a mixture of seeds is drawn by another from here on
  const state = { ...begun(artist, isNumber ? seed : undefined), knobs: turned(artist, knobs) };
  if (request.kind === placing.kind) {
    const said = saidOf(request);
    const isShaped = said.masks?.some(Boolean);
    const words = kind && wordsField(kind) ? withWords(kind, {}, wordsIn(placing, said)) : state.said;
    return { ...state, said: words, placed: heldIn(said), shaped: isShaped ? shapes(said) : null };
  }
  return request.kind === kind?.kind ? { ...state, said: saidOf(request) } : state;
}

function heldIn({ boxes = [], points = [] }) {
  return { boxes, points };
}

/** The state of an artist's scene, stored across reloads: [state, change]. */
export function useSceneState(artist) {
  const [state, set] = useStored(`scene.${artist.id}`, null);
  const first = useRef(null);
  first.current ??= begun(artist);
  const now = state ?? first.current;
  return [now, (next) => set((old) => (typeof next === "function" ? next(old ?? first.current) : next))];
}

/** Return the request that leaves the places to the artist; null where nothing is said. */
export function openRequest(artist, { said }) {
  const kind = sayingKind(artist);
  return kind ? requestOf(kind, said) : null;
}

/** Return the request of what is placed. */
export function placedRequest(artist, { said }, { boxes, points, masks = [] }) {
  const [kind, saying] = [placingKind(artist), sayingKind(artist)];
  const words = saying && wordsField(saying) ? wordsIn(saying, said) : "";
  const known = new Set(kind.fields.map(({ name }) => name));
  const all = Object.entries({ boxes, points, masks }).filter(([name]) => known.has(name));
  return requestOf(kind, withWords(kind, Object.fromEntries(all), words));
}

/**
 * Draw a scene: {placed, picture, row, hasShapes, busy, error}. `placed` is {boxes, points, masks} as they stand, null
 * before; `row` is what the picture was drawn of.
 */
export function useScene(artist, state) {
  const { seeds, knobs } = state;
  const asked = state.placed ? null : openRequest(artist, state);
  const first = useRows(artist, asked ? [{ request: asked, seed: seeds.boxes }] : NONE, knobs);
  const drawn = first.pictures[0] ?? null;
  const held = useHeld(artist, state, drawn);
  const shapeRow = shapeRows(artist, state, held, drawn);
  const shaping = useRows(artist, shapeRow, knobs);
  const masks = shapeRow.length ? shaping.pictures[0]?.masks : masksOf(state, held, drawn);
  const isReady = held && !held.isOld && (!shapeRow.length || shaping.pictures[0]);
  const rows = pictureRows(artist, state, isReady ? { ...held, masks: masks ?? [] } : null, asked);
  const isFirst = asked && same(rows[0]?.request, asked); // then it is drawn already
  const last = useRows(artist, isFirst ? NONE : rows, knobs);
  const picture = isFirst ? drawn : (last.pictures[0] ?? null);
  if (picture?.boxes?.length && !picture.masks?.some(Boolean)) shapeless.add(artist.checkpoint);
  const shown = useRef(null);
  if (picture) shown.current = { picture, row: rows[0] };
  return {
    placed: held && { ...held, masks: masks ?? shown.current?.picture.masks ?? [] },
    ...(shown.current ?? { picture: null, row: null }),
    hasShapes: Boolean(masks?.some(Boolean) || shown.current?.picture.masks?.some(Boolean)),
    busy: first.busy || shaping.busy || last.busy,
    error: first.error ?? shaping.error ?? last.error,
  };
}

/** Return where things lie: as they are held, as they were drawn, or while that is awaited as they lay before. */
function useHeld(artist, state, drawn) {
  const last = useRef(null);
  if (state.placed) last.current = state.placed;
  else if (drawn) last.current = heldIn(drawn);
  else if (!openRequest(artist, state)) last.current = null;
  return state.placed || drawn ? last.current : last.current && { ...last.current, isOld: true };
}

/** Return the row that shapes are drawn by; none where they come with the boxes, or with the picture. */
function shapeRows(artist, state, held, drawn) {
  const { shaped, seeds } = state;
  if (!held || held.isOld || shaped || seeds.shapes === seeds.picture || shapeless.has(artist.checkpoint)) return NONE;
  if (drawn && seeds.shapes === seeds.boxes) return NONE;
  const request = placedRequest(artist, state, held);
  return request ? [{ request, seed: seeds.shapes }] : NONE;
}

/** Return the shapes that the picture is asked for with, null where it draws them itself. */
function masksOf({ shaped, seeds }, held, drawn) {
  if (shaped && held) return shapes({ boxes: held.boxes, masks: shaped });
  if (seeds.shapes === seeds.picture) return null;
  return drawn?.masks ?? null;
}

/** Return the row of the picture; none while what it is made of is awaited. */
function pictureRows(artist, state, whole, asked) {
  const { seeds, shaped, placed } = state;
  if (asked && !shaped && seeds.shapes === seeds.boxes && seeds.picture === seeds.boxes) {
    return [{ request: asked, seed: seeds.boxes }];
  }
  if (!whole || (!placed && !asked) || (isEmpty(whole.boxes) && isEmpty(whole.points))) return NONE;
  const request = placedRequest(artist, state, whole);
  return request ? [{ request, seed: seeds.picture }] : NONE;
}
