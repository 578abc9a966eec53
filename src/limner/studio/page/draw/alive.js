// Motion from one picture to the next: six that lie between, over a quarter of a second, or else one fades into the other.

import { isBlend, kindOf } from "../fields.js";
import { html } from "../lang.js";
import { useShared } from "../parts.js";
import { between, frames, same, seedBetween } from "../requests.js";
import { useEffect, useRef } from "../vendor/preact.js";

const COUNT = 6;
const MIXED = ["text", "values"]; // types of fields
const LASTS = 250; // milliseconds
const RESTED = 400; // milliseconds after which a change is no letter of many

/** Lies over the picture while it changes; plain changes stay so where a person wants no motion. */
export function Alive({ artist, drawn }) {
  const { studio } = useShared();
  const canvas = useRef(null);
  const last = useRef({ drawn: null, time: 0 });
  useEffect(() => {
    if (!drawn) return undefined;
    const before = last.current;
    const time = performance.now();
    last.current = { drawn, time };
    const isPlain = matchMedia("(prefers-reduced-motion: reduce)").matches || frames(drawn.row.request) > 1;
    if (!before.drawn || isPlain || time - before.time < RESTED) return undefined;
    const stop = new AbortController();
    move(studio, artist, canvas.current, [before.drawn, drawn], stop.signal).catch(() => {}); // then it is a plain change
    return () => stop.abort();
  }, [drawn]);
  return html`<canvas ref=${canvas} class="overlay alive" id="alive" aria-hidden="true" hidden></canvas>`;
}

/** Show on a canvas what lies between two pictures; where nothing does, the old one fades. */
async function move(studio, artist, canvas, [before, now], signal) {
  const old = await createImageBitmap(before.picture.png);
  if (signal.aborted) return;
  const pictures = new Array(COUNT).fill(null);
  drawBetween(studio, artist, before, now, pictures, signal).catch(() => {});
  play(canvas, old, pictures, signal);
}

/** Fill `pictures` with what lies between two, where the artist draws such. */
async function drawBetween(studio, artist, { row: a }, { row: b, knobs }, pictures, signal) {
  if (!same(a.request, b.request) && !(artist.can.morph && mix(a.request, b.request))) return;
  const rows = pictures.map((_, place) => {
    const t = (place + 1) / (COUNT + 1);
    return { request: between(a.request, b.request, t), seed: seedBetween(a.seed, b.seed, t) };
  });
  const parts = studio.kind === "browser" ? rows.map((row) => [row]) : [rows]; // a tab draws one after the other
  let first = 0;
  for (const part of parts) {
    const drawn = await studio.draw(artist.id, part, { knobs, signal, aside: true });
    for (const { png } of drawn) pictures[first++] = await createImageBitmap(png);
  }
}

/**
 * May something lie between two requests? They must be of one kind, of one that mixes, and differ in words or chosen
 * values alone: places, pictures and turns lie between others only where they are alike in number and size.
 */
function mix(first, second) {
  const [one, other] = [first, second].map(end);
  const kind = kindOf(one);
  if (one.kind !== other.kind || !kind?.mixes) return false;
  return kind.fields.every(({ name, type }) => MIXED.includes(type) || same(one[name], other[name]));
}

/** Return a plain request that a request lies at, or near. */
function end(request) {
  return isBlend(request) ? end(request.first) : request;
}

/** Show them, and where one is not there yet the one before it fading. */
function play(canvas, old, pictures, signal) {
  const pen = canvas.getContext("2d");
  const began = performance.now();
  let shown = null; // the last that was there
  const paint = () => {
    const share = (performance.now() - began) / LASTS;
    canvas.hidden = signal.aborted || share >= 1;
    if (canvas.hidden) return;
    const place = Math.floor(share * COUNT);
    shown = pictures[place] ?? shown;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.globalAlpha = pictures[place] ? 1 : 1 - share;
    pen.drawImage(shown ?? old, 0, 0, canvas.width, canvas.height);
    canvas.dataset.between = pictures[place] ? place + 1 : 0;
    requestAnimationFrame(paint);
  };
  Object.assign(canvas, { width: old.width, height: old.height });
  paint();
}
