// The ground of a scene: boxes and key points as parts that have the focus, are dragged, stretched by eight handles,
// moved by arrows, named anew by a double click, and drawn on the ground.

import { place, share } from "../draw/placing.js";
import { html, say } from "../lang.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";
import { moved, SIDES, stretched } from "./placed.js";

const STEP = 0.01;
const DRAWN = 0.03; // a smaller box on the ground was a click
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
/** What keys do with a box beside the arrows: names of actions. */
const KEYS = { Delete: "remove", Backspace: "remove", PageUp: "forward", PageDown: "back", F2: "name", Enter: "name" };
const COLOURS = 6;

/** Return the number of the colour of a label: things of one label have one colour. */
export function tint(labels, label) {
  const at = labels.indexOf(label);
  const other = [...label].reduce((sum, letter) => sum + letter.codePointAt(0), 0);
  return (at < 0 ? other : at) % COLOURS;
}

/** Return the style that puts a part where its box lies. */
export function lies([, x, y, width, height]) {
  return { left: percent(x), top: percent(y), width: percent(width), height: percent(height) };
}

/** Return the style that cuts a part to a shape, white on black. */
export function cut(mask) {
  return { maskImage: `url(data:image/png;base64,${mask})`, maskMode: "luminance", maskSize: "100% 100%" };
}

function percent(number) {
  return `${100 * number}%`;
}

/**
 * The ground: `field` are {labels} to name boxes by, empty where any name is one. `on` has what happens: box(i, box),
 * added(box) or null where there is no room, act(action, i), renamed(i, label), point(i, x, y), pointRemoved(i), chosen(i),
 * lit(i).
 */
export function Ground({ placed, labels, chosen, on }) {
  const { boxes, points = [], masks = [] } = placed;
  const ground = useRef(null);
  const [grip, setGrip] = useState(null); // what is dragged: {kind, at, side, box, from}
  const [fresh, setFresh] = useState(null);
  const [naming, setNaming] = useState(null);
  const grab = (more) => (event) => {
    if (event.button > 0) return;
    event.stopPropagation();
    event.preventDefault(); // no text is selected, and dragged in its place
    if (more.kind !== "new") event.currentTarget.closest("[tabindex]").focus();
    ground.current.setPointerCapture(event.pointerId);
    setGrip({ ...more, from: place(ground.current, event) });
  };
  const drag = (event) => {
    if (!grip) return;
    const [x, y] = place(ground.current, event).map(share);
    const [right, down] = [x - grip.from[0], y - grip.from[1]];
    if (grip.kind === "new") setFresh(between(grip.from, [x, y]));
    else if (grip.kind === "point") on.point(grip.at, x, y);
    else on.box(grip.at, grip.side ? stretched(grip.box, grip.side, right, down) : moved(grip.box, right, down));
  };
  const drop = () => {
    if (fresh && Math.min(fresh[3], fresh[4]) > DRAWN) on.added(fresh);
    setGrip(null);
    setFresh(null);
  };
  const act = (action, at) => (action === "name" ? setNaming(at) : on.act(action, at));
  const name = (event) => {
    const parts = document.elementsFromPoint(event.clientX, event.clientY); // what is dragged belongs to the ground
    const part = parts.find(({ dataset }) => dataset?.box !== undefined);
    if (part) setNaming(Number(part.dataset.box));
  };
  const start = on.added ? grab({ kind: "new" }) : undefined;
  return html`<div class="ground" ref=${ground} role="group" aria-label="Where things lie" onPointerDown=${start}
    onPointerMove=${drag} onPointerUp=${drop} onPointerCancel=${drop} onDblClick=${name}>
    ${boxes.map(
      (box, i) => html`<${Box} key=${i} box=${box} at=${i} mask=${masks[i]} labels=${labels} isChosen=${i === chosen}
        isNamed=${i === naming} on=${on} act=${act} grab=${grab} onNamed=${() => setNaming(null)} />`,
    )}
    ${points.map((point, i) => html`<${Point} key=${point[0]} point=${point} at=${i} on=${on} grab=${grab} />`)}
    ${fresh && html`<div class="placed fresh" style=${lies(fresh)}></div>`}
  </div>`;
}

function between([x, y], [right, down]) {
  return ["", Math.min(x, right), Math.min(y, down), Math.abs(right - x), Math.abs(down - y)].map((side, i) =>
    i ? share(side) : side,
  );
}

function Box({ box, at, mask, labels, isChosen, isNamed, on, act, grab, onNamed }) {
  const part = useRef(null);
  const press = (event) => {
    if (event.target !== event.currentTarget) return;
    const step = ARROWS[event.key];
    const isCopied = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "d";
    if (step) on.box(at, pushed(box, step, event));
    else if (isCopied) act("copy", at);
    else if (KEYS[event.key]) act(KEYS[event.key], at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const named = (label) => {
    onNamed();
    part.current.focus();
    if (label !== null && label !== box[0]) on.renamed(at, label);
  };
  return html`<div ref=${part} class=${`placed tint-${tint(labels, box[0])}`} style=${lies(box)} tabindex="0" role="group"
    aria-label=${say`Box ${at + 1}: ${box[0]}`} aria-current=${isChosen ? "true" : undefined} data-box=${at}
    onKeyDown=${press} onPointerDown=${grab({ kind: "box", at, box })}
    onFocus=${() => on.chosen(at)} onPointerEnter=${() => on.lit(at)} onPointerLeave=${() => on.lit(null)}>
    ${mask && html`<div class="mask" style=${cut(mask)}></div>`}
    ${
      isNamed
        ? html`<${Naming} label=${box[0]} labels=${labels} number=${at + 1} onDone=${named} />`
        : html`<span class="label">${box[0]}</span>`
    }
    ${
      isChosen &&
      SIDES.map(
        (side) => html`<span key=${side} class=${`handle ${side}`} data-side=${side}
          onPointerDown=${grab({ kind: "box", at, side, box })}></span>`,
      )
    }
  </div>`;
}

/** A box after an arrow key: moved, with Shift stretched by its lower right corner, with Alt by the upper left one. */
function pushed(box, step, { shiftKey, altKey }) {
  if (altKey) return stretched(box, "nw", ...step);
  return shiftKey ? stretched(box, "se", ...step) : moved(box, ...step);
}

/** The field that names a box anew: one of the labels, or any where the artist knows none. */
function Naming({ label, labels, number, onDone }) {
  const field = useRef(null);
  const isDone = useRef(false);
  const done = (next) => {
    if (isDone.current) return;
    isDone.current = true;
    onDone(next);
  };
  useEffect(() => field.current.focus(), []);
  const keys = (event) => {
    event.stopPropagation();
    if (event.key === "Escape") done(null);
    if (event.key === "Enter") done(field.current.value.trim() || null);
  };
  const common = {
    ref: field,
    class: "naming",
    value: label,
    "aria-label": say`What box ${number} is`,
    onKeyDown: keys,
    onBlur: () => done(labels.length ? null : field.current.value.trim() || null),
    onPointerDown: (event) => event.stopPropagation(),
  };
  if (!labels.length) return html`<input type="text" maxlength="100" ...${common} />`;
  return html`<select ...${common} onChange=${(event) => done(event.target.value)}>
    ${labels.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
  </select>`;
}

function Point({ point: [name, x, y], at, on, grab }) {
  const press = (event) => {
    const step = ARROWS[event.key];
    if (step) on.point(at, share(x + step[0]), share(y + step[1]));
    else if (event.key === "Delete" || event.key === "Backspace") on.pointRemoved(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="point-of" style=${{ left: percent(x), top: percent(y) }} tabindex="0" role="group"
    aria-label=${say`Point: ${name}`} onKeyDown=${press} onPointerDown=${grab({ kind: "point", at })}>
    <span class="label">${name}</span>
  </div>`;
}
