// Pictures as PNG, byte for byte what was painted, the recipe inside as Python writes it.

const KEY = "limner";
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const RGB = 2;
const PIXELS = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];
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
    const { width, height } = this;
    const lines = new Uint8Array((3 * width + 1) * height); // each line begins with its filter, 0
    for (let row = 0; row < height; row++) {
      lines.set(this.bytes.subarray(3 * width * row, 3 * width * (row + 1)), (3 * width + 1) * row + 1);
    }
    const packed = new Response(new Blob([lines]).stream().pipeThrough(new CompressionStream("deflate")));
    const header = new DataView(new ArrayBuffer(13));
    header.setUint32(0, width);
    header.setUint32(4, height);
    header.setUint8(8, 8);
    header.setUint8(9, RGB);
    const chunks = [chunk("IHDR", new Uint8Array(header.buffer))];
    if (recipe !== null) chunks.push(said(recipe));
    chunks.push(chunk("IDAT", new Uint8Array(await packed.arrayBuffer())), chunk("IEND", new Uint8Array(0)));
    return new Blob([new Uint8Array(SIGNATURE), ...chunks], { type: "image/png" });
  }
}

/** Return a value as JSON without a letter beyond ASCII, as Python writes it. */
export function ascii(value) {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Return the size of a PNG and the recipe in it, null where it holds none; throw Error where it is no PNG. */
export function readPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (SIGNATURE.some((byte, place) => bytes[place] !== byte)) throw new Error("the picture is no PNG");
  const found = { width: view.getUint32(16), height: view.getUint32(20), recipe: null };
  for (const { kind, body } of chunks(bytes)) {
    if (kind === "tEXt" || kind === "iTXt") found.recipe ??= told(kind, body);
  }
  return found;
}

/** Return a PNG with another recipe in it, and with nothing else but its pixels. */
export function withRecipe(bytes, recipe) {
  const pixels = [...chunks(bytes)].filter(({ kind }) => PIXELS.includes(kind));
  const [header, ...rest] = pixels.map(({ kind, body }) => chunk(kind, body));
  const parts = [new Uint8Array(SIGNATURE), header, said(recipe), ...rest];
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function* chunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    yield { kind, body: bytes.subarray(at + 8, at + 8 + length) };
    at += length + 12;
  }
}

/** Return the chunk that holds a recipe. */
function said(recipe) {
  return chunk("tEXt", new TextEncoder().encode(`${KEY}\0${ascii(recipe)}`));
}

function told(kind, body) {
  const end = body.indexOf(0);
  if (new TextDecoder("latin1").decode(body.subarray(0, end)) !== KEY) return null;
  if (kind === "tEXt") return JSON.parse(new TextDecoder("latin1").decode(body.subarray(end + 1)));
  if (body[end + 1]) throw new Error("the picture's recipe is packed in a way that this page does not read");
  const language = body.indexOf(0, end + 3);
  const text = body.subarray(body.indexOf(0, language + 1) + 1);
  return JSON.parse(new TextDecoder().decode(text));
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
