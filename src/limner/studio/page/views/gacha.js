// Gacha: pictures by chance without an end, of what was said and whatever was not.

import { usePhrases } from "../draw/chips.js";
import { Wild } from "../draw/knobs.js";
import { Prompt } from "../draw/prompt.js";
import { Fields, Values } from "../draw/request_form.js";
import { kindIn, requestOf } from "../draw/state.js";
import { useEndless } from "../endless.js";
import { changed, completed, leavesOpen, withWords, wordsField, wordsIn } from "../fields.js";
import { html, say, told } from "../lang.js";
import { ErrorLine, Icon, Title, useShared, useStored } from "../parts.js";
import { randomSeed } from "../random.js";
import { Block, End } from "../tiles.js";
import { useEffect, useState } from "../vendor/preact.js";

const BLOCK = 24;
const ABOUT = "Pictures by chance for as long as you scroll. Keep those you like; press one to draw on with it.";

export default function Gacha() {
  const { artist } = useShared();
  const phrases = usePhrases(artist);
  if (!phrases) return html`<p class="soft">Opening ...</p>`;
  return html`<${Sheet} key=${artist.id} artist=${artist} phrases=${phrases} />`;
}

function Sheet({ artist, phrases }) {
  const [asked, setAsked] = useStored(`sheet.${artist.id}`, { kind: null, said: {}, open: true });
  const change = (changes) => setAsked((old) => changed(old, changes));
  const [paused, setPaused] = useState(false);
  const [near, setNear] = useState(false);
  const visible = useVisible();
  const make = () => rowOf(artist, phrases, asked);
  const canAsk = rowOf(artist, phrases, asked) !== null;
  const wanted = canAsk && !paused && near && visible;
  const { knobs = {} } = asked;
  const { pictures, busy, error, more } = useEndless(artist, { key: JSON.stringify(asked), make, knobs, wanted });
  const blocks = Array.from({ length: Math.ceil(pictures.length / BLOCK) }, (_, i) =>
    pictures.slice(i * BLOCK, (i + 1) * BLOCK),
  );
  return html`<div class="stack" id="gacha">
    <${Title} text="Endless">${told(ABOUT)}<//>
    <${RequestForm} artist=${artist} phrases=${phrases} asked=${asked} change=${change} />
    <div class="bar">
      <button type="button" id="pause" onClick=${() => setPaused(!paused)}>
        <${Icon} name=${paused ? "play" : "pause"} /> ${paused ? say`Go on` : say`Pause`}
      </button>
      ${leavesOpen(kindIn(artist, asked)) && html`<${Open} open=${asked.open} onChange=${(open) => change({ open })} />`}
      <div class="wild"><${Wild} id="wild" artist=${artist} values=${knobs} onChange=${(next) => change({ knobs: next })} /></div>
      <span class="soft small" id="count">${pictures.length} pictures</span>
    </div>
    ${!canAsk && html`<p class="empty">Say something, or let chance say what is not said.</p>`}
    ${blocks.map((some, i) => html`<${Block} key=${i} pictures=${some} />`)}
    <${ErrorLine} error=${error} />
    <${End} onSeen=${setNear}>
      ${canAsk && html`<${More} busy=${busy} onMore=${more} />`}
    <//>
  </div>`;
}

function Open({ open, onChange }) {
  return html`<label class="row">
    <input id="open" type="checkbox" checked=${open} onChange=${(event) => onChange(event.target.checked)} />
    Surprise me with what is not said
  </label>`;
}

function More({ busy, onMore }) {
  return html`<button type="button" id="more" disabled=${busy} onClick=${onMore}>
    ${busy ? say`Drawing ...` : say`More`}
  </button>`;
}

/** What stays the same on the sheet. */
function RequestForm({ artist, phrases, asked, change }) {
  const kind = kindIn(artist, asked);
  const placeholder = "What all have in common: round glasses, say";
  return html`<div class="stack">
    ${
      wordsField(kind) &&
      html`<${Prompt}
        id="prompt"
        label="What all have in common"
        text=${wordsIn(kind, asked.said)}
        placeholder=${told(placeholder)}
        onInput=${(text) => change({ said: withWords(kind, asked.said, text) })}
      />`
    }
    <${Fields} kind=${kind} state=${asked} change=${change} />
    ${
      kind.asks &&
      html`<details class="fold chosen-by">
        <summary>Choose</summary>
        <${Values} artist=${artist} phrases=${phrases} state=${asked} change=${change} />
      </details>`
    }
  </div>`;
}

/** Return a row by chance, or null where nothing is asked for. */
function rowOf(artist, phrases, asked) {
  const kind = kindIn(artist, asked);
  const said = asked.open ? completed(kind, asked.said, artist, phrases) : asked.said;
  const request = requestOf(artist, { ...asked, said, asked: null });
  return request && { request, seed: randomSeed() };
}

/** Is this tab the one that is looked at? */
function useVisible() {
  const [visible, setVisible] = useState(!document.hidden);
  useEffect(() => {
    const changed = () => setVisible(!document.hidden);
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, []);
  return visible;
}
