// The controls of the fields of a request, one for each type of field; the form has its own for words, values, labels.

import { fieldValue, innerKinds, randomBox, shownFields } from "../fields.js";
import { DeferredField, ErrorLine, FileDrop, IconButton, useShared, useWork } from "../parts.js";
import { pick } from "../random.js";
import { html, useState } from "../vendor/preact.js";
import { Labels } from "./chips.js";
import { encoded } from "./encoded.js";

const SIDES = ["x", "y", "width", "height"];

/** The control of a field: `onChange` is called with a function of its value to its next value. */
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
        <input type="text" aria-label=${`Question ${i + 1}`} placeholder="how many are there?" value=${question}
          maxlength=${field.longest} onInput=${(event) => put(i, 0, event.target.value)} />
        <input type="text" aria-label=${`Answer ${i + 1}`} placeholder="two" value=${answer}
          maxlength=${field.longest} onInput=${(event) => put(i, 1, event.target.value)} />
        <${IconButton} name="close" label=${`Take turn ${i + 1} out`} onClick=${() => onChange((old) => old.filter((_, k) => k !== i))} />
      </div>`,
    )}
    <div>
      <button type="button" disabled=${value.length >= field.most} onClick=${() => onChange((turns) => [...turns, ["", ""]])}>
        Add a question
      </button>
    </div>
  </fieldset>`;
}

/** Boxes: a row a box, and how they lie. */
function Boxes({ field, value, onChange }) {
  const put = (place, part, next) =>
    onChange((boxes) => replaced(boxes, place, (box) => inside(replaced(box, part, () => next))));
  const label = (box, i) =>
    field.choices.length
      ? html`<select aria-label=${`Label of box ${i + 1}`} value=${box[0]}
          onChange=${(event) => put(i, 0, event.target.value)}>
          ${field.choices.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>`
      : html`<input type="text" aria-label=${`Label of box ${i + 1}`} value=${box[0]} maxlength=${field.longest}
          onInput=${(event) => put(i, 0, event.target.value)} />`;
  const add = () => onChange((boxes) => [...boxes, randomBox(field.choices.length ? pick(field.choices) : "")]);
  return html`<fieldset class="stack">
    <legend>${field.about}</legend>
    <${Placed} boxes=${value} />
    ${value.map(
      (box, i) => html`<div class="row box" key=${i}>
        ${label(box, i)}
        ${SIDES.map(
          (side, k) => html`<${DeferredField} key=${side} type="number" min="0" max="1" step="0.01" value=${box[k + 1]}
            aria-label=${`${side} of box ${i + 1}`} onChange=${(event) => put(i, k + 1, Number(event.target.value))} />`,
        )}
        <${IconButton} name="close" label=${`Take box ${i + 1} out`} onClick=${() => onChange((old) => old.filter((_, k) => k !== i))} />
      </div>`,
    )}
    <div><button type="button" disabled=${value.length >= field.most} onClick=${add}>Add a box</button></div>
  </fieldset>`;
}

/** Return a box moved and cut so that it lies in the picture. */
function inside([label, x, y, ...sides]) {
  const [width, height] = sides.map((side) => Math.min(Math.max(side, 0.01), 1));
  const within = (place, side) => Math.round(1e4 * Math.max(0, Math.min(place, 1 - side))) / 1e4;
  return [label, within(x, width), within(y, height), width, height];
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
  const write = (inner) => (next) => onChange((old) => ({ ...old, [inner.name]: next(fieldValue(inner, old ?? {})) }));
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

/** How boxes lie in the picture. */
function Placed({ boxes }) {
  return html`<svg viewBox="0 0 1 1" width="160" height="160" role="img" aria-label="Where the boxes lie">
    <rect width="1" height="1" fill="none" stroke="currentColor" stroke-width="0.01" />
    ${boxes.map(
      ([label, x, y, width, height], i) => html`<g key=${i}>
        <rect x=${x} y=${y} width=${width} height=${height} fill="currentColor" fill-opacity="0.1"
          stroke="currentColor" stroke-width="0.01" />
        <text x=${x + 0.02} y=${y + 0.09} font-size="0.08" fill="currentColor">${label}</text>
      </g>`,
    )}
  </svg>`;
}

const CONTROLS = {
  text: TextField,
  choice: Choice,
  number: Numeric,
  turns: Turns,
  boxes: Boxes,
  lines: LinesField,
  values: ValuesField,
  labels: LabelsField,
  picture: PictureField,
  mask: PictureField,
  request: RequestField,
};

function replaced(list, place, make) {
  return list.map((one, i) => (i === place ? make(one) : one));
}

function constant(value) {
  return () => value;
}
