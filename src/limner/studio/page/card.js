// A picture of the gallery with all that is known of it, in a dialog.

import { artistOf, notHere } from "./drawn.js";
import { isStory } from "./fields.js";
import { html, say } from "./lang.js";
import { DeferredField, GalleryPicture, Heart, Icon, IconButton, PngImage, useShared, useWork } from "./parts.js";
import { seedText, textOf } from "./requests.js";
import { to } from "./routes.js";
import { Side, useSave, useSide } from "./saving.js";
import { canEdit } from "./scene/kinds.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

/**
 * `onChange(entry)` is told of a new note, `onHeart(entry)` changes its heart; `onDelete(ids)`, `onRestore(ids)` and
 * `onClose()` have it gone. `before` and `after` are ids of the pictures beside it.
 */
export function Card({ entry, onChange, onDelete, onRestore, onHeart, onClose, before, after }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  const close = () => dialog.current.close(); // gives the focus back, and tells onClose
  const keys = (event) => {
    const to = { ArrowLeft: before, ArrowRight: after }[event.key];
    if (to && !event.target.matches("textarea, select")) show(to);
  };
  const shade = (event) => event.target === dialog.current && close();
  const leave = (action) => (ids) => {
    close();
    return action(ids);
  };
  const text = textOf(entry.recipe.request) || say`A picture`;
  return html`<dialog class="one" id="card" ref=${dialog} aria-label=${text} onClose=${onClose} onClick=${shade}
    onKeyDown=${keys}>
    <div class="away row">
      <${Beside} id="before" name="back" label="The picture before" to=${before} />
      <${Beside} id="after" name="back" class="icon on" label="The next picture" to=${after} />
      <${IconButton} name="close" label="Close" onClick=${close} />
    </div>
    <div class="two">
      <div class="stack">
        <${GalleryPicture} entry=${entry} alt=${text} class=${entry.width === entry.height ? "shown" : "shown whole"} />
        <${Again} key=${entry.id} entry=${entry} />
      </div>
      <div class="stack">
        <${Links} entry=${entry} />
        <${Facts} entry=${entry} />
        <${Note} key=${entry.id} entry=${entry} onChange=${onChange} />
        <${Tools} entry=${entry} onDelete=${leave(onDelete)} onRestore=${leave(onRestore)} onHeart=${onHeart} />
      </div>
    </div>
  </dialog>`;
}

/** A button to the picture that stands beside it on the shelf. */
function Beside({ to: id, ...rest }) {
  return html`<${IconButton} disabled=${!id} onClick=${() => show(id)} ...${rest} />`;
}

/** Show another picture in the place of this one: closing it leads back to the shelf. */
function show(id) {
  location.replace(to("favourites", { picture: id }));
}

/** Where one can go on with it. */
function Links({ entry }) {
  const { artists } = useShared();
  const artist = artistOf(artists, entry);
  if (!artist) return html`<p class="soft small">${notHere(entry)}.</p>`;
  return html`<div class="row">
    <a class="button primary" id="open-draw" href=${to("draw", { picture: entry.id })}
      ><${Icon} name="pencil" /> Draw on</a
    >
    ${isStory(entry.recipe.request) && html`<a class="button" href=${to("story", { picture: entry.id })}>Story</a>`}
    ${
      artist.can.morph &&
      html`<a class="button" href=${to("morph", { picture: entry.id })}><${Icon} name="morph" /> Morph</a>`
    }
    <a class="button" href=${to("mix", { picture: entry.id })}><${Icon} name="mix" /> Mix</a>
    <a class="button" href=${to("walk", { picture: entry.id })}><${Icon} name="walk" /> Film</a>
    <a class="button" href=${to("tree", { picture: entry.id })}>Tree</a>
    ${canEdit(artist, entry.recipe) && html`<a class="button" id="to-scene" href=${to("scene", { picture: entry.id })}>Scene</a>`}
  </div>`;
}

function Facts({ entry }) {
  const { request, seed, artist, knobs, size } = entry.recipe;
  const set = Object.entries(knobs ?? {}).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  return html`<dl class="told-of">
    <dt>Text</dt>
    <dd class="lines-of">${textOf(request) || "none"}</dd>
    <dt>Chance</dt>
    <dd>${seedText(seed)}</dd>
    <dt>Artist</dt>
    <dd>${artist}</dd>
    ${
      set.length > 0 &&
      html`<dt>Fine tuning</dt>
        <dd>${set.join(", ")}</dd>`
    }
    ${
      size &&
      html`<dt>Enlarged</dt>
        <dd>to ${size} pixels</dd>`
    }
    <dt>Drawn</dt>
    <dd>${new Date(entry.drawn).toLocaleString()}</dd>
    ${
      entry.parents.length > 0 &&
      html`<dt>Made of</dt>
        <dd class="lineage">${entry.parents.map((id) => html`<${Parent} key=${id} id=${id} />`)}</dd>`
    }
  </dl>`;
}

/** A picture that this one was made from; it may be gone by now. */
function Parent({ id }) {
  const { studio } = useShared();
  const [entry, setEntry] = useState(null);
  useEffect(() => {
    studio.gallery.get(id).then(setEntry, () => setEntry(false));
  }, [id]);
  if (entry === false) return html`<span class="soft small">one that is gone</span>`;
  return entry && html`<a href=${to("favourites", { picture: id })}><${GalleryPicture} entry=${entry} /></a>`;
}

function Note({ entry, onChange }) {
  const { studio, notify } = useShared();
  const [, busyWhile] = useWork();
  const save = busyWhile(async (event) => {
    const note = event.target.value.trim();
    if (note === entry.note) return;
    onChange(await studio.gallery.change(entry.id, { note }));
    notify(say`Noted`);
  });
  return html`<label
    >Note
    <${DeferredField}
      as="textarea"
      id="note"
      rows="2"
      maxlength="1000"
      value=${entry.note}
      placeholder="A name, or why you like it"
      onChange=${save}
    />
  </label>`;
}

function Tools({ entry, onHeart, onDelete, onRestore }) {
  const { studio } = useShared();
  const [, busyWhile] = useWork();
  const [side, setSide] = useSide();
  const [, put] = useSave();
  const save = busyWhile(async () => put({ png: await studio.gallery.png(entry.id), recipe: entry.recipe }, side));
  return html`<div class="row">
    ${!entry.deleted && html`<${Heart} kept=${Boolean(entry.kept)} onClick=${() => onHeart(entry)} />`}
    <${IconButton} name="save" label="Save as a PNG" onClick=${save} />
    <${Side} id="card-side" side=${side} onSide=${setSide} />
    ${
      entry.deleted
        ? html`<button type="button" onClick=${() => onRestore([entry.id])}>
            <${Icon} name="again" /> Put it back
          </button>`
        : html`<${IconButton} name="trash" label="Delete" onClick=${() => onDelete([entry.id])} />`
    }
  </div>`;
}

/** Draw it again, and say whether it is the same. */
function Again({ entry }) {
  const { studio } = useShared();
  const [drawn, setDrawn] = useState(null);
  const [busy, busyWhile] = useWork();
  const again = busyWhile(async () => setDrawn(await studio.gallery.again(entry.id)));
  const said =
    drawn &&
    (drawn.difference === 0
      ? say`The same, to the bit.`
      : say`Its values differ by at most ${drawn.difference} of 255.`);
  return html`<div class="stack">
    <div class="row">
      <button type="button" id="again" disabled=${busy} onClick=${again}>
        <${Icon} name="again" /> ${busy ? say`Drawing ...` : say`Draw it again`}
      </button>
    </div>
    <p class="small" role="status" id="same">${said}</p>
    ${drawn && drawn.difference > 0 && html`<${PngImage} png=${drawn.png} alt="As it is drawn now" />`}
  </div>`;
}
