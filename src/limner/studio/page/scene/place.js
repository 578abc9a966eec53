// "Place it": words, boxes, shapes and the picture, one after the other; each can be changed and held, and only what
// follows is drawn again.

import { CrispRow } from "../crisp.js";
import { usePhrases } from "../draw/chips.js";
import { Fields, Values } from "../draw/request_form.js";
import { useVisit } from "../drawn.js";
import { wordsField } from "../fields.js";
import { HeartOf, useHeartOf, useKeeping } from "../hearts.js";
import { html, say } from "../lang.js";
import { ErrorLine, Icon, IconButton, PngImage } from "../parts.js";
import { randomSeed } from "../random.js";
import { textOf } from "../requests.js";
import { Side, useSave, useSide } from "../saving.js";
import { useSteps } from "../steps.js";
import { useRef, useState } from "../vendor/preact.js";
import { Adding, Chosen, PointsLeft, ShapeTools } from "./box_tools.js";
import { cut, Ground, lies, tint } from "./ground.js";
import { useHistory } from "./history.js";
import { placingKind, sayingKind } from "./kinds.js";
import { added, copied, removed, renamed, reordered, shaped, shapes, withBox, withPoint } from "./placed.js";
import { useScene, useSceneState } from "./state.js";
import { PictureStep, WordsStep } from "./step_tools.js";

const STEPS = ["words", "boxes", "shapes", "picture"];
const TOGETHER = 300; // milliseconds; what changes faster, as in a drag, is undone in one

/** The editor of an artist that is told where things lie. */
export function Place({ artist }) {
  const [state, change] = useSceneState(artist);
  const { undo, apart } = useSteps(state, change, TOGETHER);
  const press = (next) => {
    apart();
    change(next);
  };
  const scene = useScene(artist, state);
  const [step, setStep] = useState(sayingKind(artist) ? "words" : "boxes");
  const [chosen, setChosen] = useState(null);
  const [lit, setLit] = useState(null);
  useHistory(scene.picture);
  const now = scene.placed ?? { boxes: [], points: [], masks: [] };
  const at = chosen !== null && chosen < now.boxes.length ? chosen : null;
  const edit = useEdits({ change, press }, now, at, setChosen);
  const all = { artist, state, change, press, scene, now, at, edit, step };
  return html`<div class="stack scene-place" aria-busy=${scene.busy}>
    <${Steps} all=${all} onStep=${setStep} onUndo=${undo} />
    <${Tools} all=${all} />
    <${ErrorLine} error=${scene.error} />
    <div class="scene-two">
      <${Layout} all=${all} setChosen=${setChosen} setLit=${setLit} />
      <${Picture} artist=${artist} state=${state} scene=${scene} box=${now.boxes[lit ?? at]} mask=${now.masks[lit ?? at]} />
    </div>
    <p class="soft small" role="status" id="scene-told">${scene.busy ? say`Drawing ...` : ""}</p>
  </div>`;
}

/** Return what changes what is placed: whatever it is, the boxes are held from then on. */
function useEdits({ change, press }, now, at, setChosen) {
  const newest = useRef(now);
  newest.current = now;
  const edited = (put) => (make) =>
    put((old) => {
      const shown = { ...newest.current, masks: old.shaped ?? newest.current.masks };
      const next = make(old.placed ? { ...shown, ...old.placed } : shown);
      const seeds = old.locked.picture ? old.seeds : { ...old.seeds, picture: randomSeed() };
      return { ...old, seeds, placed: { boxes: next.boxes, points: next.points }, shaped: old.shaped && shapes(next) };
    });
  const [edit, make] = [change, press].map(edited);
  const go = (place) => {
    setChosen(place);
    setTimeout(() => document.querySelector(`[data-box="${place}"]`)?.focus());
  };
  const actions = {
    remove: (place) => {
      make((one) => removed(one, place));
      if (now.boxes.length > 1) go(Math.max(0, place - 1));
    },
    copy: (place) => {
      make((one) => copied(one, place)[0]);
      go(now.boxes.length);
    },
    forward: (place) => {
      make((one) => reordered(one, place, 1)[0]);
      go(Math.min(place + 1, now.boxes.length - 1));
    },
    back: (place) => {
      make((one) => reordered(one, place, -1)[0]);
      go(Math.max(0, place - 1));
    },
  };
  const add = (box) => {
    make((one) => added(one, box));
    go(now.boxes.length);
  };
  return { edit, make, add, act: (action, place = at) => actions[action](place) };
}

/** The steps, each with its lock. */
function Steps({ all, onStep, onUndo }) {
  const { artist, state, press, scene, now, step } = all;
  const kind = sayingKind(artist);
  const names = STEPS.filter((name) => (name !== "words" || kind) && (name !== "shapes" || scene.hasShapes));
  const held = heldSteps(state);
  const hold = {
    words: () => press((old) => ({ ...old, locked: { ...old.locked, words: !held.words } })),
    boxes: () => press((old) => ({ ...old, shaped: null, placed: held.boxes ? null : laid(now) })),
    shapes: () => press((old) => ({ ...old, placed: laid(now), shaped: held.shapes ? null : shapes(now) })),
    picture: () => press((old) => ({ ...old, locked: { ...old.locked, picture: !held.picture } })),
  };
  return html`<div class="row" role="group" aria-label="Steps">
    ${names.map((name, i) => {
      const label = held[name] ? say`Let go: ${stepName(name)}` : say`Hold: ${stepName(name)}`;
      return html`<span class="step" key=${name}>
        <button type="button" aria-pressed=${name === step} data-step=${name} onClick=${() => onStep(name)}>
          ${i + 1} ${stepName(name)}
        </button>
        <${IconButton} name=${held[name] ? "lock" : "unlock"} label=${label} aria-pressed=${held[name]}
          data-hold=${name} disabled=${name !== "words" && name !== "picture" && (!scene.placed || (!kind && name === "boxes"))}
          onClick=${hold[name]} />
      </span>`;
    })}
    <${IconButton} name="back" id="scene-undo" label="Undo" onClick=${onUndo} />
  </div>`;
}

function stepName(name) {
  return { words: say`words`, boxes: say`boxes`, shapes: say`shapes`, picture: say`picture` }[name];
}

function heldSteps({ locked, placed, shaped: masks }) {
  return { words: locked.words, boxes: placed !== null, shapes: masks !== null, picture: locked.picture };
}

function laid({ boxes, points = [] }) {
  return { boxes, points };
}

/** What can be done in a step. */
function Tools({ all }) {
  const { artist, state, change, press, step } = all;
  const phrases = usePhrases(artist);
  const kind = sayingKind(artist);
  const put = (changes) =>
    change((old) => {
      const said = typeof changes.said === "function" ? changes.said(old.said) : changes.said;
      const seeds = old.locked.picture ? old.seeds : { ...old.seeds, picture: randomSeed() };
      return { ...old, said: said ?? old.said, seeds };
    });
  if (step === "words") {
    return html`<div class="card stack">
      <${WordsStep} artist=${artist} kind=${kind} phrases=${phrases} state=${state} put=${put} />
      ${!wordsField(kind) && html`<${Values} artist=${artist} phrases=${phrases} state=${{ ...state, kind: kind.kind }} change=${put} />`}
      <${Fields} kind=${{ ...kind, fields: kind.fields.filter(({ type }) => type !== "labels") }} state=${state} change=${put} />
    </div>`;
  }
  if (step === "picture")
    return html`<${PictureStep} artist=${artist} state=${state} change=${change} press=${press} />`;
  return html`<div class="card stack">${step === "boxes" ? html`<${BoxTools} all=${all} />` : html`<${Shapes} all=${all} />`}</div>`;
}

function BoxTools({ all }) {
  const { artist, press, state, now, at, edit, scene } = all;
  const kind = placingKind(artist);
  const [boxes, points] = ["boxes", "points"].map((type) => kind.fields.find((field) => field.type === type));
  const another = () =>
    press((old) => ({ ...old, placed: null, shaped: null, seeds: { ...old.seeds, boxes: randomSeed() } }));
  const addPoint = (name) => edit.make((one) => ({ ...one, points: [...one.points, [name, 0.5, 0.5]] }));
  return html`<div class="row" id="box-tools">
      ${boxes && html`<${Adding} labels=${boxes.choices} isFull=${now.boxes.length >= boxes.most} onAdd=${edit.add} />`}
      ${points && html`<${PointsLeft} names=${points.choices} points=${now.points ?? []} onAdd=${addPoint} />`}
      ${
        sayingKind(artist) &&
        html`<button type="button" id="another-layout" disabled=${!scene.placed} onClick=${another}>
        <${Icon} name="dice" /> Another layout
      </button>`
      }
    </div>
    ${
      at === null
        ? html`<p class="soft small" id="chosen-box">Choose a box to name it, to copy it, or to take it out.</p>`
        : html`<${Chosen} box=${now.boxes[at]} at=${at} count=${now.boxes.length} labels=${boxes.choices} onAct=${edit.act}
      onRename=${(label) => edit.make((one) => renamed(one, at, label))} />`
    }
    <p class="soft small">
      ${
        state.placed
          ? say`You hold these boxes: words do not move them any more.`
          : say`The artist places these boxes. Move one, and they are yours.`
      }
    </p>
    <p class="soft small">Drag a box, or one of its handles; draw on the ground for one more; a double click names it anew.
      Arrow keys move it, with Shift or Alt they stretch it; Ctrl+D copies, Page Up and Page Down change the order, Delete
      takes it out.</p>`;
}

function Shapes({ all }) {
  const { press, now, at } = all;
  const others = () => press((old) => ({ ...old, shaped: null, seeds: { ...old.seeds, shapes: randomSeed() } }));
  const put = (mask) =>
    press((old) => {
      const held = { ...now, masks: old.shaped ?? now.masks };
      return { ...old, placed: laid(now), shaped: shapes(shaped(held, at, mask)) };
    });
  return html`<div class="row">
      <button type="button" id="other-shapes" onClick=${others}><${Icon} name="dice" /> Other shapes</button>
    </div>
    ${
      at === null
        ? html`<p class="soft small">Choose a box to change its shape.</p>`
        : html`<${ShapeTools} key=${at} box=${now.boxes[at]} mask=${shapes(now)[at]} onShape=${put} />`
    }`;
}

/** The layout, to be changed by hand. */
function Layout({ all, setChosen, setLit }) {
  const { artist, now, at, edit } = all;
  const field = placingKind(artist).fields.find(({ type }) => type === "boxes");
  const isFull = !field || now.boxes.length >= field.most;
  const label = () => now.boxes.at(-1)?.[0] ?? field.choices[0] ?? "";
  const on = {
    box: (i, box) => edit.edit((one) => withBox(one, i, box)),
    added: isFull ? null : ([, ...sides]) => edit.add([label(), ...sides]),
    act: edit.act,
    renamed: (i, next) => edit.make((one) => renamed(one, i, next)),
    point: (i, x, y) => edit.edit((one) => withPoint(one, i, x, y)),
    pointRemoved: (i) => edit.edit((one) => ({ ...one, points: one.points.filter((_, k) => k !== i) })),
    chosen: setChosen,
    lit: setLit,
  };
  return html`<${Ground} placed=${now} labels=${field?.choices ?? []} chosen=${at} on=${on} />`;
}

/** The picture, in which the place of a box lights up. */
function Picture({ artist, state, scene, box, mask }) {
  const { picture, row } = scene;
  const visit = useVisit();
  const [side, setSide] = useSide();
  const [busy, save] = useSave();
  const { toggle } = useHeartOf(picture);
  const keeping = useKeeping(() => picture && toggle(), { doubled: true });
  const field = placingKind(artist).fields.find(({ type }) => type === "boxes");
  const alt = row ? textOf(row.request) || say`A picture` : "";
  const isAble = artist.gives.includes("images");
  return html`<section class="stack" aria-label="The picture">
    <div class="frame" ...${keeping}>
      <${PngImage} id="scene-picture" png=${picture?.png} drawn=${JSON.stringify(row)} alt=${alt} />
      ${picture && isAble && html`<${CrispRow} artist=${artist} row=${row} knobs=${state.knobs} picture=${picture} />`}
      ${
        box &&
        html`<div class="lit" id="lit" style=${lies(box)}>
          ${mask && html`<div class=${`mask tint-${tint(field?.choices ?? [], box[0])}`} style=${cut(mask)}></div>`}
        </div>`
      }
    </div>
    <div class="row tools">
      <${HeartOf} id="keep-scene" picture=${picture} />
      <${IconButton} id="save-scene" name="save" label="Save as a PNG" disabled=${!picture || busy}
        onClick=${() => save(picture, side)} />
      <${Side} id="scene-side" side=${side} onSide=${setSide} />
      <button type="button" disabled=${!picture} onClick=${() => visit("draw", picture)}>
        <${Icon} name="pencil" /> Open in Make
      </button>
      ${
        artist.can.morph &&
        html`<button type="button" disabled=${!picture} onClick=${() => visit("mix", picture)}>
        <${Icon} name="mix" /> Family
      </button>`
      }
    </div>
  </section>`;
}
