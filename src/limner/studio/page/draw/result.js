// The result in the draw view: the picture, its tools, the attention of its words, and its drafts.

import { Crisp } from "../crisp.js";
import { captionsOf, isBlend, withWords, wordsField } from "../fields.js";
import { useKeeping } from "../hearts.js";
import { html, say } from "../lang.js";
import { Share } from "../links.js";
import { ErrorLine, Heart, Icon, IconButton, PngImage, useStored } from "../parts.js";
import { Side, useSave, useSide } from "../saving.js";
import { useState } from "../vendor/preact.js";
import { Overlay, useAttention, Words } from "./attention.js";
import { Drafts } from "./drafts.js";
import { Loading } from "./loading.js";
import { Sight, useSight } from "./sight.js";
import { kindIn } from "./state.js";

/** Show what is drawn; `all` is what `useDrawState` returns. */
export function Result({ artist, phrases, all }) {
  const { drawn, error, again } = all;
  const [wanted, setWanted] = useStored("looks", false);
  const [word, setWord] = useState(null);
  const [at, setAt] = useState(null);
  const canLook = artist.can.attention;
  const found = useAttention(artist, drawn, canLook && wanted);
  const last = found ? found.looks.length - 1 : 0;
  const look = found && (found.looks[at] ?? found.looks[last]);
  const keeping = useKeeping(() => drawn && all.keep(), { doubled: true });
  const sight = useSight(artist, phrases, drawn);
  const alt = drawn ? sight?.all || drawn.text || say`A picture` : "";
  return html`<section class="card stack easel" aria-label="The picture">
    <div class=${`frame${all.waits ? " waits" : ""}${error ? " stale" : ""}`} aria-busy=${all.waits} ...${keeping}>
      <${PngImage} id="picture" png=${drawn?.picture.png} drawn=${drawn?.text} alt=${alt} />
      <${Crisp} artist=${artist} drawn=${drawn} hidden=${all.waits || Boolean(error)} />
      <${Loading} artist=${artist} drawn=${drawn} />
      <${Overlay} look=${look} word=${word} />
    </div>
    ${artist.can.seen && html`<${Sight} sight=${sight} />`}
    ${sight && html`<${Hold} artist=${artist} all=${all} sight=${sight} />`}
    ${drawn?.picture.text !== undefined && html`<p class="said" id="answer">${drawn.picture.text}</p>`}
    <${ErrorLine} error=${error} />
    ${error && html`<div><button type="button" onClick=${again}>Try again</button></div>`}
    <${Tools} artist=${artist} all=${all} />
    ${canLook && html`<${Wanted} wanted=${wanted} onWanted=${setWanted} />`}
    ${
      canLook &&
      wanted &&
      html`<${Words} found=${found} word=${word} onWord=${setWord} look=${at ?? last} onLook=${setAt} />`
    }
    <${Drafts} artist=${artist} drawn=${drawn} />
  </section>`;
}

/** Write into the words all that is there, so that what is changed next is all that changes. */
function Hold({ artist, all, sight }) {
  const { state, press } = all;
  const kind = kindIn(artist, state);
  if (!wordsField(kind)) return null;
  const hold = () => press({ said: withWords(kind, state.said, sight.all) });
  return html`<div><button type="button" id="hold" class="small" onClick=${hold}>Write down all that is there</button></div>`;
}

function Wanted({ wanted, onWanted }) {
  return html`<label class="row small">
    <input id="looks" type="checkbox" checked=${wanted} onChange=${(event) => onWanted(event.target.checked)} />
    Show where each word is looked at
  </label>`;
}

/** Buttons for the picture. */
function Tools({ artist, all }) {
  const { drawn, kept, keep, visit } = all;
  const [side, setSide] = useSide();
  const [busy, save] = useSave();
  const go = (view, text) =>
    html`<button type="button" disabled=${!drawn} onClick=${() => visit(view)}>
      <${Icon} name=${view} /> ${text}
    </button>`;
  return html`<div class="row tools">
    <${Heart} id="keep" kept=${kept} disabled=${!drawn} onClick=${keep} />
    <${IconButton} id="save" name="save" label="Save as a PNG" disabled=${!drawn || busy}
      onClick=${() => save(drawn.picture, side)} />
    <${Side} side=${side} onSide=${setSide} />
    <${Share} disabled=${!drawn} picture=${drawn?.picture} />
    <${EditLayout} artist=${artist} all=${all} />
    ${artist.can.morph && go("morph", "Morph")} ${go("mix", "Mix")} ${go("walk", "Film")}
  </div>`;
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
