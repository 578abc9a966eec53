// Draw: a prompt, and the picture of it, anew with every key.

import { usePhrases } from "../draw/chips.js";
import { useKeys } from "../draw/keys.js";
import { Knobs } from "../draw/knobs.js";
import { RequestForm, surprised, Values } from "../draw/request_form.js";
import { Result } from "../draw/result.js";
import { Seed } from "../draw/seeds.js";
import { Size } from "../draw/size.js";
import { kindIn, stateOf, storeState, useDrawState } from "../draw/state.js";
import { Uploads } from "../draw/uploads.js";
import { artistOf, notHere } from "../drawn.js";
import { withWords } from "../fields.js";
import { Title, useShared } from "../parts.js";
import { randomSeed } from "../random.js";
import { html, useEffect, useState } from "../vendor/preact.js";

/** The view; `?picture=ID` opens a picture of the gallery. */
export default function Draw({ route }) {
  const { artist } = useShared();
  const [opened, isOpening] = useOpened(route.query.picture);
  if (isOpening) return html`<p class="soft">Opening ...</p>`;
  return html`<${Drawing} key=${`${artist.id} ${opened}`} artist=${artist} />`;
}

/** Open a picture with its artist; return how many were opened, and whether one is being opened. */
function useOpened(id) {
  const { studio, artists, choose, fail } = useShared();
  const [opened, setOpened] = useState(0);
  useEffect(() => {
    if (!id) return;
    const open = async () => {
      const entry = await studio.gallery.get(id);
      const artist = artistOf(artists, entry);
      if (!artist) throw new Error(notHere(entry));
      storeState(artist, stateOf(artist, entry));
      choose(artist.id);
      setOpened((n) => n + 1);
    };
    open()
      .catch(fail)
      .finally(() => location.replace("#/draw"));
  }, [id]);
  return [opened, Boolean(id)];
}

function Drawing({ artist }) {
  const all = useDrawState(artist);
  const { state, change, drawn } = all;
  const phrases = usePhrases(artist);
  const onSurprise = () => change(surprised(artist, phrases, state));
  const say = (text) => change({ said: withWords(kindIn(artist, state), state.said, text) });
  const shortcuts = useKeys(shortcutsOf(all, onSurprise));
  return html`<div class="stack draw">
    <${Title} text="Draw" />
    <${RequestForm}
      artist=${artist}
      state=${state}
      change=${change}
      onSurprise=${onSurprise}
      unknown=${drawn?.picture.unknown}
    />
    <div class="two">
      <${Result} artist=${artist} all=${all} />
      <section class="stack" aria-label="How it is drawn">
        <${SeedRow} state=${state} change=${change} />
        <${Values} artist=${artist} phrases=${phrases} state=${state} change=${change} />
        <${Size} artist=${artist} size=${state.size} onSize=${(size) => change({ size })} />
        <${Knobs} artist=${artist} values=${state.knobs} onChange=${(knobs) => change({ knobs })} />
        <${Uploads} artist=${artist} onSeed=${(seed) => change({ seed })} onText=${say} />
      </section>
    </div>
    ${shortcuts}
  </div>`;
}

/** The seed, and the way to the list of shortcuts. */
function SeedRow({ state, change }) {
  const show = () => document.getElementById("shortcuts").showModal();
  return html`<div class="card row spread">
    <${Seed}
      seed=${state.seed}
      locked=${state.locked}
      onSeed=${(seed) => change({ seed })}
      onLock=${() => change({ locked: !state.locked })}
    />
    <button type="button" class="plain small" onClick=${show}>Shortcuts <kbd>?</kbd></button>
  </div>`;
}

function shortcutsOf({ state, change, drawn, keep, visit }, onSurprise) {
  return {
    "/": ["Go to the prompt", () => document.getElementById("prompt")?.focus()],
    d: ["Throw the dice", () => change({ seed: randomSeed() })],
    s: ["Surprise me", onSurprise],
    l: ["Lock or open the seed", () => change({ locked: !state.locked })],
    k: ["Keep the picture", () => drawn && keep()],
    m: ["Mix it with another", () => drawn && visit("mix")],
    w: ["Walk from it", () => drawn && visit("walk")],
  };
}
