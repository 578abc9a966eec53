// The knobs of an artist: settings of drawing that change no word.

import { html, say } from "../lang.js";
import { DeferredField, Slider } from "../parts.js";

const WILD = "spread"; // the knob that scales the noise of a picture

/** Return the knob by which pictures are tame or wild, undefined where an artist has none. */
function wildKnob(artist) {
  return artist.knobs.find(({ name, kind }) => name === WILD && kind === "float");
}

/** From tame, where all pictures of some words are alike, to wild; of artists that have such a knob. */
export function Wild({ artist, values, onChange, ...rest }) {
  const knob = wildKnob(artist);
  if (!knob) return null;
  const value = values[WILD] ?? knob.default;
  const put = (next) => onChange(without(values, knob, next));
  const least = knob.span?.[0] ?? 0;
  const most = Math.min(knob.span?.[1] ?? 2 * knob.default, 2 * knob.default);
  return html`<${Slider} label="From tame to wild" value=${value} min=${least} max=${most} step="0.05"
    valueText=${wildness(value / knob.default)} onInput=${put} ...${rest} />`;
}

function wildness(share) {
  if (share === 1) return say`as it learnt`;
  if (share < 1) return share < 0.5 ? say`very tame` : say`tame`;
  return share > 1.5 ? say`very wild` : say`wild`;
}

function without(values, knob, value) {
  const { [knob.name]: _, ...rest } = values;
  return value === knob.default ? rest : { ...rest, [knob.name]: value };
}

/** A folded panel; `values` holds only what was changed. */
export function Knobs({ artist, values, onChange }) {
  if (!artist.knobs.length) return null;
  const changed = Object.keys(values).length;
  const set = (knob, value) => onChange(without(values, knob, value));
  return html`<details class="fold" id="knobs">
    <summary>Fine tuning ${changed > 0 && html`<span class="soft">${changed} changed</span>`}</summary>
    <div class="stack folded">
      <${Wild} artist=${artist} values=${values} onChange=${onChange} />
      ${artist.knobs.map((knob) => {
        if (knob === wildKnob(artist)) return null;
        const value = values[knob.name] ?? knob.default;
        return html`<${Knob} key=${knob.name} knob=${knob} value=${value} onSet=${set} />`;
      })}
      ${changed > 0 && html`<div><button type="button" onClick=${() => onChange({})}>As they were</button></div>`}
    </div>
  </details>`;
}

/** Return those of a recipe's knobs that differ from their defaults. */
export function turned(artist, knobs) {
  const isTurned = ([name, value]) => artist.knobs.some((knob) => knob.name === name && knob.default !== value);
  return Object.fromEntries(Object.entries(knobs).filter(isTurned));
}

function Knob({ knob, value, onSet }) {
  const name = knob.name.replaceAll("_", " ");
  const about = html`<span class="soft small">${knob.about}</span>`;
  if (knob.kind === "bool") {
    const toggled = (event) => onSet(knob, event.target.checked);
    return html`<div>
      <label class="row"><input type="checkbox" checked=${value} onChange=${toggled} /> ${name}</label>${about}
    </div>`;
  }
  if (knob.kind === "float") {
    const most = Math.max(2, 2 * Math.abs(knob.default));
    const [low, high] = knob.span ?? [knob.default < 0 ? -most : 0, most];
    return html`<div>
      <${Slider}
        label=${name}
        value=${value}
        min=${low}
        max=${high}
        step=${knob.span ? "any" : "0.05"}
        onInput=${(next) => onSet(knob, next)}
      />
      ${about}
    </div>`;
  }
  const typed = (event) => {
    const next = knob.kind === "int" ? within(knob.span, Math.round(Number(event.target.value))) : event.target.value;
    if (event.target.value !== "") onSet(knob, next);
  };
  return html`<div>
    <label class="row"
      >${name} <${DeferredField} type=${knob.kind === "int" ? "number" : "text"} min=${knob.span?.[0]} max=${knob.span?.[1]}
        value=${value} onChange=${typed}
    /></label>
    ${about}
  </div>`;
}

/** Return a number, or the nearest that lies between the bounds, where there are some. */
function within(span, number) {
  return span ? Math.min(Math.max(number, span[0]), span[1]) : number;
}
