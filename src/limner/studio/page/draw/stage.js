// The stage: the picture as large as there is room, on the colour of its own corner; what is seen in it; its tools.

import { Crisp } from "../crisp.js";
import { captionsOf, isBlend, withWords, wordsField } from "../fields.js";
import { useKeeping } from "../hearts.js";
import { html, say } from "../lang.js";
import { Share } from "../links.js";
import { ErrorLine, Heart, Icon, IconButton, PngImage } from "../parts.js";
import { randomSeed } from "../random.js";
import { Side, useSave, useSide } from "../saving.js";
import { useRef } from "../vendor/preact.js";
import { Alive } from "./alive.js";
import { Overlay } from "./attention.js";
import { toggleFull, useCorner } from "./corner.js";
import { writtenDown } from "./groups.js";
import { Loading } from "./loading.js";
import { Face, Faces } from "./opening.js";
import { goBack, goForward } from "./seen.js";
import { Sight } from "./sight.js";
import { kindIn } from "./state.js";
import { beside } from "./timeline.js";

/**
 * The stage, with the form below; `all` is what `useDrawState` returns, `rested` and `looks` what
 * `useRested` and `useLooks` do. `onOpen(name)`
 * hears of a thing that was pressed in what is seen.
 */
export function Stage({ artist, phrases, all, sight, rested, looks, opening, onOpen, children }) {
  const { drawn, error, again } = all;
  const place = useRef(null);
  const corner = useCorner(drawn?.picture.png);
  const keeping = useKeeping(() => drawn && all.keep(), { doubled: true });
  const alt = drawn ? sight?.all || drawn.text || say`A picture` : "";
  return html`<section ref=${place} class=${opening ? "stage easel opens" : "stage easel"} aria-label="The picture"
    style=${corner ? { "--corner": corner } : {}}>
    <div class="board">
      ${opening && html`<${Faces} artist=${artist} opening=${opening} press=${all.press} />`}
      <div class=${`frame${all.waits ? " waits" : ""}${error ? " stale" : ""}`} aria-busy=${all.waits} ...${keeping}>
        <${PngImage} id="picture" png=${drawn?.picture.png} drawn=${drawn?.text} alt=${alt} />
        <${Crisp} artist=${artist} drawn=${drawn} hidden=${all.waits || Boolean(error)} />
        <${Alive} artist=${artist} drawn=${drawn} />
        <${Loading} artist=${artist} drawn=${drawn} />
        ${opening?.face && html`<${Face} face=${opening.face} id="typed-face" />`}
        <${Overlay} look=${looks.look} word=${looks.word} />
      </div>
      <${IconButton} id="full" name="whole" label="The whole screen for the picture" class="icon whole"
        onClick=${() => toggleFull(place.current)} />
    </div>
    ${
      artist.can.seen &&
      html`<div class="row seeing">
        <${Sight} sight=${sight} onOpen=${onOpen} />
        ${sight && html`<${Hold} artist=${artist} phrases=${phrases} all=${all} sight=${sight} rested=${rested} />`}
      </div>`
    }
    ${drawn?.picture.text !== undefined && html`<p class="said" id="answer">${drawn.picture.text}</p>`}
    <${ErrorLine} error=${error} />
    ${error && html`<div><button type="button" onClick=${again}>Try again</button></div>`}
    <${Tools} artist=${artist} all=${all} />
    ${children}
  </section>`;
}

/** Buttons for the picture. */
function Tools({ artist, all }) {
  const { drawn, kept, keep, press, line } = all;
  const [side, setSide] = useSide();
  const [busy, save] = useSave();
  return html`<div class="row tools">
    <${Heart} id="keep" kept=${kept} disabled=${!drawn} onClick=${keep} />
    <button type="button" id="another" onClick=${() => press({ seed: randomSeed() })}>
      <${Icon} name="dice" /> Another like this
    </button>
    <button type="button" id="back" disabled=${beside(line, -1) === null} onClick=${() => goBack(all)}>
      <${Icon} name="back" /> Back
    </button>
    <button type="button" id="forward" class="on" disabled=${beside(line, 1) === null} onClick=${() => goForward(all)}>
      Forward <${Icon} name="back" />
    </button>
    <${IconButton} id="save" name="save" label="Save as a PNG" disabled=${!drawn || busy}
      onClick=${() => save(drawn.picture, side)} />
    <${Side} side=${side} onSide=${setSide} />
    <${Share} disabled=${!drawn} picture=${drawn?.picture} />
    <${EditLayout} artist=${artist} all=${all} />
  </div>`;
}

/** Write into the words all that is there, so that what is changed next is all that changes. */
function Hold({ artist, phrases, all, sight, rested: [rested, isNow] }) {
  const { state, press } = all;
  const kind = kindIn(artist, state);
  if (!wordsField(kind)) return null;
  const hold = () => {
    const isPlaced = phrases.things.some(({ placed }) => placed);
    const text = isPlaced ? sight.all : writtenDown(kind, phrases, state, isNow ? rested.seen : sight.seen);
    press({ said: withWords(kind, state.said, text), seed: state.seed });
  };
  return html`<button type="button" id="hold" class="small" onClick=${hold}>Write down all that is there</button>`;
}

/** Of an artist that says what it placed, and takes such: ask for just that, to move it about with the same seed. */
function EditLayout({ artist, all }) {
  const { state, change, drawn } = all;
  const kind = artist.requests.find(({ fields }) => fields.some(({ type }) => type === "boxes"));
  const { boxes, points = [], masks = [] } = drawn?.picture ?? {};
  if (!kind || !boxes?.length) return null;
  const { request } = drawn.row;
  const caption = isBlend(request) ? "" : (captionsOf(request)[0] ?? "");
  const said = withWords(kind, { boxes, points, masks }, caption);
  const edit = () => change({ kind: kind.kind, said, seed: state.seed });
  return html`<button type="button" id="edit-layout" onClick=${edit}>Edit what is placed</button>`;
}
