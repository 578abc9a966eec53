// The request in the draw view: a form made of the fields of its kind; values write into the words, or are the request.

import {
  byChance,
  fieldValue,
  givenIn,
  isBlend,
  shownFields,
  valuesField,
  withWords,
  wordsField,
  wordsIn,
} from "../fields.js";
import { html, say } from "../lang.js";
import { Icon } from "../parts.js";
import { randomSeed } from "../random.js";
import { parts } from "../requests.js";
import { Chips, Labels } from "./chips.js";
import { pinnedIn, saidHolding } from "./groups.js";
import { useHeard } from "./heard.js";
import { Prompt, Unknown } from "./prompt.js";
import { kindIn } from "./state.js";
import { Widget } from "./widgets.js";
import { WriteCaption } from "./writer.js";

/** What is shown beside the picture, not in the form above it. */
const BESIDE = ["values", "labels"];

/** The form of a request, or a line that says why there is none. */
export function RequestForm({ artist, phrases, state, change, press, onSurprise, onMark, unknown, denied, typed }) {
  const kind = kindIn(artist, state);
  const words = wordsField(kind);
  const text = words ? wordsIn(kind, state.said) : "";
  const marks = useHeard(phrases, text);
  const say = (text) => change({ said: (said) => withWords(kind, said, text) });
  const button = html`<button type="button" id="surprise" class="primary" onClick=${onSurprise}>
    <${Icon} name="dice" /> Surprise me
  </button>`;
  return html`<div class="stack">
    <${KindChoice} artist=${artist} kind=${kind} onKind=${(name) => press({ kind: name, said: {} })} />
    ${!kind.asks && html`<p class="soft">${artist.id} draws without being told what. Throw the dice.</p>`}
    ${
      kind.asks &&
      !words &&
      html`<div class="row spread">
        <p class="soft">${artist.id} draws from ${kind.noun}, not words${holdsPicture(kind) ? "" : ": choose some"}.</p>
        ${button}
      </div>`
    }
    ${
      words &&
      html`<div>
        <div class="asking">
          <${Prompt}
            id="prompt"
            text=${text}
            marks=${marks}
            onMark=${onMark}
            typed=${typed}
            placeholder=${artist.examples[0] ?? words.about}
            onInput=${say}
          />
          ${button} <${WriteCaption} artist=${artist} onText=${say} />
        </div>
        <${Unknown} unknown=${unknown} denied=${denied} />
        <${Hints} artist=${artist} asked=${state.asked} />
      </div>`
    }
  </div>`;
}

function holdsPicture(kind) {
  return kind.fields.some(({ type }) => type === "picture");
}

/** Which kind of request it is, for artists that take several. */
function KindChoice({ artist, kind, onKind }) {
  if (artist.requests.length < 2) return null;
  return html`<label class="row">Ask with
    <select id="kind" value=${kind.kind} onChange=${(event) => onKind(event.target.value)}>
      ${artist.requests.map((one) => html`<option key=${one.kind} value=${one.kind}>${one.noun}</option>`)}
    </select>
  </label>`;
}

/** The fields beside the words. */
export function Fields({ kind, state, change }) {
  const words = wordsField(kind);
  const shown = shownFields(kind).filter(
    (field) => field !== words && !BESIDE.includes(field.type) && !(field.type === "points" && !field.choices.length),
  );
  if (!shown.length) return null;
  const write = (field) => (make, also) =>
    change({ said: (said) => ({ ...said, [field.name]: make(fieldValue(field, said)), ...also?.(said) }) });
  return html`<div class="stack" id="fields">
    ${shown.map(
      (field) =>
        html`<${Widget} key=${field.name} field=${field} value=${fieldValue(field, state.said)} onChange=${write(field)} />`,
    )}
  </div>`;
}

/** Hints for requests that are more than a line. */
function Hints({ artist, asked }) {
  if (asked && isBlend(asked)) {
    return html`<p class="soft small">This is a mix of ${parts(asked)}. Change its words to draw something new.</p>`;
  }
  if (!artist.can.story) return null;
  const what = asked ? say`This is a whole story.` : say`${artist.id} tells stories. This draws a single line;`;
  return html`<p class="soft small">
    ${what} <a href="#/story">${asked ? say`Go on with stories` : say`tell a whole one`}</a>.
  </p>`;
}

/** The chips: they write into the words, or are the request itself. */
export function Values({ artist, phrases, state, change }) {
  const kind = kindIn(artist, state);
  const [labels, values] = [shownFields(kind).find(({ type }) => type === "labels"), valuesField(kind)];
  const say = (field, value) => change({ said: { ...state.said, [field.name]: value } });
  if (labels) {
    const chosen = fieldValue(labels, state.said);
    return html`<${Labels} labels=${labels.choices} chosen=${chosen} onChange=${(next) => say(labels, next)} />`;
  }
  if (!phrases?.things.length) return null;
  if (values) {
    const chosen = fieldValue(values, state.said);
    const choose = (name, value) => say(values, chosenValues(chosen, name, value));
    return html`<${Chips} phrases=${phrases} chosen=${chosen} onChoose=${choose} nothing />`;
  }
  if (!wordsField(kind)) return null;
  const text = wordsIn(kind, state.said);
  const write = (name, value) => change({ said: withWords(kind, state.said, phrases.choose(text, name, value)) });
  return html`<${Chips} phrases=${phrases} chosen=${phrases.valuesIn(text)} onChoose=${write} />`;
}

/** Return values with one of them changed, or left out where it is null. */
function chosenValues(values, name, value) {
  const { [name]: _, ...rest } = values;
  return value === null ? rest : { ...rest, [name]: value };
}

/** Return the changes of the state for "Surprise me"; things that are pinned keep their values, said or seen. */
export function surprised(artist, phrases, state, pins = [], seen = null) {
  const kind = kindIn(artist, state);
  const seed = randomSeed();
  if (!kind.asks || (wordsField(kind) && !phrases)) return { seed };
  const pinned = saidHolding(kind, phrases, {}, pinnedIn(kind, phrases, state.said, pins, seen));
  return { seed, said: { ...givenIn(kind, state.said), ...byChance(kind, artist, phrases, pinned) } };
}
