// The first and the last step of a scene: its words, and the chance of its picture.

import { Knobs } from "../draw/knobs.js";
import { Prompt } from "../draw/prompt.js";
import { byChance, withWords, wordsField, wordsIn } from "../fields.js";
import { html } from "../lang.js";
import { Icon } from "../parts.js";
import { randomSeed } from "../random.js";

/** The words, or for artists that take labels the dice. */
export function WordsStep({ artist, kind, phrases, state, put }) {
  const field = wordsField(kind);
  const isHeld = state.locked.words;
  const surprise = () => put({ said: byChance(kind, artist, field ? phrases : null) });
  return html`<div class="asking">
    ${
      field &&
      html`<${Prompt} id="scene-words" label="What the picture shows" text=${wordsIn(kind, state.said)} readonly=${isHeld}
        placeholder=${artist.examples[0] ?? field.about} onInput=${(text) => put({ said: (said) => withWords(kind, said, text) })} />`
    }
    <button type="button" id="scene-surprise" disabled=${isHeld || (field && !phrases)} onClick=${surprise}>
      <${Icon} name="dice" /> Surprise me
    </button>
  </div>`;
}

/** The chance of the picture: all that is placed stays. */
export function PictureStep({ artist, state, change, press }) {
  const another = () => press((old) => ({ ...old, seeds: { ...old.seeds, picture: randomSeed() } }));
  return html`<div class="card stack">
    <div class="row">
      <button type="button" id="another-picture" onClick=${another}>
        <${Icon} name="dice" /> Another picture of this layout
      </button>
      <span class="soft small" id="scene-chance">Chance ${state.seeds.picture}</span>
    </div>
    <${Knobs} artist=${artist} values=${state.knobs} onChange=${(knobs) => change((old) => ({ ...old, knobs }))} />
  </div>`;
}
