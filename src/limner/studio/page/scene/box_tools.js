// Tools of boxes and their shapes.

import { randomBox } from "../fields.js";
import { html, say } from "../lang.js";
import { Icon, IconButton } from "../parts.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const FEW = 8; // labels that have a button each
const SIDE = 64; // pixels of a shape
const BRUSH = 6; // pixels, half its width

/** One more box: a button for each label where they are few, else one to choose from. */
export function Adding({ labels, isFull, onAdd }) {
  const [name, setName] = useState("");
  const add = (label) => label.trim() && onAdd(randomBox(label.trim()));
  if (!labels.length) {
    return html`<label class="row">
        <span class="hidden">What the next box is</span>
        <input type="text" maxlength="100" placeholder="a thing" value=${name} onInput=${(event) => setName(event.target.value)} />
      </label>
      <button type="button" disabled=${isFull || !name.trim()} onClick=${() => add(name)}>Add a box</button>`;
  }
  if (labels.length <= FEW) {
    return labels.map(
      (
        label,
      ) => html`<button type="button" key=${label} data-add=${label} disabled=${isFull} onClick=${() => add(label)}>
        <${Icon} name="plus" /> ${label}
      </button>`,
    );
  }
  return html`<select aria-label="Add a box" data-add="one" disabled=${isFull} value=""
    onChange=${(event) => {
      add(event.target.value);
      event.target.value = "";
    }}>
    <option value="">Add a box</option>
    ${labels.map((label) => html`<option key=${label} value=${label}>${label}</option>`)}
  </select>`;
}

/** Points that are not placed yet, a button each. */
export function PointsLeft({ names, points, onAdd }) {
  const left = names.filter((name) => points.every(([taken]) => taken !== name));
  return left.map(
    (name) => html`<button type="button" key=${name} data-point=${name} onClick=${() => onAdd(name)}>
      <${Icon} name="plus" /> ${name}
    </button>`,
  );
}

/** What can be done with the box that is chosen. */
export function Chosen({ box, at, count, labels, onAct, onRename }) {
  return html`<div class="row" id="chosen-box" role="group" aria-label=${say`Box ${at + 1}: ${box[0]}`}>
    ${
      labels.length > 0 &&
      html`<label class="row">
        <span class="hidden">What it is</span>
        <select id="box-label" value=${box[0]} onChange=${(event) => onRename(event.target.value)}>
          ${labels.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>
      </label>`
    }
    <button type="button" data-act="copy" onClick=${() => onAct("copy")}>Copy</button>
    <button type="button" data-act="back" disabled=${at === 0} onClick=${() => onAct("back")}>Further back</button>
    <button type="button" data-act="forward" disabled=${at === count - 1} onClick=${() => onAct("forward")}>
      Further in front
    </button>
    <${IconButton} name="trash" label="Take it out" data-act="remove" onClick=${() => onAct("remove")} />
  </div>`;
}

/** The shape of a box: painted by hand, or one of three that need no hand. */
export function ShapeTools({ box, mask, onShape }) {
  const screen = useRef(null);
  const [erases, setErases] = useState(false);
  const isDown = useRef(false);
  useEffect(() => {
    shown(screen.current, mask);
  }, [mask]);
  const paint = (event) => {
    if (!isDown.current) return;
    const { left, top, width, height } = screen.current.getBoundingClientRect();
    const pen = screen.current.getContext("2d");
    pen.fillStyle = erases ? "#000" : "#fff";
    pen.beginPath();
    pen.arc((SIDE * (event.clientX - left)) / width, (SIDE * (event.clientY - top)) / height, BRUSH, 0, 2 * Math.PI);
    pen.fill();
  };
  const down = (event) => {
    screen.current.setPointerCapture(event.pointerId);
    isDown.current = true;
    paint(event);
  };
  const up = () => {
    if (isDown.current) onShape(encodedShape(screen.current));
    isDown.current = false;
  };
  const fill = (draw) => {
    const pen = screen.current.getContext("2d");
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, SIDE, SIDE);
    pen.fillStyle = "#fff";
    draw(pen);
    onShape(encodedShape(screen.current));
  };
  const round = (pen) => {
    pen.beginPath();
    pen.arc(SIDE / 2, SIDE / 2, SIDE / 2, 0, 2 * Math.PI);
    pen.fill();
  };
  return html`<div class="row shape-tools">
    <canvas ref=${screen} class="shape-screen" width=${SIDE} height=${SIDE} role="img"
      aria-label=${say`The shape of ${box[0]}: paint on it`} onPointerDown=${down} onPointerMove=${paint} onPointerUp=${up}
      onPointerCancel=${up}></canvas>
    <button type="button" aria-pressed=${erases} onClick=${() => setErases(!erases)}>Erase</button>
    <button type="button" data-shape="whole" onClick=${() => fill((pen) => pen.fillRect(0, 0, SIDE, SIDE))}>The whole box</button>
    <button type="button" data-shape="round" onClick=${() => fill(round)}>Round</button>
    <button type="button" data-shape="open" disabled=${!mask} onClick=${() => onShape("")}>As the artist draws it</button>
  </div>`;
}

/** Show a shape in base64, white on black. */
function shown(canvas, mask) {
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, SIDE, SIDE);
  if (!mask) return;
  const picture = new Image();
  picture.onload = () => pen.drawImage(picture, 0, 0, SIDE, SIDE);
  picture.src = `data:image/png;base64,${mask}`;
}

/** Return what was painted, white on black; nothing where all of it is black, as a thing has some shape. */
function encodedShape(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, SIDE, SIDE);
  const isEmpty = !data.some((value, at) => at % 4 === 0 && value > 127);
  return isEmpty ? "" : canvas.toDataURL("image/png").split(",")[1];
}
