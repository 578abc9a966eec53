// Class: whoever has the studio's token opens one; others come in by a short word or a QR code, and all see the wall.

import { isIn } from "../classroom.js";
import { html, say } from "../lang.js";
import { ErrorLine, GalleryPicture, Icon, Title, useShared, useWork } from "../parts.js";
import { nameOf } from "../requests.js";
import { useEffect, useState } from "../vendor/preact.js";

const LOOKS = 4000; // milliseconds between two looks at the wall
const MINUTES = [45, 90, 180];

export default function Class() {
  const { studio } = useShared();
  const [now, setNow] = useState(null);
  const [error, setError] = useState(null);
  const look = () => studio.classroom.now().then(setNow, setError);
  useEffect(() => {
    look();
    const timer = setInterval(() => document.hidden || look(), LOOKS);
    return () => clearInterval(timer);
  }, []);
  return html`<div class="stack" id="class">
    <${Title} text="Class">Let a class in for a while, and see what everybody makes.<//>
    <${ErrorLine} error=${error} />
    ${now && !isIn() && html`<${Door} now=${now} look=${look} />`}
    ${now?.open && html`<${Wall} people=${now.people} />`}
    ${now && !now.open && isIn() && html`<p class="empty">The class is over.</p>`}
  </div>`;
}

/** Open a class, show how one comes in, and end it. */
function Door({ now, look }) {
  const { studio } = useShared();
  const [error, setError] = useState(null);
  const [opened, setOpened] = useState(null);
  const [minutes, setMinutes] = useState(90);
  const [busy, busyWhile] = useWork(setError);
  const open = busyWhile(async () => {
    setError(null);
    setOpened(await studio.classroom.open(minutes));
    await look();
  });
  const close = busyWhile(async () => {
    await studio.classroom.close();
    setOpened(null);
    await look();
  });
  const known = opened?.word === now.word ? opened : null; // it may have been opened in another tab
  return html`<section class="card stack door" aria-label="The way in">
    ${
      now.open
        ? html`<div class="stack way-in">
            ${known && html`<img id="qr" width="260" height="260" alt=${say`A QR code of ${known.address}`} src=${imageOf(known.qr)} />`}
            <div class="stack">
              ${known && html`<p>Open <strong id="class-address">${known.address.split("/#")[0]}</strong> and say</p>`}
              <p class="class-word" id="class-word">${now.word}</p>
              <p class="soft">It lets people in for ${Math.ceil(now.seconds / 60)} minutes more.</p>
              <div class="row">
                <button type="button" id="new-word" disabled=${busy} onClick=${open}>Another word: those who are in go out</button>
                <button type="button" id="end-class" disabled=${busy} onClick=${close}>End the class</button>
              </div>
            </div>
          </div>`
        : html`<div class="row">
            <label class="row">For
              <select id="class-minutes" value=${minutes} onChange=${(event) => setMinutes(Number(event.target.value))}>
                ${MINUTES.map((one) => html`<option key=${one} value=${one}>${say`${one} minutes`}</option>`)}
              </select>
            </label>
            <button type="button" class="primary" id="open-class" disabled=${busy} onClick=${open}>Let a class in</button>
          </div>
          <p class="soft small">They get a short word in the place of the token. It ends with the class.</p>`
    }
    <${ErrorLine} error=${error} />
  </section>`;
}

/** Return the address of an SVG as an image. */
function imageOf(svg) {
  return `data:image/svg+xml;base64,${btoa(svg)}`;
}

/** What everybody made last; printed as a sheet. */
function Wall({ people }) {
  return html`<section class="stack" aria-label="The wall">
    <div class="row spread">
      <h2>The wall</h2>
      <button type="button" id="print-wall" onClick=${() => print()}><${Icon} name="save" /> Print it</button>
    </div>
    ${!people.length && html`<p class="empty">Nobody is in yet.</p>`}
    <ul class="wall">
      ${people.map(
        ({ name, picture }, i) => html`<li class="tile" key=${i}>
          ${picture ? html`<${Last} key=${picture} id=${picture} name=${name} />` : html`<span class="shown"></span>`}
          <span class="under">${name}</span>
        </li>`,
      )}
    </ul>
  </section>`;
}

function Last({ id, name }) {
  const { studio } = useShared();
  const [entry, setEntry] = useState(null);
  useEffect(() => {
    studio.gallery.get(id).then(setEntry, () => {}); // it may have been deleted
  }, [id]);
  if (!entry) return html`<span class="shown"></span>`;
  return html`<${GalleryPicture} entry=${entry} alt=${`${name}: ${nameOf(entry.recipe)}`} />`;
}
