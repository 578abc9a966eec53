// Draw: a prompt, and the picture of it, anew with every key.

import { usePhrases } from "../draw/chips.js";
import { toggleFull } from "../draw/corner.js";
import { Drafts } from "../draw/drafts.js";
import { FilmIt } from "../draw/filming.js";
import { useKeys } from "../draw/keys.js";
import { Knobs } from "../draw/knobs.js";
import { Looks, useLooks } from "../draw/looks.js";
import { useOpening } from "../draw/opening.js";
import { Fields, RequestForm, surprised } from "../draw/request_form.js";
import { useRested } from "../draw/rested.js";
import { Seed } from "../draw/seeds.js";
import { goBack, goForward, Seen } from "../draw/seen.js";
import { Siblings, useKin } from "../draw/siblings.js";
import { useSight } from "../draw/sight.js";
import { Size } from "../draw/size.js";
import { Stage } from "../draw/stage.js";
import { kindIn, stateOf, storedState, storeState, useDrawState } from "../draw/state.js";
import { Tray, useTray } from "../draw/tray.js";
import { Uploads } from "../draw/uploads.js";
import { artistOf, notHere } from "../drawn.js";
import { withWords } from "../fields.js";
import { html, say } from "../lang.js";
import { isLink, linkOf, readLink } from "../links.js";
import { Icon, Title, useShared } from "../parts.js";
import { randomSeed } from "../random.js";
import { reloaded, shows, write } from "../routes.js";
import { Study } from "../study.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const RESTS = 300; // milliseconds; browsers limit how often an address may change

/** The view; `?picture=ID` opens a picture of the gallery, a link what it says. */
export default function Draw({ route }) {
  const { artist } = useShared();
  const [opened, isOpening] = useOpened(route.query);
  if (isOpening) return html`<p class="soft">Opening ...</p>`;
  return html`<${Drawing} key=${`${artist.id} ${opened}`} artist=${artist} route=${route} />`;
}

/** Open what a link asks, with its artist; return which was opened last, and whether one is being opened. */
function useOpened(query) {
  const { studio, artists, artist: here, choose, notify, fail } = useShared();
  const [opened, setOpened] = useState(null);
  const asked = isLink(query) ? JSON.stringify(query) : null;
  useEffect(() => {
    if (asked === null || asked === opened) return;
    const open = async () => {
      const { artist, state, remark } = await stateAsked(query, studio, artists, here);
      const shown = storedState(artist);
      if (!shown || linkOf(artist, shown) !== linkOf(artist, state)) storeState(artist, state);
      if (remark) notify(remark);
      choose(artist.id);
    };
    open()
      .catch(fail)
      .finally(() => setOpened(asked));
  }, [asked]);
  return [opened, asked !== null && asked !== opened];
}

async function stateAsked(query, studio, artists, here) {
  if (!query.picture) return readLink(query, artists, here);
  const entry = await studio.gallery.get(query.picture);
  const artist = artistOf(artists, entry);
  if (!artist) throw new Error(notHere(entry));
  return { artist, state: stateOf(artist, entry), remark: null };
}

/** Let the address be the picture that is shown, once it rests, and for a reload at the latest then. */
function useAddress(artist, state, route) {
  const newest = useRef(null);
  newest.current = { artist, state };
  const link = () => linkOf(newest.current.artist, newest.current.state);
  useEffect(() => {
    const timer = setTimeout(() => write(link()), RESTS);
    return () => clearTimeout(timer);
  }, [artist, state, route]);
  useEffect(() => {
    const leave = () => reloaded(link());
    addEventListener("pagehide", leave);
    shows(link);
    return () => {
      removeEventListener("pagehide", leave);
      shows(null);
    };
  }, []);
}

function Drawing({ artist, route }) {
  const { artists, choose } = useShared();
  const phrases = usePhrases(artist);
  const all = useDrawState(artist, phrases);
  const { state, change, press, drawn } = all;
  const sight = useSight(artist, phrases, drawn);
  const rested = useRested(artist, phrases, all, sight);
  const tray = useTray(artist, phrases, all, rested);
  const looks = useLooks(artist, drawn);
  const opening = useOpening(artist, all);
  const onSurprise = () => press(surprised(artist, phrases, state, tray.pins, sight?.seen));
  const onWords = (text) => press({ said: withWords(kindIn(artist, state), state.said, text) });
  useAddress(artist, state, route);
  const shortcuts = useKeys(shortcutsOf(all, onSurprise));
  return html`<div class="make draw">
    <${Title} text="Make" />
    <${Stage} artist=${artist} phrases=${phrases} all=${all} sight=${sight} rested=${rested} looks=${looks}
      opening=${opening} onOpen=${tray.visit}>
      <${Study} artist=${artist} artists=${artists} choose=${choose} />
      <${RequestForm} artist=${artist} phrases=${phrases} state=${state} change=${change} press=${press}
        onSurprise=${onSurprise} onMark=${(name, isByKey) => (isByKey ? tray.visit(name) : tray.show(name))}
        unknown=${drawn?.picture.unknown} denied=${all.denied} typed=${opening?.typed ?? undefined} />
    <//>
    <section class="side stack" aria-label="How it is drawn">
      <${Looks} looks=${looks} />
      <${Fields} kind=${kindIn(artist, state)} state=${state} change=${change} />
      <${Tray} artist=${artist} phrases=${phrases} all=${all} tray=${tray} rested=${rested} />
      <${Onward} artist=${artist} phrases=${phrases} all=${all} pins=${tray.pins} rested=${rested} />
      <${SeedRow} all=${all} />
      <${Size} artist=${artist} size=${state.size} onSize=${(size) => press({ size })} />
      <${Knobs} artist=${artist} values=${state.knobs} onChange=${(knobs) => change({ knobs })} />
      <${Uploads} artist=${artist} onSeed=${(seed) => press({ seed })} onText=${onWords} />
    </section>
    <div class="stack under">
      <${Drafts} artist=${artist} drawn=${drawn} />
      <${Seen} artist=${artist} phrases=${phrases} all=${all} />
    </div>
    ${shortcuts}
  </div>`;
}

/** Brothers and sisters, and the ways on from a picture. */
function Onward({ artist, phrases, all, pins, rested }) {
  const family = useKin(artist, phrases, rested, pins);
  const { drawn, visit } = all;
  const go = (view, text) =>
    html`<button type="button" disabled=${!drawn} onClick=${() => visit(view)}><${Icon} name=${view} /> ${text}</button>`;
  return html`<${Siblings} artist=${artist} all=${all} rested=${rested} family=${family} />
    <div class="row" role="group" aria-label="Go on from it" id="ways">
      <${FilmIt} artist=${artist} drawn=${drawn} rows=${family.kin.map(({ row }) => row)} onLonger=${() => visit("walk")} />
      ${artist.can.morph && go("morph", say`Morph`)} ${go("mix", say`Mix`)}
    </div>`;
}

/** The seed, and the way to the list of shortcuts. */
function SeedRow({ all: { state, change, press, lock } }) {
  const show = () => document.getElementById("shortcuts").showModal();
  return html`<div class="row spread">
    <${Seed}
      seed=${state.seed}
      locked=${state.locked}
      onSeed=${(seed) => change({ seed })}
      onDice=${() => press({ seed: randomSeed() })}
      onLock=${lock}
    />
    <button type="button" class="plain small" onClick=${show}>Shortcuts <kbd>?</kbd></button>
  </div>`;
}

function shortcutsOf(all, onSurprise) {
  const { press, lock, drawn, keep, visit } = all;
  return {
    "/": ["Go to the prompt", () => document.getElementById("prompt")?.focus()],
    d: ["Throw the dice", () => press({ seed: randomSeed() })],
    s: ["Surprise me", onSurprise],
    l: ["Lock or open chance", lock],
    k: ["Keep the picture", () => drawn && keep()],
    f: ["The whole screen for the picture", () => toggleFull(document.querySelector(".stage"))],
    "Alt+↓": ["From a word that is underlined to what can stand in its place", () => {}],
    m: ["Mix it with another", () => drawn && visit("mix")],
    w: ["A film that begins with it", () => drawn && visit("walk")],
    "Ctrl+Z": ["Back to what was seen before, words and all", () => goBack(all)],
    "Ctrl+Shift+Z": ["Forward again", () => goForward(all)],
  };
}
