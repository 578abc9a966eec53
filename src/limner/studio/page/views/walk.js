// Walk: one request, while its noise moves from seed to seed; played, and saved as a film.

import { useEntry, useRows, VisitButton } from "../drawn.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import { DeferredField, ErrorLine, Icon, IconButton, Slider, Title, useArtist } from "../parts.js";
import { Begin, PickButton } from "../picker.js";
import { Frames, Player } from "../player.js";
import { randomSeed } from "../random.js";
import { frames, seedBetween, seedText, textOf } from "../requests.js";
import { go } from "../routes.js";
import { useEffect, useMemo, useState } from "../vendor/preact.js";

const MAX_SEEDS = 12;

export default function Walk({ route }) {
  const { entry, artist, error } = useEntry(route.query.picture);
  const here = useArtist();
  return html`<div class="stack">
    <${Title} text="Film">What is asked stays, chance moves on: a film of one character in many shapes.<//>
    <${ErrorLine} error=${error} />
    ${
      !route.query.picture &&
      html`<${Begin} artist=${here} onPick=${({ id }) => go("walk", { picture: id })}>
      Choose the picture to set out from.
    <//>`
    }
    ${artist && html`<${Way} key=${entry.id} entry=${entry} artist=${artist} />`}
  </div>`;
}

/** The walk that begins at a picture. */
function Way({ entry, artist }) {
  const { request, knobs, seed } = entry.recipe;
  const [seeds, setSeeds] = useState(() => [seed, randomSeed(), randomSeed()]);
  const [each, setEach] = useState(8);
  const [at, setAt] = useState(0);
  const { rows, wrong } = useMemo(() => rowsOf(request, seeds, each), [seeds, each]);
  const { pictures, busy, error } = useRows(artist, rows, knobs);
  useEffect(() => setAt((now) => Math.min(now, rows.length - 1)), [rows.length]);
  const place = Math.min(at, rows.length - 1);
  const ready = pictures.filter(Boolean).length;
  const text = textOf(request) || artist.id;
  const named = (i) => `${text}, frame ${i + 1}`;
  const strip = frames(request) > 1;
  return html`<div class=${strip ? "two strips" : "two"}>
    <div id="walk" class="card stack" aria-busy=${busy}>
      <${Player} pngs=${pictures.map((one) => one?.png ?? null)} name="walk" at=${place} onAt=${setAt}
        named=${named} />
      <p class="soft state" role="status">${busy && say`Drawing ${ready} of ${rows.length} frames ...`}</p>
      <${ErrorLine} error=${error ?? wrong} />
    </div>
    <div class="stack">
      <p class="said">${text}</p>
      <${Seeds} seeds=${seeds} setSeeds=${setSeeds} artist=${artist} each=${each} onAt=${setAt} />
      <${Slider} id="each" label="Frames from each to the next" value=${each} min=${2} max=${24} step=${1}
        onInput=${setEach} />
      <${Frame} picture=${pictures[place]} parents=${[entry.id]} story=${strip} />
      <${Frames} pictures=${pictures} at=${place} onAt=${setAt} parents=${[entry.id]} named=${named} />
    </div>
  </div>`;
}

function rowsOf(request, seeds, each) {
  const rows = [];
  try {
    seeds.slice(1).forEach((to, n) => {
      for (let i = 0; i < each; i++) rows.push({ request, seed: seedBetween(seeds[n], to, i / each) });
    });
    rows.push({ request, seed: seeds.at(-1) });
    return { rows, wrong: null };
  } catch (wrong) {
    return { rows: seeds.map((seed) => ({ request, seed })), wrong };
  }
}

/** The seeds of a walk, in order. */
function Seeds({ seeds, setSeeds, artist, each, onAt }) {
  const change = (place, seed) => setSeeds(seeds.map((one, i) => (i === place ? seed : one)));
  const swap = (place) =>
    setSeeds([...seeds.slice(0, place - 1), seeds[place], seeds[place - 1], ...seeds.slice(place + 1)]);
  const drop = (place) => setSeeds(seeds.filter((_, i) => i !== place));
  const full = seeds.length >= MAX_SEEDS;
  return html`<section aria-label="Chances" class="stack">
    <ol class="seeds">
      ${seeds.map(
        (seed, i) => html`<li key=${i} class="row">
          <${SeedBox} seed=${seed} number=${i + 1} onChange=${(next) => change(i, next)}
            onShow=${() => onAt(i * each)} />
          <${IconButton} name="dice" label=${say`Another chance ${i + 1}`} onClick=${() => change(i, randomSeed())} />
          <${IconButton} name="back" class="icon up" label=${say`Chance ${i + 1} earlier`} disabled=${i === 0}
            onClick=${() => swap(i)} />
          <${IconButton} name="close" label=${say`Take chance ${i + 1} out`} disabled=${seeds.length < 3}
            onClick=${() => drop(i)} />
        </li>`,
      )}
    </ol>
    <div class="row">
      <button type="button" id="add-seed" disabled=${full} onClick=${() => setSeeds([...seeds, randomSeed()])}>
        <${Icon} name="plus" /> Another by chance
      </button>
      <button type="button" disabled=${full} onClick=${() => setSeeds([...seeds, seeds[0]])}>Back to the first</button>
      ${
        !full &&
        html`<${PickButton} label="Chance of a picture" fits=${(entry) => entry.recipe.checkpoint === artist.checkpoint}
        onPick=${(entry) => setSeeds([...seeds, entry.recipe.seed])} />`
      }
    </div>
  </section>`;
}

/** A seed that is a number can be typed; others are told in words. */
function SeedBox({ seed, number, onChange, onShow }) {
  const show = html`<button type="button" class="plain" aria-label=${say`Show chance ${number}`} onClick=${onShow}>
    ${number}
  </button>`;
  if (typeof seed !== "number") return html`${show}<span class="seed soft">${seedText(seed)}</span>`;
  const typed = (event) => {
    const next = Number(event.target.value);
    if (Number.isSafeInteger(next) && next >= 0 && event.target.value !== "") onChange(next);
  };
  return html`${show}
    <${DeferredField} class="seed" type="number" min="0" value=${seed} aria-label=${say`Chance ${number}`} onChange=${typed} />`;
}

/** What can be done with the frame that is shown. */
function Frame({ picture, parents, story }) {
  return html`<section class="row" aria-label="This frame">
    <${HeartOf} id="keep-frame" picture=${picture} parents=${parents} />
    <span>Keep this frame</span>
    ${
      !story &&
      html`<${VisitButton} view="draw" icon="pencil" label="Open in draw" picture=${picture} parents=${parents} />`
    }
  </section>`;
}
