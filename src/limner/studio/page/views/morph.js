// Morph: a picture and a slider for each attribute; and the way from it to something else.

import { CrispRow } from "../crisp.js";
import { byArrows } from "../draw/arrows.js";
import { usePhrases } from "../draw/chips.js";
import { writtenDown } from "../draw/groups.js";
import { stateOf } from "../draw/state.js";
import { Groups, tabId } from "../draw/tray.js";
import { settledOf } from "../draw/tried.js";
import { useEntry, useMoving, useRows, VisitButton } from "../drawn.js";
import { isBlend, kindOf, valuesField, withWords } from "../fields.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import { ErrorLine, Icon, PngImage, Slider, Title, useArtist, useShared, useStored } from "../parts.js";
import { Begin } from "../picker.js";
import { Frames, Player } from "../player.js";
import { between, linesOf, misread, requestFromText, same, textOf } from "../requests.js";
import { go, to } from "../routes.js";
import { morphed, moved, openSliders, STEP, stopsOf, stopText } from "../sliders.js";
import { useSteps } from "../steps.js";
import { useEffect, useMemo, useState } from "../vendor/preact.js";

export default function Morph({ route }) {
  const { entry, artist, error } = useEntry(route.query.picture);
  const here = useArtist((one) => one.can.morph);
  return html`<div class="stack">
    <${Title} text="Morph">Change what is asked, little by little. Chance stays as it is, so the rest does too.<//>
    <${ErrorLine} error=${error} />
    ${
      !route.query.picture &&
      html`<${Begin} artist=${here} fits=${(_, one) => one.can.morph} onPick=${({ id }) => go("morph", { picture: id })}>
      Choose the picture to change.
    <//>`
    }
    ${!route.query.picture && !here && html`<p class="error" role="alert">Nobody here draws what lies between.</p>`}
    ${artist && !artist.can.morph && html`<${Instead} artist=${artist} id=${entry.id} />`}
    ${artist?.can.morph && html`<${Changing} key=${entry.id} entry=${entry} artist=${artist} />`}
  </div>`;
}

/** What one can do where nothing lies between. */
function Instead({ artist, id }) {
  const [text, view, link] = artist.can.story
    ? [say`tells stories, and nothing lies between two of them.`, "story", say`Change its lines instead`]
    : [say`is told nothing, so nothing can be changed.`, "walk", say`Film what chance makes of it instead`];
  return html`<p class="error" role="alert">
    ${artist.id} ${text}${" "}<a href=${to(view, { picture: id })}>${link}</a>
  </p>`;
}

/** The picture as the sliders stand, the sliders, and the way to another text. */
function Changing({ entry, artist }) {
  const { request, seed, knobs } = entry.recipe;
  const phrases = usePhrases(artist);
  const written = useWritten(artist, phrases, entry);
  const stops = useMemo(() => written && stopsOf(artist, phrases, written), [written]);
  const [at, setAt] = useState({});
  useSteps(at, setAt);
  const isMoved = Object.keys(at).length > 0;
  const asked = useMemo(() => (stops && isMoved ? morphed(written, stops, at, phrases) : request), [stops, at]);
  const { picture, png, drawn, busy, error } = useMoving(artist, { request: asked, seed }, knobs, JSON.stringify(at));
  const parents = [entry.id];
  return html`<div class="two changing">
      <section class="stack result" aria-label="The picture" aria-busy=${busy}>
        <div class="now frame">
          <${PngImage} id="morphed" png=${png} drawn=${drawn} alt=${textOf(asked)} />
          <${CrispRow} artist=${artist} row=${{ request: asked, seed }} knobs=${knobs} picture=${picture} />
        </div>
        <${ErrorLine} error=${error} />
        <${Asked} request=${asked} unknown=${picture?.unknown ?? {}} />
        <${Doing} picture=${picture} parents=${parents} changed=${!same(asked, request)}
          onReset=${() => setAt({})} />
      </section>
      <${Sliders} stops=${stops} at=${at} setAt=${setAt} request=${written} artist=${artist} phrases=${phrases} />
    </div>
    <${Onward} artist=${artist} from=${asked} seed=${seed} knobs=${knobs} parents=${parents} />`;
}

/**
 * Return the request of a picture with all that a judge sees in it written down, so that only what is moved changes; as
 * it is where none sees or it is no single text. Null until that is known.
 */
function useWritten(artist, phrases, entry) {
  const { studio } = useShared();
  const { request } = entry.recipe;
  const [written, setWritten] = useState(null);
  useEffect(() => {
    if (!phrases) return undefined;
    const stop = new AbortController();
    const known = (found) => !stop.signal.aborted && setWritten(found);
    writtenOf(studio, artist, phrases, entry, stop.signal).then(known, () => known(request));
    return () => stop.abort();
  }, [phrases]);
  return written;
}

async function writtenOf(studio, artist, phrases, entry, signal) {
  const { request } = entry.recipe;
  const state = stateOf(artist, entry);
  const kind = kindOf(request);
  if (!artist.can.seen || state.asked || isBlend(request) || kind.several) return request;
  const seen = await studio.seen(artist.id, await studio.gallery.png(entry.id), { signal });
  const values = valuesField(kind);
  if (values) return { ...request, [values.name]: { ...seen, ...request[values.name] } };
  const settled = await settledOf(studio, artist, phrases, { state, seen }, signal);
  return withWords(kind, request, writtenDown(kind, phrases, state, settled));
}

/** What is asked, in words; a mixture is told as its ends. */
function Asked({ request, unknown }) {
  const words = Object.entries(unknown);
  const mixed = isBlend(request);
  return html`<div class="said">
    <p>
      ${textOf(nearest(request))}
      ${mixed && html`${" "}<span class="soft">(blended with what lies beside it)</span>`}
    </p>
    ${words.length > 0 && html`<p class="warn">${misread(words)}</p>`}
  </div>`;
}

/** Return the request that a mixture has most of. */
function nearest(request) {
  return isBlend(request) ? nearest(request.t < 0.5 ? request.first : request.second) : request;
}

function Doing({ picture, parents, changed, onReset }) {
  return html`<div class="row">
    <${HeartOf} id="keep" picture=${picture} parents=${parents} />
    <button type="button" id="reset" disabled=${!changed} onClick=${onReset}><${Icon} name="again" /> Reset</button>
    <${VisitButton} view="draw" icon="pencil" label="Open in draw" picture=${picture} parents=${parents} />
    <${VisitButton} view="walk" label="Film" picture=${picture} parents=${parents} />
    <${VisitButton} view="mix" label="Mix" picture=${picture} parents=${parents} />
  </div>`;
}

/** One group of sliders is open; several may stand between values. */
function Sliders({ stops, at, setAt, request, artist, phrases }) {
  const [name, setName] = useStored(`group.${artist.id}`, null);
  if (!Object.keys(artist.attributes).length) {
    return html`<section class="card">
      <p>${artist.id} knows no attributes by name, so there are no sliders. It can go to another text, below.</p>
    </section>`;
  }
  if (!stops) return html`<section class="card" aria-label="Attributes"><p class="soft">Looking ...</p></section>`;
  const groups = phrases.things.map((thing) => ({ ...thing, parts: Object.values(thing.parts) }));
  const open = groups.find((group) => group.name === name) ?? groups[0];
  const most = openSliders(request);
  const move = (attribute, value) => setAt((old) => moved(old, stops, attribute, value, most));
  return html`<section class="card stack sliders" aria-label="Attributes">
    ${
      groups.length > 1 &&
      html`<${Groups} groups=${groups} open=${open} onShow=${setName} isSaid=${({ parts }) => parts.some((one) => one in at)} />`
    }
    <div class="stack" id="group" role=${groups.length > 1 ? "tabpanel" : undefined}
      aria-labelledby=${groups.length > 1 ? tabId(open) : undefined}>
      ${open.parts.map(
        (one) => html`<${Stops} key=${one} name=${one} label=${phrases.titleOf(one)} stops=${stops[one]} at=${at[one]}
          onMove=${(value) => move(one, value)} />`,
      )}
    </div>
    <p class="soft">Between two values a picture is a blend of both; ${most} sliders may stand between at once.</p>
  </section>`;
}

/** A slider, and its stops by name, as they lie in no order that one could know: press one to go there. */
function Stops({ name, label, stops, at, onMove }) {
  const now = at ?? stops.first;
  return html`<div class="stack">
    <${Slider} label=${label} data-attribute=${name} value=${now} max=${stops.values.length - 1} step=${STEP}
      list=${`stops-${name}`} valueText=${stopText(stops, at)} onInput=${onMove} />
    <datalist id=${`stops-${name}`}>
      ${stops.values.map((_, place) => html`<option key=${place} value=${place} />`)}
    </datalist>
    <div class="stops" role="group" aria-label=${say`Stops of ${label}`} onKeyDown=${byArrows}>
      ${stops.values.map(
        (_, place) => html`<button type="button" key=${place} aria-pressed=${now === place} data-stop=${place}
          class=${Math.abs(now - place) < 1 ? "near" : ""} tabindex=${place === Math.round(now) ? 0 : -1}
          onClick=${() => onMove(place)}>${stopText(stops, place)}</button>`,
      )}
    </div>
  </div>`;
}

/** From here to another text, in steps. */
function Onward({ artist, from, seed, knobs, parents }) {
  const [text, setText] = useState("");
  const [count, setCount] = useState(9);
  const [way, setWay] = useState(null);
  const [error, setError] = useState(null);
  const set = (event) => {
    event.preventDefault();
    setError(null);
    try {
      const end = requestFromText(artist, text);
      between(from, end, 0.5);
      setWay({ from, end });
    } catch (caught) {
      setError(caught);
    }
  };
  if (!requestFromText(artist, "")) return null;
  return html`<section class="card stack" aria-label="From here to another text">
    <form class="stack" onSubmit=${set}>
      <h2>From here to ...</h2>
      <label>
        <span class="hidden">Another text</span>
        <textarea id="onward" rows="2" value=${text} required placeholder=${artist.examples[0]}
          onInput=${(event) => setText(event.target.value)} />
      </label>
      <div class="row">
        <label class="row">Frames
          <input id="frames" type="number" min="2" max="48" value=${count}
            onChange=${(event) => setCount(Math.min(48, Math.max(2, Number(event.target.value) || 2)))} />
        </label>
        <button class="primary" id="go-onward" disabled=${!linesOf(text).length}>Draw the way</button>
      </div>
    </form>
    <${ErrorLine} error=${error} />
    ${
      way && html`<${Film} artist=${artist} way=${way} count=${count} seed=${seed} knobs=${knobs} parents=${parents} />`
    }
  </section>`;
}

function Film({ artist, way, count, seed, knobs, parents }) {
  const [at, setAt] = useState(0);
  const rows = useMemo(
    () => Array.from({ length: count }, (_, i) => ({ request: between(way.from, way.end, i / (count - 1)), seed })),
    [way, count],
  );
  const { pictures, busy, error } = useRows(artist, rows, knobs);
  const place = Math.min(at, count - 1);
  const named = (i) => say`Frame ${i + 1}: ${Math.round((100 * i) / (count - 1))} % of the way`;
  return html`<div class="two filmed" aria-busy=${busy}>
    <div class="stack">
      <${Player} pngs=${pictures.map((one) => one?.png ?? null)} name="morph" at=${place} onAt=${setAt}
        named=${named} />
      <${ErrorLine} error=${error} />
    </div>
    <${Frames} pictures=${pictures} at=${place} onAt=${setAt} parents=${parents} named=${named} />
  </div>`;
}
