// Pictures one after another: cut out of strips, and saved as GIF or as video.

import { applyPalette, GIFEncoder, quantize } from "./vendor/gifenc.js";

/** Side of what is saved, in pixels, where none is asked: what artists draw is small. */
const SIDE = 256;
const COLOURS = 256;
const LINE = 20;
const VIDEOS = [
  ["video/mp4;codecs=avc1.42E01E", "mp4"],
  ["video/mp4", "mp4"],
  ["video/webm;codecs=vp9", "webm"],
  ["video/webm", "webm"],
];

/** Return the ending of the videos that this browser can make, or null where it makes none. */
export function videoKind() {
  return video()?.[1] ?? null;
}

/** Cut a strip into its pictures, each a canvas. */
export async function cut(strip, count) {
  const whole = await createImageBitmap(strip);
  const width = whole.width / count;
  const frames = Array.from({ length: count }, (_, i) => {
    const frame = canvas(width, whole.height);
    frame.getContext("2d").drawImage(whole, -i * width, 0);
    return frame;
  });
  whole.close();
  return frames;
}

/** Do two canvases show the same, pixel for pixel? */
export function samePixels(a, b) {
  if (a.width !== b.width || a.height !== b.height) return false;
  const [one, other] = [a, b].map((frame) => new Uint32Array(pixels(frame).buffer));
  return one.every((value, i) => value === other[i]);
}

/** Return the order in which frames are shown: there and back, without showing an end twice, where `back`. */
export function order(count, back) {
  const there = Array.from({ length: count }, (_, i) => i);
  return back ? [...there, ...there.slice(1, -1).reverse()] : there;
}

/** Return a GIF without end of canvases, a frame each; `captions` stand below. */
export async function gif(frames, { milliseconds, captions = null, side = SIDE }) {
  const pages = frames.map((frame, i) => page(frame, { side, caption: captions?.[i] ?? null, captions }));
  const made = GIFEncoder();
  for (const one of pages) {
    const data = pixels(one);
    const palette = quantize(data, COLOURS);
    made.writeFrame(applyPalette(data, palette), one.width, one.height, { palette, delay: milliseconds });
    await yieldToPage();
  }
  made.finish();
  return new Blob([made.bytes()], { type: "image/gif" });
}

/** Play canvases once into a video; it takes as long as it plays. `onProgress(share)` is called with the share that is done. */
export async function film(frames, { milliseconds, side = SIDE, onProgress = () => {} }) {
  const [type, kind] = video();
  const screen = page(frames[0], { side });
  const pen = screen.getContext("2d");
  const stream = screen.captureStream(0);
  const [track] = stream.getVideoTracks();
  const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 4_000_000 });
  const pieces = [];
  recorder.ondataavailable = ({ data }) => data.size && pieces.push(data);
  const stopped = new Promise((done, failed) => {
    recorder.onstop = done;
    recorder.onerror = ({ error }) => failed(error);
  });
  recorder.start();
  for (const [i, frame] of frames.entries()) {
    pen.imageSmoothingQuality = "high";
    pen.drawImage(frame, 0, 0, screen.width, screen.height);
    track.requestFrame();
    onProgress(i / frames.length);
    await pause(milliseconds);
  }
  track.requestFrame();
  recorder.stop();
  await stopped;
  track.stop();
  return { file: new Blob(pieces, { type: type.split(";")[0] }), kind };
}

/** Return a canvas with a picture, as the picture is. */
export async function toCanvas(png) {
  return (await cut(png, 1))[0];
}

function video() {
  if (typeof MediaRecorder === "undefined" || !HTMLCanvasElement.prototype.captureStream) return null;
  return VIDEOS.find(([type]) => MediaRecorder.isTypeSupported(type)) ?? null;
}

/** Return a frame enlarged to a side, with its line below where there are captions. */
function page(frame, { side, caption = null, captions = null }) {
  const times = Math.max(1, (side || 0) / Math.max(frame.width, frame.height));
  const [width, height] = [frame.width, frame.height].map((length) => Math.round(length * times));
  const below = captions ? Math.max(...captions.map((line) => wrapped(line, width).length)) * LINE + LINE : 0;
  const made = canvas(width, height + below);
  const pen = made.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, made.width, made.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(frame, 0, 0, width, height);
  if (caption === null) return made;
  letters(pen);
  pen.fillStyle = "black";
  for (const [i, line] of wrapped(caption, width).entries()) {
    pen.fillText(line, width / 2, height + LINE * (i + 1));
  }
  return made;
}

function wrapped(text, width) {
  const pen = letters(canvas(1, 1).getContext("2d"));
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.at(-1) && pen.measureText(longer).width > width - LINE) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function letters(pen) {
  pen.font = "15px system-ui, sans-serif";
  pen.textAlign = "center";
  return pen;
}

/** Make a canvas whose pixels are read later. */
function canvas(width, height) {
  const made = Object.assign(document.createElement("canvas"), { width, height });
  made.getContext("2d", { willReadFrequently: true });
  return made;
}

function pixels(frame) {
  return frame.getContext("2d").getImageData(0, 0, frame.width, frame.height).data;
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Let the page handle events between two pieces of work. */
function yieldToPage() {
  return pause(0);
}
