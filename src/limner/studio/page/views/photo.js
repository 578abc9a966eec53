// From a photo: what is seen in it presets the attributes, and where the artist finds a picture's likeness in itself, a
// slider says how much of that stays.

import { usePhrases } from "../draw/chips.js";
import { useMoving, VisitButton } from "../drawn.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import { ErrorLine, FileDrop, PngImage, Slider, Title, useArtist, useLatest, useShared, useWork } from "../parts.js";
import { Crop, cutOut, opened, WHOLE } from "../photo/crop.js";
import { canPhoto, requestOfValues } from "../photo/request.js";
import { randomSeed } from "../random.js";
import { percent, seedBetween } from "../requests.js";
import { useHistory } from "../scene/history.js";
import { useEffect, useState } from "../vendor/preact.js";

const RESTS = 500; // milliseconds; a crop that is dragged is not read
const SURE = 0.6; // what is read with less is said to be a guess

export default function Photo() {
  const artist = useArtist(canPhoto);
  const phrases = usePhrases(artist);
  const [photo, setPhoto] = useState(null);
  const [at, setAt] = useState(WHOLE);
  const [error, setError] = useState(null);
  const [busy, busyWhile] = useWork(setError);
  const take = busyWhile(async (file) => {
    setError(null);
    setPhoto(await opened(file));
    setAt(WHOLE);
  });
  return html`<div class="stack" id="photo">
    <${Title} text="From a photo">${say`What is seen in it presets the attributes of ${artist.id}.`}<//>
    <${Where} artist=${artist} />
    <div class="row" aria-busy=${busy}>
      <${FileDrop} id="photo-file" label="Drop a photo, or choose one" accept="image/*" onFile=${take} />
      <${Camera} onFile=${take} />
    </div>
    <${ErrorLine} error=${error} />
    ${photo && phrases && html`<${Likeness} key=${artist.id} artist=${artist} phrases=${phrases} photo=${photo} at=${at} onAt=${setAt} />`}
  </div>`;
}

/** Say who reads the photo, and where it goes. */
function Where({ artist }) {
  const { studio } = useShared();
  const isHere = studio.kind === "browser";
  const where = isHere
    ? say`Your photo stays in this tab: a judge that came with the page looks at it here.`
    : say`Your photo goes to the studio that this page is of, is looked at, and is not kept.`;
  const whose = artist.can.attributes
    ? ""
    : say`It is a judge of drawn pictures that looks: of a photograph it guesses.`;
  return html`<p class="soft small" id="photo-where">${where} ${whose}</p>`;
}

/** The camera of a phone; elsewhere it chooses a file. */
function Camera({ onFile }) {
  const taken = (event) => {
    if (event.target.files[0]) onFile(event.target.files[0]);
    event.target.value = "";
  };
  return html`<label class="drop camera">
    <input class="hidden" type="file" accept="image/*" capture="user" onChange=${taken} />
    <span>Take one with the camera</span>
  </label>`;
}

/** What is read of the square of a photo: {values, certainty, style, busy, error}. */
function useRead(artist, photo, at) {
  const { studio } = useShared();
  const [found, setFound] = useState({ values: null, certainty: {}, style: null, busy: true, error: null });
  const run = useLatest(async (signal, square) => {
    try {
      const png = await cutOut(photo, square, artist.size);
      const read = await studio.read(artist.id, png, { byArtist: artist.can.attributes, signal });
      const style = artist.can.style ? await studio.style(artist.id, await cutOut(photo, square)) : null;
      setFound({ ...read, style, busy: false, error: null });
    } catch (error) {
      if (!signal.aborted) setFound((old) => ({ ...old, busy: false, error }));
    }
  });
  useEffect(() => {
    setFound((old) => ({ ...old, busy: true }));
    const timer = setTimeout(() => run(at), found.values ? RESTS : 0);
    return () => clearTimeout(timer);
  }, [photo, at]);
  return found;
}

function Likeness({ artist, phrases, photo, at, onAt }) {
  const read = useRead(artist, photo, at);
  const [changed, setChanged] = useState({});
  const [likeness, setLikeness] = useState(1);
  const [chance] = useState(randomSeed);
  useEffect(() => setChanged({}), [read.values]);
  const values = Object.fromEntries(Object.entries({ ...read.values, ...changed }).filter(([, value]) => value));
  const request = read.values && requestOfValues(artist, phrases, values);
  const seed = read.style ? seedBetween(chance, read.style, likeness) : chance;
  const of = JSON.stringify([values, likeness]);
  const { picture, png, drawn, busy, error } = useMoving(artist, request && { request, seed }, {}, of);
  useHistory(picture);
  return html`<div class="scene-two">
    <${Crop} photo=${photo} at=${at} onAt=${onAt} />
    <section class="stack" aria-label="The picture" aria-busy=${busy || read.busy}>
      <div class="frame">
        <${PngImage} id="photo-picture" png=${png} drawn=${drawn}
          alt=${picture ? phrases.say(values) || say`A picture` : ""} />
      </div>
      <${ErrorLine} error=${read.error ?? error} />
      <p class="soft small" role="status">${read.busy ? say`Looking ...` : ""}</p>
      ${
        read.style
          ? html`<${Slider} id="likeness" label="Keep likeness" value=${likeness} valueText=${percent(likeness)}
              onInput=${setLikeness} />`
          : html`<p class="soft small" id="no-likeness">
              ${artist.id} takes over the values alone: it does not find a photo's likeness here.
            </p>`
      }
      <div class="row">
        <${HeartOf} id="keep-photo" picture=${picture} />
        <${VisitButton} view="draw" icon="pencil" label="Open in Make" picture=${picture} />
        ${artist.can.morph && html`<${VisitButton} view="morph" label="Morph" picture=${picture} />`}
      </div>
    </section>
    <${Values} artist=${artist} read=${read} values=${values} onChange=${(name, value) => setChanged({ ...changed, [name]: value })} />
  </div>`;
}

/** Each attribute: what was read, how surely, and what is asked for. */
function Values({ artist, read, values, onChange }) {
  if (!read.values) return null;
  const names = Object.keys(artist.attributes);
  return html`<section class="card stack read-of" aria-label="What is seen">
    <h2>What is seen</h2>
    <ul class="read-values">
      ${names.map((name) => {
        const sure = values[name] === read.values[name] ? read.certainty[name] : undefined;
        return html`<li key=${name} data-read=${name}>
          <label>
            <span>${name.replaceAll("_", " ")}</span>
            <select value=${values[name] ?? ""} onChange=${(event) => onChange(name, event.target.value)}>
              <option value="">open</option>
              ${artist.attributes[name].map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
            </select>
          </label>
          <${Certainty} share=${sure} />
        </li>`;
      })}
    </ul>
  </section>`;
}

function Certainty({ share }) {
  if (typeof share !== "number") return html`<span class="soft small">${say`as you say`}</span>`;
  const said = share < SURE ? say`a guess, ${percent(share)} sure` : say`${percent(share)} sure`;
  return html`<span class="soft small"><meter min="0" max="1" low=${SURE} value=${share} aria-hidden="true"></meter> ${said}</span>`;
}
