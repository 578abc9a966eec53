// Draw: a prompt, and the picture of it, anew with every key.

import { chance } from "../chance.js";
import { Asking, surprised, Values } from "../draw/asking.js";
import { usePhrases } from "../draw/chips.js";
import { deskOf, layDesk, useDesk } from "../draw/desk.js";
import { Easel } from "../draw/easel.js";
import { useKeys } from "../draw/keys.js";
import { Knobs } from "../draw/knobs.js";
import { Seed } from "../draw/seeds.js";
import { Uploads } from "../draw/uploads.js";
import { artistOf, notHere } from "../drawn.js";
import { Title, useShared } from "../parts.js";
import { html, useEffect, useState } from "../vendor/preact.js";

/** The view; `?picture=ID` lays a picture of the gallery on the desk. */
export default function Draw({ route }) {
  const { artist } = useShared();
  const [laid, isOpening] = useOpened(route.query.picture);
  if (isOpening) return html`<p class="soft">Opening ...</p>`;
  return html`<${Desk} key=${`${artist.id} ${laid}`} artist=${artist} />`;
}

/** Lay a picture on the desk of its artist; return how many were laid, and whether one is under way. */
function useOpened(id) {
  const { studio, artists, choose, fail } = useShared();
  const [laid, setLaid] = useState(0);
  useEffect(() => {
    if (!id) return;
    const open = async () => {
      const entry = await studio.gallery.get(id);
      const artist = artistOf(artists, entry);
      if (!artist) throw new Error(notHere(entry));
      layDesk(artist, deskOf(artist, entry));
      choose(artist.id);
      setLaid((n) => n + 1);
    };
    open()
      .catch(fail)
      .finally(() => location.replace("#/draw"));
  }, [id]);
  return [laid, Boolean(id)];
}

function Desk({ artist }) {
  const all = useDesk(artist);
  const { desk, change, drawn } = all;
  const phrases = usePhrases(artist);
  const onSurprise = () => change(surprised(artist, phrases));
  const shortcuts = useKeys(shortcutsOf(all, onSurprise));
  return html`<div class="stack draw">
    <${Title} text="Draw" />
    <${Asking}
      artist=${artist}
      desk=${desk}
      change=${change}
      onSurprise=${onSurprise}
      unknown=${drawn?.picture.unknown}
    />
    <div class="two">
      <${Easel} artist=${artist} all=${all} />
      <section class="stack" aria-label="How it is drawn">
        <${Chance} desk=${desk} change=${change} />
        <${Values} artist=${artist} phrases=${phrases} desk=${desk} change=${change} />
        <${Knobs} artist=${artist} values=${desk.knobs} onChange=${(knobs) => change({ knobs })} />
        <${Uploads} artist=${artist} onSeed=${(seed) => change({ seed })} onText=${(text) => change({ text })} />
      </section>
    </div>
    ${shortcuts}
  </div>`;
}

/** The seed, and the way to the list of shortcuts. */
function Chance({ desk, change }) {
  const show = () => document.getElementById("shortcuts").showModal();
  return html`<div class="card row spread">
    <${Seed}
      seed=${desk.seed}
      locked=${desk.locked}
      onSeed=${(seed) => change({ seed })}
      onLock=${() => change({ locked: !desk.locked })}
    />
    <button type="button" class="plain small" onClick=${show}>Shortcuts <kbd>?</kbd></button>
  </div>`;
}

function shortcutsOf({ desk, change, drawn, keep, visit }, onSurprise) {
  return {
    "/": ["Go to the prompt", () => document.getElementById("prompt")?.focus()],
    d: ["Throw the dice", () => change({ seed: chance() })],
    s: ["Surprise me", onSurprise],
    l: ["Lock or open the seed", () => change({ locked: !desk.locked })],
    k: ["Keep the picture", () => drawn && keep()],
    m: ["Mix it with another", () => drawn && visit("mix")],
    w: ["Walk from it", () => drawn && visit("walk")],
  };
}
