// Story: a line a picture. A changed line changes its picture and those after it; what came before stays.

import { Knobs, turned } from "../draw/knobs.js";
import { Size } from "../draw/size.js";
import { useEntry, VisitButton } from "../drawn.js";
import { isStory } from "../fields.js";
import { cut, gif, samePixels } from "../film.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import {
  CanvasImage,
  DeferredField,
  download,
  ErrorLine,
  Icon,
  IconButton,
  Title,
  useArtist,
  useLatest,
  useRetry,
  useShared,
  useStored,
  useWork,
} from "../parts.js";
import { PickButton } from "../picker.js";
import { randomSeed } from "../random.js";
import { someExamples } from "../requests.js";
import { go } from "../routes.js";
import { fileName, Side, useSave, useSide } from "../saving.js";
import { useSteps } from "../steps.js";
import { Lines, Unknown } from "../storylines.js";
import { Study } from "../study.js";
import { useEffect, useMemo, useRef, useState } from "../vendor/preact.js";

const MILLISECONDS = 1800;

export default function Story({ route }) {
  const { artists, choose } = useShared();
  const { entry, artist: drew, error } = useEntry(route.query.picture);
  const here = useArtist((one) => one.can.story);
  const artist = drew ?? here;
  const request = entry?.recipe.request;
  const waits = route.query.picture && !entry && !error;
  if (!artist?.can.story || (request && !isStory(request))) {
    return html`<${Title} text="Story" />
      <p class="error" role="alert">
        ${here ? say`This picture is no story told in lines.` : say`Nobody here tells stories.`}
      </p>
      ${here && html`<a class="button" href="#/story">Tell one</a>`}`;
  }
  return html`<div class="stack">
    <${Title} text="Story">
      A line for each picture. Change a line: its scene is drawn again with all that follow, the scenes before stay.
    <//>
    <${Study} artist=${artist} artists=${artists} choose=${choose} />
    <${ErrorLine} error=${error} />
    ${!waits && html`<${StoryEditor} key=${`${artist.id} ${entry?.id}`} artist=${artist} entry=${entry} />`}
  </div>`;
}

/** The editor of a story: its lines, the original lines, its seed and knobs. */
function StoryEditor({ artist, entry }) {
  const [story, change] = useStoryState(artist, entry);
  useSteps(story, change);
  const [locked, setLocked] = useStored("story.locked", false);
  const { picture, shown, busy, error, stayed } = useStoryPictures(artist, story);
  const dice = () => change({ seed: randomSeed() });
  const fresh = (lines) => change({ lines, setting: lines, seed: locked ? story.seed : randomSeed() });
  const parents = entry ? [entry.id] : null;
  return html`<section class="stack" aria-label="The story" aria-busy=${busy}>
    <${ErrorLine} error=${error} />
    <${Lines} lines=${story.lines} onLines=${(lines) => change({ lines })}
      above=${(line, i) => html`<${CanvasImage} frame=${shown[i]} alt=${say`Picture ${i + 1}: ${line}`} />`}
      below=${(line) => picture && html`<${Unknown} line=${line} unknown=${picture.unknown} />`} />
    ${written(story.lines).length > artist.story && artist.beyond && html`<p class="soft" id="beyond">${artist.beyond}.</p>`}
    <p class="soft told" role="status" id="told">${busy ? say`Drawing ...` : stayedText(stayed, shown)}</p>
    <div class="two controls">
      <div class="card stack">
        <div class="row">
          <${IconButton} id="dice" name="dice" label="Another chance" onClick=${dice} />
          <label class="row"><span class="hidden">Chance</span>
            <${DeferredField} id="seed" type="number" min="0" value=${story.seed}
              onChange=${(event) => change({ seed: seedOf(event, story.seed) })} />
          </label>
          <button type="button" aria-pressed=${locked} onClick=${() => setLocked(!locked)}>
            <${Icon} name=${locked ? "lock" : "unlock"} /> ${locked ? say`Chance stays` : say`Chance changes`}
          </button>
          <button type="button" id="afresh" onClick=${() => fresh(story.lines)}>
            <${Icon} name="again" /> Tell it afresh
          </button>
        </div>
        <p class="soft">What belongs to the story as a whole stays as it was first told, until it is told afresh.</p>
        <${Size} artist=${artist} size=${story.size} onSize=${(size) => change({ size })} />
        <${Knobs} artist=${artist} values=${story.knobs} onChange=${(knobs) => change({ knobs })} />
      </div>
      <${Keeping} artist=${artist} picture=${picture} shown=${shown} story=${story} parents=${parents} fresh=${fresh} />
    </div>
  </section>`;
}

/** The story, stored across reloads, and a function that changes it. */
function useStoryState(artist, entry) {
  const of = entry?.id ?? null;
  const first = useMemo(() => begun(artist, entry), []);
  const [stored, setStored] = useStored(`story.${artist.id}`, first);
  const change = (changes) => setStored((old) => ({ ...(old.of === of ? old : first), ...changes }));
  return [stored.of === of ? stored : first, change];
}

function begun(artist, entry) {
  if (!entry) {
    const lines = someExamples(artist);
    return { of: null, lines, setting: lines, seed: randomSeed(), knobs: {}, size: null };
  }
  const { request, seed, knobs } = entry.recipe;
  const setting = request.setting?.length ? request.setting : request.lines;
  return {
    of: entry.id,
    lines: request.lines,
    setting,
    seed,
    knobs: turned(artist, knobs),
    size: entry.recipe.size ?? null,
  };
}

function seedOf(event, old) {
  const next = Number(event.target.value);
  return event.target.value !== "" && Number.isSafeInteger(next) && next >= 0 ? next : old;
}

/** Draw the newest telling; `shown` are canvases by line (null: an empty one), `stayed` how many are as they were. */
function useStoryPictures(artist, story) {
  const { studio } = useShared();
  const isTold = written(story.lines).length > 0;
  const [state, setState] = useState({ picture: null, shown: [], busy: isTold, error: null, stayed: null });
  const last = useRef([]);
  const run = useLatest(async (signal, wanted) => {
    try {
      const next = await drawStory(studio, artist, wanted, signal);
      const old = last.current;
      const isOld = next.frames.map((frame, i) => Boolean(old[i]) && samePixels(frame, old[i]));
      const frames = next.frames.map((frame, i) => (isOld[i] ? old[i] : frame));
      last.current = frames;
      let place = 0;
      const shown = wanted.lines.map((line) => (line.trim() ? frames[place++] : null));
      const stayed = old.length ? (isOld.includes(false) ? isOld.indexOf(false) : frames.length) : null;
      setState({ picture: next.picture, shown, busy: false, error: null, stayed });
    } catch (error) {
      if (error.name !== "AbortError") setState((old) => ({ ...old, busy: false, error }));
    }
  });
  useEffect(() => {
    if (!isTold) return;
    setState((old) => ({ ...old, busy: true }));
    run(story);
  }, [story]);
  useRetry(state.error, () => run(story));
  return state;
}

async function drawStory(studio, artist, { lines, setting, seed, knobs, size }, signal) {
  const request = { kind: "story", lines: written(lines), setting: written(setting) };
  const has = artist.sizes.includes(size); // what was stored may be of an artist that had an enlarger
  const [picture] = await studio.draw(artist.id, [{ request, seed }], { knobs, size: has ? size : null, signal });
  return { picture, frames: await cut(picture.png, request.lines.length) };
}

/** Return the lines that say anything. */
function written(lines) {
  return lines.map((line) => line.trim()).filter(Boolean);
}

/** Say what was drawn again. */
function stayedText(stayed, shown) {
  if (stayed === null) return "";
  if (stayed === 0) return say`All pictures were drawn again.`;
  if (stayed === shown.filter(Boolean).length) return say`No picture changed.`;
  const first = stayed === 1 ? say`The first picture stayed` : say`The first ${stayed} pictures stayed`;
  return say`${first}; from number ${stayed + 1} on they were drawn again.`;
}

/** Keep it, save it, begin another. */
function Keeping({ artist, picture, shown, story, parents, fresh }) {
  const [busy, busyWhile] = useWork();
  const [side, setSide] = useSide();
  const [, save] = useSave();
  const saveGif = busyWhile(async () => {
    const drawn = story.lines.map((line, i) => ({ line, frame: shown[i] })).filter(({ frame }) => frame);
    const captions = drawn.map(({ line }) => line.trim());
    const frames = drawn.map(({ frame }) => frame);
    download(await gif(frames, { milliseconds: MILLISECONDS, captions, side }), fileName(picture.recipe, "gif"));
  });
  const mine = (entry) => isStory(entry.recipe.request) && entry.recipe.checkpoint === artist.checkpoint;
  const open = ({ id }) => go("story", { picture: id });
  return html`<div class="card stack">
    <div class="row">
      <${HeartOf} id="keep-story" picture=${picture} parents=${parents} />
      <button type="button" id="save-png" disabled=${!picture} onClick=${() => save(picture, side)}>
        <${Icon} name="save" /> PNG strip
      </button>
      <button type="button" id="save-gif" disabled=${!picture || busy} onClick=${saveGif}>
        <${Icon} name="save" /> GIF
      </button>
      <${Side} side=${side} onSide=${setSide} />
      <${VisitButton} view="walk" label="Film" picture=${picture} parents=${parents} />
    </div>
    <div class="row">
      <button type="button" id="example" onClick=${() => fresh(someExamples(artist))}>Another example</button>
      <${PickButton} label="Open a story" fits=${mine} onPick=${open} />
    </div>
  </div>`;
}
