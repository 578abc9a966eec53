// Pictures as files: as large as one asks, named after their words, the recipe inside.

import { Picture, readPng } from "./browser/png.js";
import { artistOf } from "./drawn.js";
import { html, say } from "./lang.js";
import { download, useShared, useStored, useWork } from "./parts.js";
import { textOf } from "./requests.js";
import { zipSync } from "./vendor/fflate.js";

/** Sides in pixels to choose from; 0 is as it was drawn. */
const SIDES = [256, 512, 1024, 0];
const FIRST = 1024;
const LOBES = 3; // of Lanczos' window
const LONGEST = 60; // letters of a name

/** Return a name for the file of a recipe: its words and its seed, or who drew it where there are no words. */
export function fileName({ request, seed, artist }, kind = "png") {
  const words = textOf(request)
    .toLowerCase()
    .replace(/^(an?|the) /, "")
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "");
  const cut = words.length > LONGEST ? words.slice(0, LONGEST).replace(/-[^-]*$/, "") : words;
  return `${[cut || artist, typeof seed === "number" ? seed : ""].filter((part) => part !== "").join("-")}.${kind}`;
}

/**
 * Return a picture with a recipe at `side` pixels of height: drawn again by its artist's enlarger where it has one that
 * is not too large, and what is left by Lanczos' filter. Of 0 as it is.
 */
export async function atSide(studio, artists, { png, recipe }, side) {
  if (!side) return png;
  const artist = artistOf(artists, { recipe });
  const size = artist?.sizes.filter((one) => one <= side).at(-1);
  let large = png;
  if (artist && size > (recipe.size ?? artist.size)) {
    const { request, seed, knobs } = recipe;
    [{ png: large }] = await studio.draw(artist.id, [{ request, seed }], { knobs, size });
  }
  return enlarged(large, side);
}

/** Enlarge a PNG to `side` pixels of height by Lanczos' filter; one that is as large stays as it is. */
export async function enlarged(png, side) {
  const { recipe, height } = readPng(new Uint8Array(await png.arrayBuffer()));
  if (height >= side) return png;
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(bitmap, 0, 0);
  const small = pen.getImageData(0, 0, bitmap.width, bitmap.height);
  const width = Math.round((bitmap.width * side) / bitmap.height);
  const colours = Float32Array.from({ length: 3 * bitmap.width * bitmap.height }, (_, at) => {
    return small.data[4 * Math.floor(at / 3) + (at % 3)];
  });
  const wide = resampled(colours, bitmap.width, bitmap.height, width);
  const whole = resampled(turned(wide, bitmap.height, width), bitmap.height, width, side);
  return new Picture(width, side, Uint8ClampedArray.from(turned(whole, width, side))).png(recipe);
}

/** Resample each of `rows` rows of `width` places to `next` places. */
function resampled(colours, width, rows, next) {
  const made = new Float32Array(3 * rows * next);
  for (let to = 0; to < next; to++) {
    for (const [from, weight] of tapsOf(to, width, next)) {
      for (let row = 0, at = 3 * to, of = 3 * from; row < rows; row++, at += 3 * next, of += 3 * width) {
        made[at] += weight * colours[of];
        made[at + 1] += weight * colours[of + 1];
        made[at + 2] += weight * colours[of + 2];
      }
    }
  }
  return made;
}

/** Return which places one place of a longer row is made of, [place, weight] each. */
function tapsOf(to, width, next) {
  const centre = ((to + 0.5) * width) / next - 0.5;
  const taps = [];
  for (let at = Math.ceil(centre - LOBES); at <= centre + LOBES; at++) {
    const x = Math.PI * (centre - at);
    const weight = x === 0 ? 1 : (LOBES * Math.sin(x) * Math.sin(x / LOBES)) / (x * x);
    taps.push([Math.min(width - 1, Math.max(0, at)), weight]);
  }
  const sum = taps.reduce((all, [, weight]) => all + weight, 0);
  return taps.map(([at, weight]) => [at, weight / sum]);
}

/** Turn columns into rows; `rows` of `width` places. */
function turned(colours, rows, width) {
  const made = new Float32Array(colours.length);
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < width; at++) {
      for (let colour = 0; colour < 3; colour++) {
        made[3 * (at * rows + row) + colour] = colours[3 * (row * width + at) + colour];
      }
    }
  }
  return made;
}

/** How large pictures are saved, stored: [side, setSide]. */
export function useSide() {
  return useStored("side", FIRST);
}

/** Choose how large. */
export function Side({ id = "side", side, onSide }) {
  const said = (one) => (one ? say`${one} pixels` : say`as drawn`);
  return html`<label>
    <span class="hidden">Size of what is saved</span>
    <select id=${id} value=${side} onChange=${({ target }) => onSide(Number(target.value))}>
      ${SIDES.map((one) => html`<option key=${one} value=${one}>${said(one)}</option>`)}
    </select>
  </label>`;
}

/** Save a picture with a recipe: [busy, save], `save(picture, side)`. */
export function useSave() {
  const { studio, artists } = useShared();
  const [busy, busyWhile] = useWork();
  const save = busyWhile(async (picture, side) => {
    download(await atSide(studio, artists, picture, side), fileName(picture.recipe));
  });
  return [busy, save];
}

/** Save pictures {png, recipe}: one as it is, several in a zip. */
export async function saveAll(studio, artists, pictures, side) {
  const files = {};
  for (const picture of pictures) {
    const png = await atSide(studio, artists, picture, side);
    files[freeName(fileName(picture.recipe), files)] = new Uint8Array(await png.arrayBuffer());
  }
  const names = Object.keys(files);
  if (names.length === 1) download(new Blob([files[names[0]]], { type: "image/png" }), names[0]);
  else download(new Blob([zipSync(files, { level: 0 })], { type: "application/zip" }), "pictures.zip");
}

function freeName(name, taken) {
  for (let number = 2, free = name; ; number += 1) {
    if (!(free in taken)) return free;
    free = name.replace(/\.png$/, ` (${number}).png`);
  }
}
