// "Tell it": what the picture shows, and then question after question with its answer. Each has the picture as it was by
// then, and where an answer changes, only what follows is drawn again.

import { usePhrases } from "../draw/chips.js";
import { Knobs } from "../draw/knobs.js";
import { useRows } from "../drawn.js";
import { requestOf, wordsField } from "../fields.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import { DeferredField, ErrorLine, Icon, IconButton, PngImage, useStored } from "../parts.js";
import { randomSeed } from "../random.js";
import { Side, useSave, useSide } from "../saving.js";
import { useSteps } from "../steps.js";
import { useRef, useState } from "../vendor/preact.js";
import { isNot } from "../words/grammar.js";
import { useHistory } from "./history.js";
import { tellingKind } from "./kinds.js";

const SUGGESTED = 3; // questions at once
const ANSWERS = 8; // of each, at most

/** The dialogue of an artist that takes dialogues. */
export function Tell({ artist }) {
  const fresh = { caption: artist.examples[0] ?? "", turns: [], seed: randomSeed(), knobs: {} };
  const [state, set] = useStored(`tell.${artist.id}`, fresh);
  const change = (changes) => set((old) => ({ ...old, ...changes }));
  useSteps(state, set);
  const rows = rowsOf(artist, state);
  const { pictures, busy, error } = useRows(artist, rows, state.knobs);
  const last = useRef(null);
  const picture = pictures.at(-1) ?? null;
  if (picture) last.current = picture;
  useHistory(picture);
  return html`<div class="stack scene-tell" aria-busy=${busy}>
    <${ErrorLine} error=${error} />
    <div class="scene-two">
      <${Told} picture=${last.current} isThere=${picture !== null} state=${state} change=${change} artist=${artist} />
      <div class="stack">
        <${Bubbles} state=${state} change=${change} pictures=${pictures} />
        <${Asking} artist=${artist} state=${state} change=${change} />
      </div>
    </div>
  </div>`;
}

/** Return a row for the caption and one for each turn, all of one seed. */
function rowsOf(artist, { caption, turns, seed }) {
  const kind = tellingKind(artist);
  const field = kind.fields.find(({ type }) => type === "turns");
  const words = wordsField(kind);
  const rows = [...Array(turns.length + 1).keys()].map((count) => {
    const said = { [words.name]: caption, [field.name]: turns.slice(0, count) };
    return { request: requestOf(kind, said), seed };
  });
  return rows.filter(({ request }) => request);
}

/** The picture after all that was said. */
function Told({ picture, isThere, state, change, artist }) {
  const [side, setSide] = useSide();
  const [busy, save] = useSave();
  const told = [state.caption, ...state.turns.map((turn) => turn.join(" "))].join(". ");
  return html`<section class="stack scene-now" aria-label="The picture">
    <div class="frame">
      <${PngImage} id="told-picture" png=${picture?.png} drawn=${String(state.turns.length)} alt=${picture ? told : ""} />
    </div>
    <div class="row tools">
      <${HeartOf} id="keep-told" picture=${isThere ? picture : null} />
      <${IconButton} id="save-told" name="save" label="Save as a PNG" disabled=${!isThere || busy}
        onClick=${() => save(picture, side)} />
      <${Side} id="told-side" side=${side} onSide=${setSide} />
      <button type="button" id="told-dice" onClick=${() => change({ seed: randomSeed() })}>
        <${Icon} name="dice" /> Another picture
      </button>
    </div>
    <${Knobs} artist=${artist} values=${state.knobs} onChange=${(knobs) => change({ knobs })} />
  </section>`;
}

/** What was asked and answered, each answer with its picture. */
function Bubbles({ state, change, pictures }) {
  const { caption, turns } = state;
  const put = (at, turn) => change({ turns: turns.map((old, i) => (i === at ? turn : old)) });
  const drop = (at) => change({ turns: turns.filter((_, i) => i !== at) });
  return html`<ol class="bubbles" aria-label="What was asked and answered">
    <${Turn} question=${say`What is in the picture?`} answer=${caption} picture=${pictures[0]}
      onAnswer=${(next) => next && change({ caption: next })} label="What is in the picture?" />
    ${turns.map(
      ([question, answer], i) => html`<${Turn} key=${i} question=${question} answer=${answer} picture=${pictures[i + 1]}
        label=${question} onQuestion=${(next) => put(i, [next, answer])}
        onAnswer=${(next) => (next ? put(i, [question, next]) : drop(i))} onDrop=${() => drop(i)} />`,
    )}
  </ol>`;
}

function Turn({ question, answer, picture, label, onQuestion, onAnswer, onDrop }) {
  const typed = (put) => (event) => put(event.target.value.trim());
  return html`<li class="turn-of">
    ${
      onQuestion
        ? html`<${DeferredField} class="bubble asks" value=${question} maxlength="500" aria-label=${say`Question: ${label}`}
            onChange=${typed((next) => next && onQuestion(next))} />`
        : html`<p class="bubble asks">${question}</p>`
    }
    <div class="answered">
      ${onDrop && html`<${IconButton} name="close" label=${say`Take it out: ${label}`} onClick=${onDrop} />`}
      <${DeferredField} class="bubble answers" value=${answer} maxlength="1000" placeholder="Say what there is"
        aria-label=${say`Answer: ${label}`}
        title="Change this answer: only what follows is drawn again" onChange=${typed(onAnswer)} />
      <span class="thumb">${picture && html`<${PngImage} png=${picture.png} alt="" />`}</span>
    </div>
  </li>`;
}

/** Ask what is not said yet, or anything. */
function Asking({ artist, state, change }) {
  const phrases = usePhrases(artist);
  const [asked, setAsked] = useState(null);
  const [own, setOwn] = useState({ question: "", answer: "" });
  const open = phrases ? suggested(phrases, state) : [];
  const now = open.find(({ question }) => question === asked) ?? open[0];
  const most = tellingKind(artist).fields.find(({ type }) => type === "turns").most;
  const add = (question, answer) => {
    change({ turns: [...state.turns, [question, answer]] });
    setAsked(null);
  };
  const send = (event) => {
    event.preventDefault();
    const [question, answer] = [own.question.trim() || now?.question, own.answer.trim()];
    if (!question || !answer) return;
    add(question, answer);
    setOwn({ question: "", answer: "" });
  };
  if (state.turns.length >= most) return html`<p class="soft">More than ${most} answers it does not read.</p>`;
  return html`<section class="stack" aria-label="What is not said yet">
    ${
      now &&
      html`<div class="stack" id="suggested">
        <div class="row" role="group" aria-label="Suggested questions">
          ${open.slice(0, SUGGESTED).map(
            ({
              question,
            }) => html`<button type="button" class="bubble asks" key=${question} aria-pressed=${question === now.question}
              onClick=${() => setAsked(question)}>${question}</button>`,
          )}
        </div>
        <div class="row" role="group" aria-label=${say`Answers: ${now.question}`}>
          ${now.answers.map(
            (answer) => html`<button type="button" class="chip" key=${answer} data-answer=${answer}
              onClick=${() => add(now.question, answer)}>${answer}</button>`,
          )}
        </div>
      </div>`
    }
    <form class="stack" onSubmit=${send}>
      <input type="text" id="own-question" maxlength="500" aria-label="A question of your own" value=${own.question}
        placeholder=${now?.question ?? "how many are there?"} onInput=${(event) => setOwn({ ...own, question: event.target.value })} />
      <div class="asking">
        <input type="text" id="own-answer" class="grow" maxlength="1000" aria-label="Its answer" value=${own.answer}
          placeholder="two" onInput=${(event) => setOwn({ ...own, answer: event.target.value })} />
        <button class="primary" id="send-answer" disabled=${!own.answer.trim() || !(own.question.trim() || now)}>Answer</button>
      </div>
    </form>
  </section>`;
}

/** Return questions about what was not said yet, in the order of the attributes, with the answers that fit. */
export function suggested(phrases, { caption, turns }) {
  const said = phrases.valuesIn([caption, ...turns.flat()].join("\n"));
  const asked = new Set(turns.map(([question]) => question));
  const found = phrases.things.flatMap((thing) =>
    Object.entries(thing.parts).map(([part, name]) => ({
      name,
      question: part === "main" ? `what is the ${thing.name}?` : `what ${part} is the ${thing.name}?`,
      answers: phrases.attributes[name].filter((value) => !isNot(value)).slice(0, ANSWERS),
    })),
  );
  return found.filter(({ name, question, answers }) => !(name in said) && !asked.has(question) && answers.length);
}
