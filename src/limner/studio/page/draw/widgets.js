// The controls of the fields of a request, one for each type of field; the form has its own for words, values, labels.

import { fieldValue, innerKinds, randomBox, shownFields } from "../fields.js";
import { html, say } from "../lang.js";
import { DeferredField, ErrorLine, FileDrop, IconButton, useShared, useWork } from "../parts.js";
import { pick } from "../random.js";
import { useState } from "../vendor/preact.js";
import { Labels } from "./chips.js";
import { encoded } from "./encoded.js";
import { inside, PlacedBoxes, PlacedPoints, share } from "./placing.js";

const SIDES = ["x", "y", "width", "height"];

/**
 * The control of a field: `onChange` is called with a function of its value to its next value and, where other fields
 * change with it, one of all that is said to their values.
 */
export function Widget({ field, value, onChange }) {
  const Control = CONTROLS[field.type] ?? TextField;
  return html`<div data-field=${field.name}>
    <${Control} field=${field} value=${value} onChange=${onChange} />
  </div>`;
}

function TextField({ field, value, onChange }) {
  return html`<label>${field.about}
    <input type="text" name=${field.name} maxlength=${field.longest} value=${value}
      onInput=${(event) => onChange(constant(event.target.value))} />
  </label>`;
}

function Choice({ field, value, onChange }) {
  return html`<label class="row">${field.about}
    <select name=${field.name} value=${value} onChange=${(event) => onChange(constant(event.target.value))}>
      ${!value && html`<option value="">...</option>`}
      ${field.choices.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
    </select>
  </label>`;
}

function Numeric({ field, value, onChange }) {
  const [low, high] = field.span;
  return html`<label>${field.about}
    <input type="range" name=${field.name} min=${low} max=${high} step=${(high - low) / 100} value=${value}
      onInput=${(event) => onChange(constant(Number(event.target.value)))} />
  </label>`;
}

/** Questions and answers, a row a turn. */
function Turns({ field, value, onChange }) {
  const put = (place, part, text) =>
    onChange((turns) => replaced(turns, place, (turn) => replaced(turn, part, () => text)));
  return html`<fieldset class="stack">
    <legend>${field.about}</legend>
    ${value.map(
      ([question, answer], i) => html`<div class="row turn" key=${i}>
        <input type="text" aria-label=${say`Question ${i + 1}`} placeholder="how many are there?" value=${question}
          maxlength=${field.longest} onInput=${(event) => put(i, 0, event.target.value)} />
        <input type="text" aria-label=${say`Answer ${i + 1}`} placeholder="two" value=${answer}
          maxlength=${field.longest} onInput=${(event) => put(i, 1, event.target.value)} />
        <${IconButton} name="close" label=${say`Take turn ${i + 1} out`}
          onClick=${() => onChange((old) => old.filter((_, k) => k !== i))} />
      </div>`,
    )}
    <div>
      <button type="button" disabled=${value.length >= field.most} onClick=${() => onChange((turns) => [...turns, ["", ""]])}>
        Add a question
      </button>
    </div>
  </fieldset>`;
}

/** Boxes: how they lie, to be moved by hand, and a row a box. */
function Boxes({ field, value, onChange }) {
  const write = (place, box) => onChange((boxes) => replaced(boxes, place, () => box));
  const put = (place, part, next) =>
    onChange(
      (boxes) => replaced(boxes, place, (box) => inside(replaced(box, part, () => next))),
      part === 0 ? shapes((masks) => replaced(masks, place, () => "")) : undefined, // a shape is that of its label
    );
  const remove = (place) => {
    const others = (list) => list.filter((_, k) => k !== place);
    onChange(others, shapes(others));
  };
  const label = (box, i) =>
    field.choices.length
      ? html`<select aria-label=${say`Label of box ${i + 1}`} value=${box[0]}
          onChange=${(event) => put(i, 0, event.target.value)}>
          ${field.choices.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>`
      : html`<input type="text" aria-label=${say`Label of box ${i + 1}`} value=${box[0]} maxlength=${field.longest}
          onInput=${(event) => put(i, 0, event.target.value)} />`;
  const chosen = () => (field.choices.length ? pick(field.choices) : "");
  const add = () => onChange((boxes) => [...boxes, randomBox(chosen())]);
  const draw = ([, ...box]) => onChange((boxes) => [...boxes, [value.at(-1)?.[0] ?? chosen(), ...box]]);
  const isFull = value.length >= field.most;
  return html`<fieldset class="stack">
    <legend>${field.about}</legend>
    <${PlacedBoxes} boxes=${value} onBox=${write} onDelete=${remove} onAdd=${isFull ? null : draw} />
    <p class="soft small">Drag a box, or its corner; draw on the ground for one more. Arrow keys move the box that has
      the focus, with Shift they stretch it, Delete takes it out.</p>
    ${value.map(
      (box, i) => html`<div class="row box" key=${i}>
        ${label(box, i)}
        ${SIDES.map(
          (side, k) => html`<${DeferredField} key=${side} type="number" min="0" max="1" step="0.01" value=${box[k + 1]}
            aria-label=${say`${side} of box ${i + 1}`} onChange=${(event) => put(i, k + 1, Number(event.target.value))} />`,
        )}
        <${IconButton} name="close" label=${say`Take box ${i + 1} out`} onClick=${() => remove(i)} />
      </div>`,
    )}
    <div><button type="button" disabled=${isFull} onClick=${add}>Add a box</button></div>
  </fieldset>`;
}

/** Key points: a row a point, each name once. */
function Points({ field, value, onChange }) {
  const put = (place, part, next) =>
    onChange((points) => replaced(points, place, (point) => replaced(point, part, () => next)));
  const left = field.choices.filter((name) => value.every(([taken]) => taken !== name));
  return html`<fieldset class="stack">
    <legend>${field.about}</legend>
    ${
      value.length > 0 &&
      html`<${PlacedPoints} points=${value}
        onPoint=${(i, point) => onChange((points) => replaced(points, i, () => point))}
        onDelete=${(i) => onChange((points) => points.filter((_, k) => k !== i))} />`
    }
    ${value.map(
      ([name, ...place], i) => html`<div class="row point" key=${i}>
        <select aria-label=${say`Name of point ${i + 1}`} value=${name} onChange=${(event) => put(i, 0, event.target.value)}>
          ${[name, ...left].map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>
        ${["x", "y"].map(
          (side, k) => html`<${DeferredField} key=${side} type="number" min="0" max="1" step="0.01" value=${place[k]}
            aria-label=${say`${side} of point ${i + 1}`} onChange=${(event) => put(i, k + 1, share(Number(event.target.value)))} />`,
        )}
        <${IconButton} name="close" label=${say`Take point ${i + 1} out`}
          onClick=${() => onChange((old) => old.filter((_, k) => k !== i))} />
      </div>`,
    )}
    <div>
      <button type="button" disabled=${!left.length} onClick=${() => onChange((points) => [...points, [left[0], 0.5, 0.5]])}>
        Add a point
      </button>
    </div>
  </fieldset>`;
}

/** A picture, or a mask: dropped or chosen, shown small, and taken out again. */
function PictureField({ field, value, onChange }) {
  const [error, setError] = useState(null);
  const [busy, busyWhile] = useWork(setError);
  const read = busyWhile(async (file) => {
    setError(null);
    const next = await encoded(file);
    onChange(constant(next));
  });
  return html`<div class="stack" aria-busy=${busy}>
    <${FileDrop} id=${`file-${field.name}`} label=${field.about} onFile=${read} />
    ${
      value &&
      html`<div class="row">
        <img width="64" alt=${field.about} src=${`data:image/png;base64,${value}`} />
        <button type="button" class="plain small" onClick=${() => onChange(constant(""))}>Take it out</button>
      </div>`
    }
    <${ErrorLine} error=${error} />
  </div>`;
}

/** A request of another kind within this one, or none. */
function RequestField({ field, value, onChange }) {
  const { artist } = useShared();
  const kinds = innerKinds(artist);
  const kind = kinds.find((one) => one.kind === value?.kind);
  const choose = (name) => onChange(constant(name ? { kind: name } : null));
  const write = (inner) => (next, also) =>
    onChange((old) => ({ ...old, [inner.name]: next(fieldValue(inner, old ?? {})), ...also?.(old ?? {}) }));
  return html`<fieldset class="stack">
    <legend>${field.about}</legend>
    <select aria-label=${field.about} value=${kind?.kind ?? ""} onChange=${(event) => choose(event.target.value)}>
      <option value="">nothing</option>
      ${kinds.map((one) => html`<option key=${one.kind} value=${one.kind}>${one.noun}</option>`)}
    </select>
    ${
      kind &&
      shownFields(kind).map(
        (inner) =>
          html`<${Widget} key=${inner.name} field=${inner} value=${fieldValue(inner, value)} onChange=${write(inner)} />`,
      )
    }
  </fieldset>`;
}

function LinesField({ field, value, onChange }) {
  return html`<label>${field.about}
    <textarea name=${field.name} rows="3" onInput=${(event) => onChange(constant(event.target.value.split("\n")))}
      value=${value.join("\n")} />
  </label>`;
}

/** A value of each name, or none. */
function ValuesField({ field, value, onChange }) {
  const choose = (name, chosen) => onChange(({ [name]: _, ...rest }) => (chosen ? { ...rest, [name]: chosen } : rest));
  return html`<div class="stack">
    ${Object.entries(field.choices).map(
      ([name, choices]) => html`<label class="row" key=${name}>${name.replaceAll("_", " ")}
        <select name=${name} value=${value[name] ?? ""} onChange=${(event) => choose(name, event.target.value)}>
          <option value="">open</option>
          ${choices.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>
      </label>`,
    )}
  </div>`;
}

function LabelsField({ field, value, onChange }) {
  return html`<${Labels} labels=${field.choices} chosen=${value} onChange=${(next) => onChange(constant(next))} />`;
}

const CONTROLS = {
  text: TextField,
  choice: Choice,
  number: Numeric,
  turns: Turns,
  boxes: Boxes,
  points: Points,
  lines: LinesField,
  values: ValuesField,
  labels: LabelsField,
  picture: PictureField,
  mask: PictureField,
  request: RequestField,
};

/** Return what else changes with the boxes: what becomes of their shapes, where there are any. */
function shapes(change) {
  return ({ masks }) => (masks?.length ? { masks: change(masks) } : {});
}

function replaced(list, place, make) {
  return list.map((one, i) => (i === place ? make(one) : one));
}

function constant(value) {
  return () => value;
}
