// A new study: which artists, which texts; the page has all of them drawn with the same seeds and sends them.

import { html, say } from "../lang.js";
import { ErrorLine, Title, useShared } from "../parts.js";
import { randomSeed } from "../random.js";
import { linesOf, percent, requestFromText } from "../requests.js";
import { go } from "../routes.js";
import { base64 } from "../server.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const MAX_ARTISTS = 10;
const AT_ONCE = 8;

/** The form. */
export function NewStudy() {
  const { studio, artists } = useShared();
  const able = artists.filter((one) => requestFromText(one, "a") !== null);
  const [chosen, setChosen] = useState(() => able.filter(({ takes }) => takes === able[0].takes).map(({ id }) => id));
  const [drawing, setDrawing] = useState(null);
  const [error, setError] = useState(null);
  const seed = useRef(randomSeed() % 1000);
  const stop = useRef(null);
  useEffect(() => () => stop.current?.abort(), []);
  const make = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    stop.current = new AbortController();
    setError(null);
    try {
      const asked = studyOf(
        form,
        able.filter(({ id }) => chosen.includes(id)),
      );
      const tasks = await drawnTasks(studio, asked, stop.current.signal, setDrawing);
      const { name, pairs, story } = asked;
      const { id } = await studio.ratings.post("studies", { name, pairs, story, tasks });
      go(`rate/${id}`);
    } catch (caught) {
      if (caught.name !== "AbortError") setError(caught);
    }
    setDrawing(null);
  };
  const tick = (id) => setChosen((old) => (old.includes(id) ? old.filter((one) => one !== id) : [...old, id]));
  return html`<form class="stack new-study" onSubmit=${make}>
    <${Title} text="New study">The same texts and chances for every artist.<//>
    <label>Name <input name="name" required maxlength="200" value="Which draws better?" /></label>
    <fieldset>
      <legend>Artists, two or more</legend>
      ${able.map(
        (one) => html`<label key=${one.id} class="row">
          <input type="checkbox" name="artist" value=${one.id} checked=${chosen.includes(one.id)}
            onChange=${() => tick(one.id)} />
          <span>${one.id} <span class="soft">${one.system}, draws from ${one.requests[0].noun}</span></span>
        </label>`,
      )}
    </fieldset>
    <${Texts} artists=${able.filter(({ id }) => chosen.includes(id))} />
    <label>First chance <input name="seed" type="number" min="0" value=${seed.current} required /></label>
    <fieldset>
      <legend>People compare</legend>
      <label class="row"><input type="radio" name="pairs" value="yes" checked /> two at a time</label>
      <label class="row"><input type="radio" name="pairs" value="no" /> all of them, as a ranking</label>
    </fieldset>
    <${ErrorLine} error=${error} />
    ${
      drawing === null
        ? html`<div class="row">
          <button id="make-study" class="primary" disabled=${chosen.length < 2 || chosen.length > MAX_ARTISTS}>
            Draw and begin
          </button>
          <a class="button" href="#/rate">Cancel</a>
        </div>`
        : html`<${Drawing} share=${drawing} onStop=${() => stop.current.abort()} />`
    }
  </form>`;
}

function Texts({ artists }) {
  const stories = artists.length > 0 && artists.every(({ can }) => can.story);
  const examples = artists[0]?.examples ?? [];
  const size = artists[0]?.story ?? 1;
  const first = stories
    ? [0, 1].map((i) => examples.slice(i * size, (i + 1) * size).join("\n")).join("\n\n")
    : examples.slice(0, 4).join("\n");
  return html`<label>
    Texts, ${stories ? say`a line a picture, an empty line between two stories` : say`one a line`}
    <textarea key=${stories} name="texts" rows="8" required>${first}</textarea>
  </label>`;
}

function Drawing({ share, onStop }) {
  return html`<div class="row" role="status">
    <progress max="1" value=${share} aria-label="Drawn"></progress>
    <span>${percent(share)} drawn</span>
    <button type="button" onClick=${onStop}>Stop</button>
  </div>`;
}

/** Read the form; throw an Error that says what to do. */
function studyOf(form, artists) {
  const story = artists.length > 0 && artists.every(({ can }) => can.story);
  const whole = form.get("texts");
  const apart = story ? /\n\s*\n/ : "\n";
  const texts = whole
    .split(apart)
    .map((text) => linesOf(text).join("\n"))
    .filter(Boolean);
  if (artists.length < 2) throw new Error("a study compares two artists or more");
  if (!texts.length) throw new Error("a study needs a text");
  const [name, seed, pairs] = [form.get("name").trim(), Number(form.get("seed")), form.get("pairs") === "yes"];
  return { name, artists, texts, story, seed, pairs };
}

/** Draw every text with every artist, text i with seed `seed + i`: the tasks as the server takes them. */
async function drawnTasks(studio, { artists, texts, seed }, signal, onShare) {
  const tasks = texts.map((text) => ({ text, pictures: {} }));
  const all = texts.length * artists.length;
  let done = 0;
  onShare(0);
  for (const artist of artists) {
    for (let i = 0; i < texts.length; i += AT_ONCE) {
      const some = texts.slice(i, i + AT_ONCE);
      const rows = some.map((text, n) => ({ request: requestFromText(artist, text), seed: seed + i + n }));
      const pictures = await studio.draw(artist.id, rows, { signal });
      for (const [n, { png }] of pictures.entries()) tasks[i + n].pictures[artist.id] = await base64(png);
      done += some.length;
      onShare(done / all);
    }
  }
  return tasks;
}
