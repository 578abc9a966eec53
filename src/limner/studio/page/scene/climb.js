// "Watch it grow": an artist that climbs draws for a while, and its drafts fill a strip. One may stop at any of them, go on
// from one as from a picture, or give new words from there.

import { encoded } from "../draw/encoded.js";
import { Knobs } from "../draw/knobs.js";
import { Prompt } from "../draw/prompt.js";
import { requestOf, withWords, wordsIn } from "../fields.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import { ErrorLine, Icon, IconButton, PngImage, useShared, useStored, useWork } from "../parts.js";
import { randomSeed } from "../random.js";
import { percent, textOf } from "../requests.js";
import { Side, useSave, useSide } from "../saving.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";
import { useHistory } from "./history.js";
import { beginningKind, sayingKind } from "./kinds.js";

const TYPED = 800; // milliseconds; each climb takes seconds, so that words are waited for

/** The climb of an artist. */
export function Climb({ artist }) {
  const kind = sayingKind(artist);
  const fresh = { said: withWords(kind, {}, artist.examples[0] ?? ""), from: "", seed: randomSeed(), knobs: {} };
  const [state, set] = useStored(`climb.${artist.id}`, fresh);
  const change = (changes) => set((old) => ({ ...old, ...changes }));
  const climb = useClimb(artist, state);
  const [at, setAt] = useState(null);
  const words = useRef(null);
  useEffect(() => setAt(null), [state]);
  const shown = climb.stages[at ?? climb.stages.length - 1] ?? null;
  const whole = climb.picture && (at === null || shown === climb.stages.at(-1)) ? climb.picture : null;
  useHistory(climb.picture);
  return html`<div class="stack scene-climb" aria-busy=${climb.busy}>
    <div class="asking" ref=${words}>
      <${Prompt} id="climb-words" label="What the picture shows" text=${wordsIn(kind, state.said)}
        placeholder=${artist.examples[0] ?? ""} onInput=${(text) => change({ said: withWords(kind, state.said, text) })} />
      <button type="button" id="climb-anew" onClick=${() => change({ from: "", seed: randomSeed(), knobs: withoutDone(state.knobs) })}>
        <${Icon} name="dice" /> Begin anew
      </button>
    </div>
    ${state.from && html`<${From} png=${state.from} onDrop=${() => change({ from: "", knobs: withoutDone(state.knobs) })} />`}
    <${ErrorLine} error=${climb.error} />
    <div class="scene-two">
      <${Shown} stage=${shown} picture=${whole} text=${wordsIn(kind, state.said)} />
      <div class="stack">
        <${Progress} climb=${climb} />
        <${Doing} artist=${artist} state=${state} climb=${climb} shown=${shown} at=${at} change=${change}
          onWords=${() => words.current.querySelector("textarea").focus()} />
        <${Knobs} artist=${artist} values=${state.knobs} onChange=${(knobs) => change({ knobs })} />
      </div>
    </div>
    <${Strip} stages=${climb.stages} at=${at ?? climb.stages.length - 1} onAt=${setAt} />
  </div>`;
}

/** Return the request of a state: of words, or from a draft, and words. */
function requestIn(artist, { said, from }) {
  const asked = requestOf(sayingKind(artist), said);
  const kind = from && beginningKind(artist);
  if (!kind || !asked) return asked;
  const [picture, request] = ["picture", "request"].map((type) => kind.fields.find((field) => field.type === type));
  return requestOf(kind, { [picture.name]: from, [request.name]: asked });
}

/**
 * Climb as the state says, anew when that changes: {stages, picture, busy, error, stop, goOn}. A stage is {png, note,
 * progress, draft}; `stop(draft)` ends it there, with a picture that has its recipe.
 */
function useClimb(artist, state) {
  const { studio } = useShared();
  const [now, setNow] = useState({ stages: [], picture: null, busy: false, error: null });
  const running = useRef(null);
  const request = requestIn(artist, state);
  const row = request && { request, seed: state.seed };
  const key = JSON.stringify([row, state.knobs]);
  const put = (changes) => setNow((old) => ({ ...old, ...(typeof changes === "function" ? changes(old) : changes) }));
  const begin = async () => {
    running.current?.abort();
    const stopping = new AbortController();
    running.current = stopping;
    const { signal } = stopping;
    put({ stages: [], picture: null, busy: true, error: null });
    try {
      for await (const stage of studio.watch(artist.id, row, { knobs: state.knobs, signal })) {
        if (signal.aborted) return;
        const last = { ...stage, note: stage.note ?? say`the picture`, progress: stage.progress ?? 1 };
        put((old) => ({ stages: [...old.stages, last], picture: stage.recipe ? stage : null }));
      }
      put({ busy: false });
    } catch (error) {
      if (!signal.aborted) put({ busy: false, error });
    }
  };
  const stop = async (stage) => {
    running.current?.abort();
    const stopping = new AbortController();
    running.current = stopping;
    put((old) => ({ stages: old.stages.slice(0, old.stages.indexOf(stage) + 1), busy: true, error: null }));
    try {
      const options = { knobs: state.knobs, stop: stage.draft, signal: stopping.signal };
      const [picture] = await studio.draw(artist.id, [row], options);
      put({ picture, busy: false });
    } catch (error) {
      if (!stopping.signal.aborted) put({ busy: false, error });
    }
  };
  useEffect(() => {
    if (!row) return undefined;
    const timer = setTimeout(begin, now.stages.length ? TYPED : 0);
    return () => clearTimeout(timer);
  }, [key]);
  useEffect(() => () => running.current?.abort(), []);
  const isStopped = !now.busy && Boolean(now.picture?.recipe.stopped);
  return { ...now, row, isStopped, begin, stop };
}

/** The picture that a climb set out from. */
function From({ png, onDrop }) {
  return html`<div class="row" id="climb-from">
    <img width="48" height="48" alt="Where it began" src=${`data:image/png;base64,${png}`} />
    <span class="soft">It begins from this draft.</span>
    <button type="button" class="plain small" onClick=${onDrop}>Begin from nothing</button>
  </div>`;
}

function Shown({ stage, picture, text }) {
  const [side, setSide] = useSide();
  const [busy, save] = useSave();
  const png = picture?.png ?? stage?.png;
  return html`<section class="stack" aria-label="The picture">
    <div class="frame">
      <${PngImage} id="climb-picture" png=${png} drawn=${picture ? textOf(picture.recipe.request) : (stage?.note ?? "")} alt=${text} />
    </div>
    <div class="row tools">
      <${HeartOf} id="keep-climb" picture=${picture} />
      <${IconButton} id="save-climb" name="save" label="Save as a PNG" disabled=${!picture || busy}
        onClick=${() => save(picture, side)} />
      <${Side} id="climb-side" side=${side} onSide=${setSide} />
    </div>
    ${picture?.text && html`<p class="said">${picture.text}</p>`}
  </section>`;
}

function Progress({ climb }) {
  const { stages, busy, isStopped } = climb;
  const last = stages.at(-1);
  const share = last?.progress ?? 0;
  const told = isStopped ? say`Stopped after ${last?.note}` : (last?.note ?? say`Drawing ...`);
  return html`<div class="stack climb-progress">
    <progress max="1" value=${share} aria-label="How far it is"></progress>
    <p class="soft small" role="status" id="climb-told">${told}${busy && last ? ` · ${percent(share)}` : ""}</p>
  </div>`;
}

/** What can be done while it climbs, and with the draft that is shown. */
function Doing({ artist, state, climb, shown, at, change, onWords }) {
  const { fail } = useShared();
  const [busy, busyWhile] = useWork(fail);
  const canStop = shown?.draft !== undefined && shown?.progress < 1;
  const canBegin = beginningKind(artist) && shown;
  const from = (more) =>
    busyWhile(async () => {
      const pixels = await encoded(new File([shown.png], "draft.png", { type: "image/png" }));
      change({ from: pixels, knobs: { ...withoutDone(state.knobs), ...more } });
    });
  const goOn = from(laterSteps(artist, state, shown));
  const words = async () => {
    await from({})();
    onWords();
  };
  return html`<div class="row">
    <button type="button" id="climb-stop" class="primary" disabled=${!canStop} onClick=${() => climb.stop(shown)}>
      <${Icon} name="pause" /> ${at === null ? say`Stop here` : say`Stop at this draft`}
    </button>
    ${climb.isStopped && html`<button type="button" id="climb-on" onClick=${climb.begin}><${Icon} name="play" /> Let it go on</button>`}
    ${
      beginningKind(artist) &&
      html`<button type="button" id="climb-from-here" disabled=${!canBegin || busy} onClick=${goOn}>
          <${Icon} name="again" /> Go on from this
        </button>
        <button type="button" id="climb-words-here" disabled=${!canBegin || busy} onClick=${words}>
          <${Icon} name="pencil" /> New words from here
        </button>`
    }
  </div>`;
}

function withoutDone({ done: _, ...knobs }) {
  return knobs;
}

/** Return the knob that goes on with steps as small as they were, for artists that have it. */
function laterSteps(artist, { knobs }, shown) {
  const known = Object.fromEntries(artist.knobs.map((knob) => [knob.name, knob.default]));
  if (!shown || !("done" in known)) return {};
  const steps = knobs.steps ?? known.steps;
  const done = Math.floor(shown.progress * steps);
  return done < steps ? { done } : {};
}

/** The drafts as they come, the oldest first. */
function Strip({ stages, at, onAt }) {
  const strip = useRef(null);
  useEffect(() => {
    strip.current.scrollTo({ left: strip.current.scrollWidth });
  }, [stages.length]);
  return html`<ol class="strip climbed" ref=${strip} tabindex="0" aria-label="Drafts">
    ${stages.map(
      (stage, i) => html`<li key=${i}>
        <button type="button" class="open" aria-pressed=${i === at} aria-label=${stage.note} onClick=${() => onAt(i)}>
          <${PngImage} png=${stage.png} alt="" />
        </button>
        <span class="small soft">${stage.note}</span>
      </li>`,
    )}
  </ol>`;
}
