// Mix: children of two pictures. What is asked changes from row to row, the noise from column to column.

import { CrispRow } from "../crisp.js";
import { artistOf, useEntry, useMoving, useRows, useVisit, VisitButton } from "../drawn.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import { ErrorLine, GalleryPicture, PngImage, Slider, Title, useArtist, useShared, useStored } from "../parts.js";
import { Begin, PickButton } from "../picker.js";
import { between, frames, percent, same, seedBetween, textOf } from "../requests.js";
import { go } from "../routes.js";
import { useMemo, useState } from "../vendor/preact.js";

const SIDES = [3, 4, 5, 6];

export default function Mix({ route }) {
  const { picture, with: other } = route.query;
  const here = useArtist();
  const first = useEntry(picture);
  const second = useEntry(other);
  const apart = first.artist && second.artist && first.artist !== second.artist;
  const choose = (changes) => go("mix", { ...route.query, ...changes });
  return html`<div class="stack">
    <${Title} text="Mix">Two parents, and all that lies between them: children can be parents again.<//>
    <${ErrorLine} error=${first.error ?? second.error} />
    ${
      !picture &&
      html`<${Begin} artist=${here} onPick=${({ id }) => choose({ picture: id })}>Choose the first parent.<//>`
    }
    ${picture && html`<${Parents} first=${first} second=${second} choose=${choose} />`}
    ${
      apart &&
      html`<p class="error" role="alert">
      ${first.artist.id} drew one and ${second.artist.id} the other: only pictures of one artist mix.
      Choose another parent.
    </p>`
    }
    ${
      first.artist &&
      !other &&
      html`<${Begin} artist=${first.artist} onPick=${({ id }) => choose({ with: id })}
      fits=${(entry, artist) => artist === first.artist && entry.id !== picture}>
      Now the second, by ${first.artist.id} too.
    <//>`
    }
    ${
      first.artist &&
      second.artist &&
      !apart &&
      html`<${Children} key=${`${picture} ${other}`} first=${first.entry} second=${second.entry}
      artist=${first.artist} />`
    }
  </div>`;
}

/** The two, and what changes them. */
function Parents({ first, second, choose }) {
  const swap = () => choose({ picture: second.entry.id, with: first.entry.id });
  return html`<section class="row parents" aria-label="Parents">
    <${Parent} entry=${first.entry} label="First parent" onPick=${({ id }) => choose({ picture: id })} id="pick-first" />
    ${
      second.entry &&
      html`<button type="button" onClick=${swap} disabled=${!first.entry}>Swap</button>
      <${Parent} entry=${second.entry} label="Second parent" onPick=${({ id }) => choose({ with: id })} id="pick-second"
        with=${first.entry} />`
    }
  </section>`;
}

function Parent({ entry, label, onPick, id, with: other }) {
  const { artists } = useShared();
  if (!entry) return null;
  const fits = (_, artist) => !other || artist === artistOf(artists, other);
  return html`<figure class="parent">
    <${GalleryPicture} entry=${entry} />
    <figcaption>
      <strong>${label}</strong>
      <span class="soft cut">${textOf(entry.recipe.request)}</span>
      <${PickButton} id=${id} label="Another" fits=${fits} onPick=${onPick} />
    </figcaption>
  </figure>`;
}

function Children({ first, second, artist }) {
  const strip = frames(first.recipe.request) > 1;
  const [side, setSide] = useStored(strip ? "mix.strips" : "mix.side", strip ? 3 : innerWidth < 500 ? 4 : 5);
  const [chosen, setChosen] = useState({ words: artist.can.morph ? 0.5 : 0, noise: 0.5 });
  const { recipe: a } = first;
  const { recipe: b } = second;
  const isBlending = artist.can.morph;
  const { grid, wrong } = useMemo(() => gridOf(a, b, side, isBlending), [first, second, side]);
  const { pictures, busy, error } = useRows(
    artist,
    grid.map(({ row }) => row),
    a.knobs,
  );
  const ready = pictures.filter(Boolean).length;
  const parents = [first.id, second.id];
  return html`<div class="two mixed">
    <section class="stack" aria-label="Children" aria-busy=${busy}>
      <div class="row spread">
        <label class="row">Children a side
          <select id="side" value=${side} onChange=${(event) => setSide(Number(event.target.value))}>
            ${SIDES.map((n) => html`<option key=${n} value=${n}>${n}</option>`)}
          </select>
        </label>
        <span class="soft" role="status">${busy && say`Drawing ${ready} of ${grid.length} ...`}</span>
      </div>
      <${ErrorLine} error=${wrong ?? error} />
      <p class="soft axis">→ chance of the second ${!same(a.request, b.request) && "· ↓ words of the second"}</p>
      ${
        !isBlending &&
        html`<p class="soft axis">What ${artist.id} is told does not blend: a child has it of one parent.</p>`
      }
      <${Grid} grid=${grid} pictures=${pictures} chosen=${chosen} onChoose=${setChosen} parents=${parents} />
    </section>
    ${
      !wrong &&
      html`<${Child} a=${a} b=${b} artist=${artist} chosen=${chosen} setChosen=${setChosen} parents=${parents} />`
    }
  </div>`;
}

/**
 * Tiles with their shares and rows. Where both parents ask the same, or have one seed, the grid is a line; where words
 * do not blend, a child has those of one parent.
 */
function gridOf(a, b, side, isBlending) {
  const steps = Array.from({ length: side }, (_, i) => i / (side - 1));
  const down = same(a.request, b.request) ? [0] : isBlending ? steps : [0, 1];
  const across = same(a.seed, b.seed) ? [0] : steps;
  try {
    const grid = down.flatMap((words) => across.map((noise) => ({ words, noise, row: child(a, b, words, noise) })));
    return { grid, wrong: null };
  } catch (wrong) {
    return { grid: [], wrong };
  }
}

function child(a, b, words, noise) {
  return { request: between(a.request, b.request, words), seed: seedBetween(a.seed, b.seed, noise) };
}

function Grid({ grid, pictures, chosen, onChoose, parents }) {
  const columns = new Set(grid.map(({ noise }) => noise)).size;
  const strip = grid.some(({ row }) => frames(row.request) > 1);
  return html`<ul class=${`grid grid-${strip ? 1 : columns}${strip ? " strips" : ""}`}>
    ${grid.map(({ words, noise }, i) => {
      const on = Math.abs(words - chosen.words) < 1e-3 && Math.abs(noise - chosen.noise) < 1e-3;
      return html`<li class="tile" key=${`${words} ${noise}`}>
        <button type="button" class="open" aria-pressed=${on} onClick=${() => onChoose({ words, noise })}>
          <${PngImage} png=${pictures[i]?.png} alt=${sharesText(words, noise)} />
        </button>
        <${HeartOf} picture=${pictures[i]} parents=${parents} />
      </li>`;
    })}
  </ul>`;
}

function sharesText(words, noise) {
  return say`child with ${percent(words)} of the second's words, ${percent(noise)} of its chance`;
}

/** One child, anywhere between its parents. */
function Child({ a, b, artist, chosen, setChosen, parents }) {
  const visit = useVisit();
  const row = child(a, b, chosen.words, chosen.noise);
  const { picture, png, drawn, busy, error } = useMoving(artist, row, a.knobs, JSON.stringify(chosen));
  const strip = frames(row.request) > 1;
  const said = (share) => say`${percent(share)} of the second`;
  const [first, second] = parents;
  const parent = (place) => visit("mix", picture, parents, (id) => ({ picture: first, with: second, [place]: id }));
  return html`<section class="card stack" aria-label="One child" aria-busy=${busy}>
    <div class=${strip ? "strips" : "frame"}>
      <${PngImage} id="child" png=${png} drawn=${drawn}
        alt=${sharesText(chosen.words, chosen.noise)} />
      ${!strip && html`<${CrispRow} artist=${artist} row=${row} knobs=${a.knobs} picture=${picture} />`}
    </div>
    <${ErrorLine} error=${error} />
    <${Slider} id="words-share" label="Words" value=${chosen.words} valueText=${said(chosen.words)}
      step=${artist.can.morph ? 0.01 : 1} disabled=${same(a.request, b.request)}
      onInput=${(words) => setChosen({ ...chosen, words })} />
    <${Slider} id="noise-share" label="Chance" value=${chosen.noise} valueText=${said(chosen.noise)}
      disabled=${same(a.seed, b.seed)} onInput=${(noise) => setChosen({ ...chosen, noise })} />
    <div class="row">
      <${HeartOf} id="keep-child" picture=${picture} parents=${parents} />
      <button type="button" id="as-first" disabled=${!picture} onClick=${() => parent("picture")}>
        Make it the first parent
      </button>
      <button type="button" id="as-second" disabled=${!picture} onClick=${() => parent("with")}>
        Make it the second
      </button>
      <${VisitButton} view="walk" label="Film" picture=${picture} parents=${parents} />
      ${artist.can.morph && html`<${VisitButton} view="morph" label="Morph" picture=${picture} parents=${parents} />`}
    </div>
  </section>`;
}
