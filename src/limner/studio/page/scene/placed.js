// What is placed in a picture, {boxes, points, masks}, and what changes it: nothing else of it is touched.
//
// A box is [label, x, y, width, height], a point [name, x, y], in shares of the picture; a mask is that of the box at its
// place, empty where its shape is open.

import { inside, share } from "../draw/placing.js";

const SMALLEST = 0.02;
const BESIDE = 0.04; // how far a copy lies from what it was copied of
/** The handles of a box: its sides and corners by the points of the compass. */
export const SIDES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

/** Return a box that went so far. */
export function moved([label, x, y, width, height], right, down) {
  return inside([label, x + right, y + down, width, height]);
}

/** Return a box one of whose handles went so far; the other sides stay. */
export function stretched([label, x, y, width, height], side, right, down) {
  const [from, to] = along(side, "w", "e", [x, x + width], right);
  const [top, bottom] = along(side, "n", "s", [y, y + height], down);
  return [label, share(from), share(top), share(to - from), share(bottom - top)];
}

function along(side, before, after, [low, high], by) {
  if (side.includes(before)) return [Math.min(Math.max(0, low + by), high - SMALLEST), high];
  if (side.includes(after)) return [low, Math.max(Math.min(1, high + by), low + SMALLEST)];
  return [low, high];
}

/** Return what is placed with a box elsewhere, or as large otherwise. */
export function withBox(placed, at, box) {
  return { ...placed, boxes: replaced(placed.boxes, at, box) };
}

/** Return it with one more box, and its shape where it has one. */
export function added(placed, box, mask = "") {
  const masks = [...shapes(placed), mask];
  return { ...placed, boxes: [...placed.boxes, box], masks };
}

/** Return it with a copy of a box beside it, and where the copy stands. */
export function copied(placed, at) {
  const beside = moved(placed.boxes[at], BESIDE, BESIDE);
  return [added(placed, beside, shapes(placed)[at]), placed.boxes.length];
}

/** Return it without a box. */
export function removed(placed, at) {
  const others = (list) => list.filter((_, i) => i !== at);
  return { ...placed, boxes: others(placed.boxes), masks: others(shapes(placed)) };
}

/** Return it with a box that is something else: it loses its shape, which was that of the other thing. */
export function renamed(placed, at, label) {
  const [, ...place] = placed.boxes[at];
  return { ...placed, boxes: replaced(placed.boxes, at, [label, ...place]), masks: replaced(shapes(placed), at, "") };
}

/** Return it with a box that comes `by` places later in the order, and where it stands then. */
export function reordered(placed, at, by) {
  const to = Math.min(Math.max(0, at + by), placed.boxes.length - 1);
  const put = (list) => {
    const others = list.filter((_, i) => i !== at);
    return [...others.slice(0, to), list[at], ...others.slice(to)];
  };
  return [{ ...placed, boxes: put(placed.boxes), masks: put(shapes(placed)) }, to];
}

/** Return it with the shape of a box. */
export function shaped(placed, at, mask) {
  return { ...placed, masks: replaced(shapes(placed), at, mask) };
}

/** Return it with a key point elsewhere. */
export function withPoint(placed, at, x, y) {
  return { ...placed, points: replaced(placed.points, at, [placed.points[at][0], share(x), share(y)]) };
}

/** Return the shape of each box, as many as there are boxes. */
export function shapes({ boxes, masks = [] }) {
  return boxes.map((_, i) => masks[i] ?? "");
}

function replaced(list, at, one) {
  return list.map((old, i) => (i === at ? one : old));
}
