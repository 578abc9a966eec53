// Boxes and key points placed by hand: dragged with the mouse or a finger, moved and stretched with the arrow keys.

import { html } from "../lang.js";
import { useRef, useState } from "../vendor/preact.js";

const STEP = 0.01;
const SMALLEST = 0.01;
const DRAWN = 0.03; // a smaller box on the ground was a click
const CORNER = 0.06;
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/** Return a share of the picture with four digits. */
export function share(number) {
  return Math.round(1e4 * Math.max(0, Math.min(number, 1))) / 1e4;
}

/** Return a box moved and cut so that it lies in the picture. */
export function inside([label, x, y, ...sides]) {
  const [width, height] = sides.map((side) => share(Math.max(side, SMALLEST)));
  return [label, share(Math.min(x, 1 - width)), share(Math.min(y, 1 - height)), width, height];
}

function moved([label, x, y, width, height], right, down) {
  return inside([label, x + right, y + down, width, height]);
}

/** Return a box whose lower right corner went so far; the upper left one stays. */
function stretched([label, x, y, width, height], right, down) {
  return inside([label, x, y, Math.min(width + right, 1 - x), Math.min(height + down, 1 - y)]);
}

/** Return the box between two places. */
function between(label, [x, y], [right, down]) {
  return inside([label, Math.min(x, right), Math.min(y, down), Math.abs(right - x), Math.abs(down - y)]);
}

/** Where boxes lie: `onBox(i, box)` where one changes, `onDelete(i)`; `onAdd(box)` where one is drawn on the ground. */
export function PlacedBoxes({ boxes, onBox, onDelete, onAdd }) {
  const svg = useRef(null);
  const [grip, setGrip] = useState(null); // what is dragged, and since when: {at, box, stretches} or a new box
  const [added, setAdded] = useState(null);
  const grab = (at, stretches) => (event) => {
    event.stopPropagation();
    event.currentTarget.closest("g")?.focus();
    svg.current.setPointerCapture(event.pointerId);
    setGrip({ at, stretches, box: boxes[at], from: place(svg.current, event) });
  };
  const drag = (event) => {
    if (!grip) return;
    const [x, y] = place(svg.current, event);
    if (grip.at === null) setAdded(between("", grip.from, [x, y]));
    else onBox(grip.at, (grip.stretches ? stretched : moved)(grip.box, x - grip.from[0], y - grip.from[1]));
  };
  const drop = () => {
    if (added && Math.min(added[3], added[4]) > DRAWN) onAdd(added);
    setGrip(null);
    setAdded(null);
  };
  const press = (at) => (event) => {
    const step = ARROWS[event.key];
    if (step) onBox(at, (event.shiftKey ? stretched : moved)(boxes[at], ...step));
    else if (event.key === "Delete" || event.key === "Backspace") onDelete(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const bare = onAdd ? grab(null, false) : undefined;
  return html`<svg ref=${svg} class="placing" viewBox="0 0 1 1" role="group" aria-label="Where the boxes lie"
    onPointerDown=${bare} onPointerMove=${drag} onPointerUp=${drop} onPointerCancel=${drop}>
    <rect width="1" height="1" class="ground" />
    ${boxes.map(
      (box, i) => html`<g key=${i} tabindex="0" role="button" aria-label=${`Box ${i + 1}: ${box[0]}`}
        onKeyDown=${press(i)} onPointerDown=${grab(i, false)}>
        <rect x=${box[1]} y=${box[2]} width=${box[3]} height=${box[4]} />
        <text x=${box[1] + 0.02} y=${box[2] + 0.07}>${box[0]}</text>
        <rect class="corner" onPointerDown=${grab(i, true)} width=${CORNER} height=${CORNER}
          x=${box[1] + box[3] - CORNER} y=${box[2] + box[4] - CORNER} />
      </g>`,
    )}
    ${added && html`<rect class="added" x=${added[1]} y=${added[2]} width=${added[3]} height=${added[4]} />`}
  </svg>`;
}

/** Where key points lie: `onPoint(i, point)` where one moves, `onDelete(i)`. */
export function PlacedPoints({ points, onPoint, onDelete }) {
  const svg = useRef(null);
  const [at, setAt] = useState(null);
  const put = (i, x, y) => onPoint(i, [points[i][0], share(x), share(y)]);
  const grab = (i) => (event) => {
    event.currentTarget.focus();
    svg.current.setPointerCapture(event.pointerId);
    setAt(i);
  };
  const press = (i) => (event) => {
    const step = ARROWS[event.key];
    if (step) put(i, points[i][1] + step[0], points[i][2] + step[1]);
    else if (event.key === "Delete" || event.key === "Backspace") onDelete(i);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const drop = () => setAt(null);
  return html`<svg ref=${svg} class="placing" viewBox="0 0 1 1" role="group" aria-label="Where the points lie"
    onPointerMove=${(event) => at !== null && put(at, ...place(svg.current, event))}
    onPointerUp=${drop} onPointerCancel=${drop}>
    <rect width="1" height="1" class="ground" />
    ${points.map(
      ([name, x, y], i) => html`<g key=${i} tabindex="0" role="button" aria-label=${`Point: ${name}`}
        onKeyDown=${press(i)} onPointerDown=${grab(i)}>
        <circle cx=${x} cy=${y} r="0.03" />
        <text x=${x + 0.05} y=${y + 0.02}>${name}</text>
      </g>`,
    )}
  </svg>`;
}

/** Return where a pointer is, in shares of an element. */
export function place(element, event) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return [(event.clientX - left) / width, (event.clientY - top) / height];
}
