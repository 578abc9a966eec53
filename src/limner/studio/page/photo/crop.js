// The square of a photo that is looked at: dragged, moved by arrows, and drawn nearer by a slider.

import { StudioError } from "../errors.js";
import { html, say } from "../lang.js";
import { Slider } from "../parts.js";
import { percent } from "../requests.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const SIDE = 256; // pixels of what is cut out
const MOST = 4; // times nearer
const STEP = 0.02;
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/** The middle of a photo, whole. */
export const WHOLE = { x: 0.5, y: 0.5, near: 1 };

/** Read a file as a picture; throw StudioError where it is none. */
export async function opened(file) {
  return createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new StudioError(`${file.name} is no picture that this browser reads`);
  });
}

/** Return the square in pixels: {left, top, side}; `at` says where its middle lies, in shares of what is left to move. */
export function squareOf({ width, height }, { x, y, near }) {
  const side = Math.min(width, height) / near;
  return { left: (width - side) * x, top: (height - side) * y, side };
}

/** Return the square as a PNG of `side` pixels. */
export async function cutOut(photo, at, side = SIDE) {
  const canvas = new OffscreenCanvas(side, side);
  const pen = canvas.getContext("2d");
  const square = squareOf(photo, at);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(photo, square.left, square.top, square.side, square.side, 0, 0, side, side);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Show the square, and change it. */
export function Crop({ photo, at, onAt }) {
  const screen = useRef(null);
  const [grip, setGrip] = useState(null);
  useEffect(() => {
    const square = squareOf(photo, at);
    const pen = screen.current.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(photo, square.left, square.top, square.side, square.side, 0, 0, SIDE, SIDE);
  }, [photo, at]);
  const put = (x, y) => onAt({ ...at, x: within(x), y: within(y) });
  const drag = (event) => {
    if (!grip) return;
    const { side } = squareOf(photo, at);
    const shown = screen.current.getBoundingClientRect().width;
    const [right, down] = [event.clientX - grip.x, event.clientY - grip.y].map((by) => (by * side) / shown);
    const [room, height] = [photo.width - side, photo.height - side];
    put(grip.at.x - (room && right / room), grip.at.y - (height && down / height));
  };
  const press = (event) => {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    put(at.x + step[0], at.y + step[1]);
  };
  return html`<div class="stack">
    <canvas ref=${screen} class="shown cropped" id="crop" width=${SIDE} height=${SIDE} tabindex="0" role="img"
      aria-label="The square that is looked at: drag it, or use the arrow keys"
      onPointerDown=${(event) => {
        screen.current.setPointerCapture(event.pointerId);
        setGrip({ x: event.clientX, y: event.clientY, at });
      }}
      onPointerMove=${drag} onPointerUp=${() => setGrip(null)} onPointerCancel=${() => setGrip(null)} onKeyDown=${press}></canvas>
    <${Slider} id="near" label="Nearer" value=${at.near} min=${1} max=${MOST} step=${0.05} valueText=${say`${percent(at.near)} of its size`}
      onInput=${(near) => onAt({ ...at, near })} />
  </div>`;
}

function within(share) {
  return Math.min(1, Math.max(0, share));
}
