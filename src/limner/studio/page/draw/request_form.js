// The request in the draw view: a prompt, chips that write into it, or values alone.

import { Icon } from "../parts.js";
import { pick, randomSeed } from "../random.js";
import { parts } from "../requests.js";
import { html } from "../vendor/preact.js";
import { surprise, surpriseValues } from "../words/surprise.js";
import { Chips, Labels } from "./chips.js";
import { Prompt, Unknown } from "./prompt.js";

/** Does an artist take text? */
export function takesText(artist) {
  return artist.takes === "caption" || artist.takes === "story";
}

/** The prompt, or a line that says why there is none. */
export function RequestForm({ artist, state, change, onSurprise, unknown }) {
  const button = html`<button type="button" id="surprise" onClick=${onSurprise}>
    <${Icon} name="dice" /> Surprise me
  </button>`;
  if (artist.takes === "nothing") {
    return html`<p class="soft">${artist.id} draws without being told what. Throw the dice.</p>`;
  }
  if (artist.takes !== "attributes" && artist.takes !== "labelset" && !takesText(artist)) {
    return html`<p class="soft">${artist.id} takes ${artist.takes} requests: this page has no way to ask for them.</p>`;
  }
  if (!takesText(artist)) {
    return html`<div class="row spread">
      <p class="soft">${artist.id} is told by values, not words: choose some.</p>
      ${button}
    </div>`;
  }
  const placeholder = artist.examples[0] ?? "Say what to draw";
  return html`<div>
    <div class="asking">
      <${Prompt} id="prompt" text=${state.text} placeholder=${placeholder} onInput=${(text) => change({ text })} />
      ${button}
    </div>
    <${Unknown} unknown=${unknown} />
    <${Hints} artist=${artist} asked=${state.asked} />
  </div>`;
}

/** Hints for requests that are more than a line. */
function Hints({ artist, asked }) {
  if (asked?.kind === "blend") {
    return html`<p class="soft small">This is a mix of ${parts(asked)}. Change its words to draw something new.</p>`;
  }
  if (artist.takes !== "story") return null;
  const what = asked ? "This is a whole story." : `${artist.id} tells stories. This draws a single line;`;
  return html`<p class="soft small">
    ${what} <a href="#/story">${asked ? "Go on with stories" : "tell a whole one"}</a>.
  </p>`;
}

/** The chips: they write into the prompt, or are the request itself. */
export function Values({ artist, phrases, state, change }) {
  if (artist.takes === "labelset") {
    return html`<${Labels} labels=${artist.labels} chosen=${state.labels} onChange=${(labels) => change({ labels })} />`;
  }
  if (!phrases?.things.length) return null;
  if (artist.takes === "attributes") {
    const choose = (name, value) => change({ values: chosenValues(state.values, name, value) });
    return html`<${Chips} phrases=${phrases} chosen=${state.values} onChoose=${choose} nothing />`;
  }
  if (!takesText(artist)) return null;
  const write = (name, value) => change({ text: phrases.choose(state.text, name, value) });
  return html`<${Chips} phrases=${phrases} chosen=${phrases.valuesIn(state.text)} onChoose=${write} />`;
}

/** Return values with one of them changed, or left out where it is null. */
function chosenValues(values, name, value) {
  const { [name]: _, ...rest } = values;
  return value === null ? rest : { ...rest, [name]: value };
}

/** Random labels, at least one: a request needs one. */
function someLabels(labels) {
  const sure = pick(labels);
  return labels.filter((label) => label === sure || Math.random() < 0.3);
}

/** Return the changes of the state for "Surprise me". */
export function surprised(artist, phrases) {
  const seed = randomSeed();
  if (artist.takes === "attributes") return { seed, values: surpriseValues(artist.attributes, {}) };
  if (artist.takes === "labelset") return { seed, labels: someLabels(artist.labels) };
  if (!takesText(artist) || !phrases) return { seed };
  return { seed, text: surprise(phrases, "", artist.examples) };
}
