// What is asked of an artist on the draw view: a prompt, chips that write into it, or values alone.

import { chance, pick } from "../chance.js";
import { Icon } from "../parts.js";
import { parts } from "../requests.js";
import { html } from "../vendor/preact.js";
import { surprise, surpriseValues } from "../words/surprise.js";
import { Chips, Labels } from "./chips.js";
import { Prompt, Unknown } from "./prompt.js";

/** Does an artist read words? */
export function reads(artist) {
  return artist.takes === "caption" || artist.takes === "story";
}

/** The prompt, or why there is none. */
export function Asking({ artist, desk, change, onSurprise, unknown }) {
  const button = html`<button type="button" id="surprise" onClick=${onSurprise}>
    <${Icon} name="dice" /> Surprise me
  </button>`;
  if (artist.takes === "nothing") {
    return html`<p class="soft">${artist.id} draws without being told what. Throw the dice.</p>`;
  }
  if (artist.takes !== "attributes" && artist.takes !== "labelset" && !reads(artist)) {
    return html`<p class="soft">${artist.id} takes ${artist.takes} requests: this page has no way to ask for them.</p>`;
  }
  if (!reads(artist)) {
    return html`<div class="row spread">
      <p class="soft">${artist.id} is told by values, not words: choose some.</p>
      ${button}
    </div>`;
  }
  const placeholder = artist.examples[0] ?? "Say what to draw";
  return html`<div>
    <div class="asking">
      <${Prompt} id="prompt" text=${desk.text} placeholder=${placeholder} onInput=${(text) => change({ text })} />
      ${button}
    </div>
    <${Unknown} unknown=${unknown} />
    <${Hints} artist=${artist} asked=${desk.asked} />
  </div>`;
}

/** What one should know of a request that is more than a line. */
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
export function Values({ artist, phrases, desk, change }) {
  if (artist.takes === "labelset") {
    return html`<${Labels} labels=${artist.labels} chosen=${desk.labels} onChange=${(labels) => change({ labels })} />`;
  }
  if (!phrases?.things.length) return null;
  if (artist.takes === "attributes") {
    const choose = (name, value) => change({ values: chosenValues(desk.values, name, value) });
    return html`<${Chips} phrases=${phrases} chosen=${desk.values} onChoose=${choose} nothing />`;
  }
  if (!reads(artist)) return null;
  const write = (name, value) => change({ text: phrases.choose(desk.text, name, value) });
  return html`<${Chips} phrases=${phrases} chosen=${phrases.heard(desk.text)} onChoose=${write} />`;
}

/** Return values with one of them changed, or left out where it is null. */
function chosenValues(values, name, value) {
  const { [name]: _, ...rest } = values;
  return value === null ? rest : { ...rest, [name]: value };
}

/** Some labels by chance, one at least: without any, nothing is asked. */
function someLabels(labels) {
  const sure = pick(labels);
  return labels.filter((label) => label === sure || Math.random() < 0.3);
}

/** What a press on "Surprise me" changes. */
export function surprised(artist, phrases) {
  const seed = chance();
  if (artist.takes === "attributes") return { seed, values: surpriseValues(artist.attributes, {}) };
  if (artist.takes === "labelset") return { seed, labels: someLabels(artist.labels) };
  if (!reads(artist) || !phrases) return { seed };
  return { seed, text: surprise(phrases, "", artist.examples) };
}
