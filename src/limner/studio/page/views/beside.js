// Side by side: the same words and the same chance by every artist that takes words.

import { Prompt } from "../draw/prompt.js";
import { useRows, VisitButton } from "../drawn.js";
import { lineOf } from "../faces.js";
import { HeartOf } from "../hearts.js";
import { html, say } from "../lang.js";
import { ErrorLine, Icon, PngImage, Title, useShared, useStored } from "../parts.js";
import { randomSeed } from "../random.js";
import { misread, requestFromText } from "../requests.js";
import { isStudy } from "../study.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const RESTS = 400; // milliseconds, as each key asks every artist

export default function Beside() {
  const { artists } = useShared();
  const able = artists.filter((one) => requestFromText(one, "a") !== null);
  const [asked, setAsked] = useStored("beside", { text: able[0]?.examples[0] ?? "", seed: 7 });
  const [typed, setTyped] = useTyped(asked.text, (text) => setAsked((old) => ({ ...old, text })));
  return html`<div class="stack" id="beside">
    <${Title} text="Side by side">The same words, by every artist that draws from words: see for yourself who draws what.<//>
    <div class="asking">
      <${Prompt} id="same-words" label="The words that all are told" text=${typed} onInput=${setTyped} />
      <button type="button" id="same-dice" onClick=${() => setAsked((old) => ({ ...old, seed: randomSeed() }))}>
        <${Icon} name="dice" /> Another chance
      </button>
    </div>
    ${!able.length && html`<p class="empty">Nobody here draws from words alone.</p>`}
    <ul class="besides">
      ${[...able.filter((one) => !isStudy(one)), ...able.filter(isStudy)].map(
        (one) =>
          html`<li class="card stack" key=${one.id} data-artist=${one.id}><${Drawn} artist=${one} asked=${asked} /></li>`,
      )}
    </ul>
  </div>`;
}

/** What is typed, passed on when it rests. */
function useTyped(first, onRest) {
  const [typed, setTyped] = useState(first);
  const newest = useRef(onRest);
  newest.current = onRest;
  useEffect(() => {
    if (typed === first) return undefined;
    const timer = setTimeout(() => newest.current(typed), RESTS);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, setTyped];
}

function Drawn({ artist, asked: { text, seed } }) {
  const request = requestFromText(artist, text);
  const { pictures, busy, error } = useRows(artist, request ? [{ request, seed }] : [], {});
  const [picture] = pictures;
  const unknown = picture ? misread(Object.entries(picture.unknown ?? {})) : "";
  return html`<h2>${artist.id}</h2>
    <div class="frame" aria-busy=${busy}>
      <${PngImage} class=${artist.can.story ? "shown whole" : "shown"} png=${picture?.png} drawn=${`${seed} ${text}`}
        alt=${picture ? say`Drawn by ${artist.id}: ${text}` : ""} />
    </div>
    <p class="soft small">${lineOf(artist)}</p>
    ${unknown && html`<p class="warn small">${unknown}</p>`}
    <${ErrorLine} error=${error} />
    <div class="row">
      <${HeartOf} picture=${picture} />
      <${VisitButton} view="draw" icon="pencil" label=${say`Draw with ${artist.id}`} picture=${picture} />
    </div>`;
}
