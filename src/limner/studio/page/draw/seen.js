// Everything that was seen, in a strip: press one to go back to it, words and all.

import { useRows } from "../drawn.js";
import { html, say } from "../lang.js";
import { PngImage } from "../parts.js";
import { seedText, textOf } from "../requests.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";
import { meant } from "./state.js";
import { beside, moved } from "./timeline.js";

const MOST = 80;

/** Show what was seen before. */
export function goBack({ setLine }) {
  setLine((line) => moved(line, beside(line, -1)));
}

/** Show what was seen after it. */
export function goForward({ setLine }) {
  setLine((line) => moved(line, beside(line, 1)));
}

/** The strip; of very many the newest. */
export function Seen({ artist, phrases, all }) {
  const { line, setLine, drawn } = all;
  const made = useRef(new Map());
  const open = (id) => setLine((old) => moved(old, id));
  const thumbs = line.steps.slice(-MOST).map((step) => {
    const isNow = step.id === line.at;
    const key = isNow ? drawn : null; // what is typed comes with its picture
    const old = made.current.get(step.id);
    if (old && old.step === step && old.key === key && old.isNow === isNow && old.phrases === phrases) return old.thumb;
    const now = isNow ? (drawn ?? "none") : null;
    const thumb = html`<${Thumb}
      key=${step.id}
      artist=${artist}
      phrases=${phrases}
      step=${step}
      now=${now}
      onOpen=${open}
    />`;
    made.current.set(step.id, { step, key, isNow, phrases, thumb });
    return thumb;
  });
  return html`<section class="card stack seen" aria-label="Seen">
    <div class="row spread">
      <h2>Seen</h2>
      <a class="button" href="#/favourites?shelf=drawn" id="everything">Everything made</a>
    </div>
    <ol class="strip" tabindex="0" aria-label="What was seen, the oldest first">${thumbs}</ol>
  </section>`;
}

/** A step; `now` is what is drawn, or "none" yet, where it is the one that is shown: it needs no drawing of its own. */
function Thumb({ artist, phrases, step, now, onOpen }) {
  const isNow = now !== null;
  const place = useRef(null);
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && setNear(true));
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (isNow) showIn(place.current.parentElement, place.current);
  }, [isNow]);
  const { state } = step;
  const { request } = meant(artist, state, phrases);
  const text = request ? textOf(request) || say`chance ${seedText(state.seed)}` : say`nothing said`;
  const row = { request, seed: state.seed };
  return html`<li ref=${place}>
    <button type="button" class="open" aria-current=${isNow ? "step" : undefined} title=${text} aria-label=${text}
      data-step=${step.id} onClick=${() => onOpen(step.id)}>
      ${
        isNear && isNow
          ? html`<${PngImage} png=${now.picture?.png} alt="" />`
          : isNear && request
            ? html`<${Drawn} artist=${artist} row=${row} knobs=${state.knobs} />`
            : html`<span class="shown" />`
      }
    </button>
  </li>`;
}

/** Its picture: remembered where it was drawn a while ago, else drawn again, the same to the bit. */
function Drawn({ artist, row, knobs }) {
  const { pictures } = useRows(artist, [row], knobs);
  return html`<${PngImage} png=${pictures[0]?.png} alt="" />`;
}

/** Scroll a strip, and nothing around it, until one of its items is seen. */
function showIn(strip, item) {
  strip.scrollTo({ left: item.offsetLeft - strip.offsetLeft - strip.clientWidth / 2 });
}
