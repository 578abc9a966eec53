// Pictures as PNG, byte for byte what was drawn, the recipe inside as `limner.drawing.recipe` writes and finds it.

import { Unzlib, zlibSync } from "../vendor/fflate.js";

const KEY = "limner";
const TEXTS = ["tEXt", "zTXt", "iTXt"];
const MOST_BYTES = 2 ** 20; // of a recipe, unpacked, as a server takes it
const PIECE = 4096; // bytes unpacked at once, so that no more than some megabytes come of them
const SMALL = 65_536; // bytes that are compressed at once
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const RGB = 2;
const PIXELS = ["IHDR", "PLTE", "tRNS", "IDAT"];
const TABLE = Uint32Array.from({ length: 256 }, (_, place) => {
  let c = place;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** A picture as bytes: `width` x `height` places of red, green and blue. */
export class Picture {
  constructor(width, height, bytes = new Uint8Array(3 * width * height)) {
    Object.assign(this, { width, height, bytes });
  }

  /** Round what a painter gave, (3, H, W) in [-1, 1], as `limner.imaging.sheets.to_pil` does. */
  static of({ data, dims }) {
    const [height, width] = dims.slice(-2);
    const found = new Picture(width, height);
    const places = width * height;
    for (let colour = 0; colour < 3; colour++) {
      for (let place = 0; place < places; place++) {
        found.bytes[3 * place + colour] = shade(data[colour * places + place]);
      }
    }
    return found;
  }

  /** Return it as a net takes it: (1, 3, H, W), from -1 to 1. */
  tensor() {
    const places = this.width * this.height;
    const data = Float32Array.from({ length: 3 * places }, (_, at) => {
      return this.bytes[3 * (at % places) + Math.floor(at / places)] / 127.5 - 1;
    });
    return { data, dims: [1, 3, this.height, this.width] };
  }

  /** Return the squares that lie side by side in it. */
  frames() {
    const { width, height } = this;
    return Array.from({ length: width / height }, (_, number) => {
      const frame = new Picture(height, height);
      for (let row = 0; row < height; row++) {
        const from = 3 * (width * row + height * number);
        frame.bytes.set(this.bytes.subarray(from, from + 3 * height), 3 * height * row);
      }
      return frame;
    });
  }

  /** Lay pictures of one size side by side. */
  static strip(pictures) {
    const [{ width, height }] = pictures;
    const page = new Picture(width * pictures.length, height);
    pictures.forEach((picture, number) => {
      for (let row = 0; row < height; row++) {
        const line = picture.bytes.subarray(3 * width * row, 3 * width * (row + 1));
        page.bytes.set(line, 3 * (page.width * row + width * number));
      }
    });
    return page;
  }

  /** Return it as a PNG, with a recipe where one is given. */
  async png(recipe = null) {
    return new Blob([await this.pngBytes(recipe)], { type: "image/png" });
  }

  /** Return the bytes of that PNG. */
  async pngBytes(recipe = null) {
    const { width, height } = this;
    const lines = new Uint8Array((3 * width + 1) * height); // each line begins with its filter, 0
    for (let row = 0; row < height; row++) {
      lines.set(this.bytes.subarray(3 * width * row, 3 * width * (row + 1)), (3 * width + 1) * row + 1);
    }
    const header = new DataView(new ArrayBuffer(13));
    header.setUint32(0, width);
    header.setUint32(4, height);
    header.setUint8(8, 8);
    header.setUint8(9, RGB);
    const chunks = [chunk("IHDR", new Uint8Array(header.buffer))];
    if (recipe !== null) chunks.push(recipeChunk(recipe));
    chunks.push(chunk("IDAT", await packed(lines)), chunk("IEND", new Uint8Array(0)));
    return together([new Uint8Array(SIGNATURE), ...chunks]);
  }
}

/** Return a value as JSON without a letter beyond ASCII, as Python writes it. */
export function ascii(value) {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/**
 * Return the size of a PNG and the recipe in it, null where it holds none; of several recipes the last one counts.
 *
 * Throw Error where it is not a PNG, or where its recipe is damaged.
 */
export function readPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (SIGNATURE.some((byte, place) => bytes[place] !== byte)) throw new Error("the picture is not a PNG");
  const found = { width: view.getUint32(16), height: view.getUint32(20), recipe: null };
  for (const { kind, body, whole } of chunks(bytes)) {
    if (TEXTS.includes(kind) && isRecipe(body)) found.recipe = recipeOf(kind, body, whole);
  }
  return found;
}

/** Return a PNG with another recipe in it, and with nothing else but its pixels. */
export function withRecipe(bytes, recipe) {
  const pixels = [...chunks(bytes)].filter(({ kind }) => PIXELS.includes(kind));
  const [header, ...rest] = pixels.map(({ kind, body }) => chunk(kind, body));
  const end = chunk("IEND", new Uint8Array(0));
  const parts = [new Uint8Array(SIGNATURE), header, recipeChunk(recipe), ...rest, end];
  return together(parts);
}

function* chunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IEND") return;
    const end = at + 8 + length;
    const whole = end + 4 <= bytes.length && view.getUint32(end) === checksum(bytes.subarray(at + 4, end));
    yield { kind, body: bytes.subarray(at + 8, end), whole };
    at = end + 4;
  }
}

/** Return the chunk that holds a recipe. */
function recipeChunk(recipe) {
  return chunk("tEXt", new TextEncoder().encode(`${KEY}\0${ascii(recipe)}`));
}

function isRecipe(body) {
  return [...`${KEY}\0`].every((letter, place) => body[place] === letter.charCodeAt(0));
}

/** Return the recipe in a text chunk; throw Error where it is damaged. */
function recipeOf(kind, body, whole) {
  if (!whole) throw damaged("its checksum does not fit");
  let text = body.subarray(KEY.length + 1);
  let packed = kind === "zTXt";
  let method = text[0];
  if (kind === "zTXt") text = text.subarray(1);
  if (kind === "iTXt") {
    // packed or not, method, language, translated keyword, text
    packed = text[0] !== 0;
    method = text[1];
    const language = text.indexOf(0, 2);
    const keyword = language < 0 ? -1 : text.indexOf(0, language + 1);
    if (keyword < 0) throw damaged("its chunk is cut off");
    text = text.subarray(keyword + 1);
  }
  if (packed && method !== 0) throw damaged("it is compressed by an unknown method");
  if (packed) text = inflated(text);
  if (text.length > MOST_BYTES) throw damaged(`it has more than ${MOST_BYTES} bytes`);
  return parsed(decoded(kind, text));
}

function decoded(kind, text) {
  if (kind !== "iTXt") return Array.from(text, (byte) => String.fromCharCode(byte)).join("");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    throw damaged("it is not UTF-8");
  }
}

function parsed(text) {
  let recipe;
  try {
    recipe = JSON.parse(text);
  } catch {
    throw damaged("it is not JSON");
  }
  if (recipe === null || typeof recipe !== "object" || Array.isArray(recipe)) throw damaged("it is not an object");
  return recipe;
}

/** Unpack zlib piece by piece, so that what grows beyond all measure is given up. */
function inflated(packed) {
  const parts = [];
  let size = 0;
  const stream = new Unzlib((part) => {
    parts.push(part);
    size += part.length;
  });
  for (let at = 0; at < packed.length && size <= MOST_BYTES; at += PIECE) {
    try {
      stream.push(packed.slice(at, at + PIECE), at + PIECE >= packed.length);
    } catch {
      throw damaged("it cannot be decompressed");
    }
  }
  if (size > MOST_BYTES) throw damaged(`it has more than ${MOST_BYTES} bytes`);
  if (!packed.length) throw damaged("it cannot be decompressed");
  return joined(parts, size);
}

function damaged(why) {
  return new Error(`the picture's recipe is damaged: ${why}`);
}

/** Compress: at once where that takes less than a stream does to begin. */
async function packed(bytes) {
  if (bytes.length <= SMALL) return zlibSync(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function together(parts) {
  return joined(
    parts,
    parts.reduce((size, part) => size + part.length, 0),
  );
}

function joined(parts, size) {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Return the byte of a colour in [-1, 1]; halves go to the even neighbour. */
function shade(colour) {
  const exact = Math.fround(Math.fround(Math.min(Math.max(colour, -1), 1) + 1) * 127.5);
  const below = Math.floor(exact);
  const over = exact - below;
  return over > 0.5 || (over === 0.5 && below % 2) ? below + 1 : below;
}

function chunk(kind, body) {
  const whole = new Uint8Array(body.length + 12);
  const view = new DataView(whole.buffer);
  view.setUint32(0, body.length);
  whole.set(
    [...kind].map((letter) => letter.charCodeAt(0)),
    4,
  );
  whole.set(body, 8);
  view.setUint32(body.length + 8, checksum(whole.subarray(4, body.length + 8)));
  return whole;
}

function checksum(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
