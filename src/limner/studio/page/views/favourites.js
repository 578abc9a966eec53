// Favourites: what was kept, what was drawn, and what was thrown away.

import { useBringing } from "../brought.js";
import { Card } from "../card.js";
import { useToggle } from "../hearts.js";
import { html, say, told } from "../lang.js";
import { download, FileDrop, GalleryPicture, Heart, Icon, Title, useShared, useStored, useWork } from "../parts.js";
import { nameOf } from "../requests.js";
import { go, to } from "../routes.js";
import { saveAll, useSide } from "../saving.js";
import { useShelf } from "../shelf.js";
import { End } from "../tiles.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const SHELVES = { kept: "Favourites", drawn: "Everything made", deleted: "Bin" };
const EMPTY = {
  kept: "Nothing is kept yet. Draw something and press its heart, or look through Endless.",
  drawn: "Nothing was drawn yet. What you make is remembered here.",
  deleted: "The bin is empty. What you delete lies here for a while and can be put back.",
};

/** The view; `?picture=ID` opens the card of a picture. */
export default function Favourites({ route }) {
  const [asked, setAsked] = useStored("favourites", { shelf: "kept", q: "", artist: "" });
  const [chosen, setChosen] = useState([]);
  const [near, setNear] = useState(false);
  const clear = () => setChosen([]);
  const change = (changes) => {
    setAsked((old) => ({ ...old, ...changes }));
    clear();
  };
  const shelf = useShelf(asked);
  const actions = useActions(shelf, clear);
  const { entries, next, more, put } = shelf;
  const choose = useChoice(entries, setChosen);
  useChoiceKeys({ entries, chosen, setChosen, remove: asked.shelf === "deleted" ? null : actions.remove });
  useEffect(() => {
    if (SHELVES[route.query.shelf]) change({ shelf: route.query.shelf });
  }, [route.query.shelf]);
  useEffect(() => {
    if (near && next) more();
  }, [near, next]);
  const opened = route.query.picture;
  return html`<div class="stack" id="favourites">
    <${Title} text="Mine" />
    <${Filters} asked=${asked} change=${change} />
    <${Selected} chosen=${chosen} shelf=${asked.shelf} actions=${actions} total=${shelf.total} clear=${clear} />
    ${shelf.ready && !entries.length && html`<p class="empty">${emptyOf(asked)}</p>`}
    <ul class="sheet">
      ${entries.map((entry) => {
        const isChosen = chosen.includes(entry.id);
        return html`<${Entry} key=${entry.id} entry=${entry} chosen=${isChosen} onChosen=${choose}
          onHeart=${actions.heart} />`;
      })}
    </ul>
    <${End} onSeen=${setNear}>${next && html`<button type="button" id="more" onClick=${more}>More</button>`}<//>
    <${Files} shelf=${asked.shelf} reload=${shelf.reload} />
    ${opened && html`<${Opened} key=${opened} id=${opened} entries=${entries} put=${put} actions=${actions} />`}
  </div>`;
}

/** Return `choose(id, on, isRange)`: a range goes from the one that was chosen last. */
function useChoice(entries, setChosen) {
  const last = useRef(null);
  return (id, on, isRange) => {
    const [from, to] = [last.current, id].map((one) => entries.findIndex((entry) => entry.id === one));
    last.current = id;
    const some = isRange && from >= 0 ? entries.slice(Math.min(from, to), Math.max(from, to) + 1) : [{ id }];
    const ids = some.map((entry) => entry.id);
    setChosen((old) => [...old.filter((one) => !ids.includes(one)), ...(on ? ids : [])]);
  };
}

/** Ctrl+A chooses all that are shown, Delete deletes what is chosen, Escape chooses nothing. */
function useChoiceKeys(now) {
  const newest = useRef(now);
  newest.current = now;
  useEffect(() => {
    const pressed = (event) => {
      const { entries, chosen, setChosen, remove } = newest.current;
      const isWriting = event.target.matches("textarea, select, input:not([type=checkbox])");
      if (isWriting || document.querySelector("dialog[open]")) return;
      if (event.key === "a" && (event.ctrlKey || event.metaKey)) setChosen(entries.map(({ id }) => id));
      else if (event.key === "Delete" && chosen.length && remove) remove(chosen);
      else if (event.key === "Escape") setChosen([]);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function emptyOf({ shelf, q, artist }) {
  return q || artist ? say`Nothing fits. Search for other words.` : told(EMPTY[shelf]);
}

/** Which shelf, and what on it. */
function Filters({ asked, change }) {
  const { artists } = useShared();
  return html`<div class="bar">
    <div class="shelves" role="group" aria-label="Shelf">
      ${Object.entries(SHELVES).map(([name, text]) => {
        const press = () => change({ shelf: name });
        const isThis = name === asked.shelf;
        return html`<button type="button" key=${name} aria-pressed=${isThis} data-shelf=${name} onClick=${press}>
          ${told(text)}
        </button>`;
      })}
    </div>
    <label class="grow">
      <span class="hidden">Search</span>
      <input
        id="search"
        type="search"
        maxlength="500"
        placeholder="Search words and notes"
        value=${asked.q}
        onInput=${(event) => change({ q: event.target.value })}
      />
    </label>
    ${artists.length > 1 && html`<${OfArtist} chosen=${asked.artist} change=${change} />`}
  </div>`;
}

function OfArtist({ chosen, change }) {
  const { artists } = useShared();
  return html`<label>
    <span class="hidden">Of artist</span>
    <select id="of" value=${chosen} onChange=${(event) => change({ artist: event.target.value })}>
      <option value="">All artists</option>
      ${artists.map((one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}
    </select>
  </label>`;
}

/** Where what had the focus is gone, go on with the next picture. */
function comeBack() {
  if (document.activeElement !== document.body) return;
  (document.querySelector("#favourites .tile .open") ?? document.querySelector("main h1"))?.focus();
}

/** What can be done with several pictures. */
function useActions(shelf, done) {
  const { studio, hearts, notify } = useShared();
  const [, busyWhile] = useWork();
  const changing = (work) =>
    busyWhile(async (ids) => {
      await work(ids);
      done();
      await shelf.reload();
      setTimeout(comeBack);
      await hearts.renew();
    });
  const remove = changing(async (ids) => {
    const { undo, deleted } = await studio.gallery.remove(ids);
    const back = changing(() => studio.gallery.undo(undo));
    notify(deleted === 1 ? say`Deleted` : say`${deleted} deleted`, { action: say`Undo`, run: back });
  });
  const restore = changing(async (ids) => {
    for (const id of ids) await studio.gallery.add(await studio.gallery.png(id), { keep: false });
    notify(ids.length === 1 ? say`Put back` : say`${ids.length} put back`);
  });
  const toggle = useToggle();
  const heart = (entry) =>
    toggle(Boolean(entry.kept), async (keep) => {
      const next = await studio.gallery.change(entry.id, { keep });
      shelf.put(next);
      if (keep) shelf.reload(); // it may be back on a shelf that it had left
      return next;
    });
  return { remove, restore, heart };
}

/** The line that tells how many there are, or what can be done with those that were chosen. */
function Selected({ chosen, shelf, actions, total, clear }) {
  if (!chosen.length)
    return html`<p class="soft small" id="total">${total === 1 ? "1 picture" : `${total} pictures`}</p>`;
  const mix = () => go("mix", { picture: chosen[0], with: chosen[1] });
  return html`<div class="bar" id="selected" role="group" aria-label="Chosen pictures">
    <strong>${chosen.length} chosen</strong>
    ${
      shelf === "deleted"
        ? html`<button type="button" onClick=${() => actions.restore(chosen)}><${Icon} name="again" /> Put back</button>`
        : html`<button type="button" id="delete" onClick=${() => actions.remove(chosen)}>
              <${Icon} name="trash" /> Delete
            </button>
            <${SaveChosen} chosen=${chosen} />
            <button type="button" id="mix" disabled=${chosen.length !== 2} onClick=${mix}>
              <${Icon} name="mix" /> Mix two
            </button>
            <button type="button" disabled=${chosen.length !== 1} onClick=${() => go("morph", { picture: chosen[0] })}>
              <${Icon} name="morph" /> Morph
            </button>`
    }
    <button type="button" class="plain" onClick=${clear}>None</button>
  </div>`;
}

/** Save those that were chosen, all in one zip where they are several. */
function SaveChosen({ chosen }) {
  const { studio, artists } = useShared();
  const [busy, busyWhile] = useWork();
  const [side] = useSide();
  const save = busyWhile(async () => {
    const pictures = [];
    for (const id of chosen) pictures.push({ png: await studio.gallery.png(id), ...(await studio.gallery.get(id)) });
    await saveAll(studio, artists, pictures, side);
  });
  return html`<button type="button" id="save-chosen" disabled=${busy} onClick=${save}>
    <${Icon} name="save" /> ${busy ? say`Saving ...` : say`Save`}
  </button>`;
}

function Entry({ entry, chosen, onChosen, onHeart }) {
  const text = nameOf(entry.recipe);
  return html`<li class="tile" data-picture=${entry.id}>
    <button type="button" class="open" title=${text} onClick=${() => go("favourites", { picture: entry.id })}>
      <${GalleryPicture} entry=${entry} alt=${text} />
    </button>
    <input
      class="chosen"
      type="checkbox"
      checked=${chosen}
      aria-label=${say`Choose: ${text}`}
      onClick=${(event) => onChosen(entry.id, event.target.checked, event.shiftKey)}
    />
    ${!entry.deleted && html`<${Heart} kept=${Boolean(entry.kept)} onClick=${() => onHeart(entry)} />`}
    <span class="under">${entry.note || text}</span>
  </li>`;
}

/** The card of a picture, be it on this shelf or not. */
function Opened({ id, entries, put, actions }) {
  const { studio, fail } = useShared();
  const [found, setFound] = useState(null);
  const close = () => location.replace(to("favourites")); // the way back does not open it again
  useEffect(() => {
    studio.gallery.get(id).then(setFound, (error) => {
      fail(error);
      close();
    });
  }, [id]);
  const entry = entries.find((one) => one.id === id) ?? (found?.id === id ? found : null);
  const changed = (next) => {
    setFound(next);
    put(next);
  };
  const place = entries.findIndex((one) => one.id === id);
  const beside = (by) => (place < 0 ? null : (entries[place + by]?.id ?? null));
  return (
    entry &&
    html`<${Card}
      key=${id}
      before=${beside(-1)}
      after=${beside(1)}
      entry=${entry}
      onChange=${changed}
      onDelete=${actions.remove}
      onRestore=${actions.restore}
      onHeart=${(one) => actions.heart(one).then(() => studio.gallery.get(id).then(setFound, fail))}
      onClose=${close}
    />`
  );
}

/** Take pictures along as a zip, and bring them. */
function Files({ shelf, reload }) {
  const { studio } = useShared();
  const [saving, busyWhile] = useWork();
  const [bringing, bring] = useBringing(reload);
  const busy = saving || bringing;
  const save = busyWhile(async () => download(await studio.gallery.export(shelf), `limner-${shelf}.zip`));
  return html`<div class="bar" aria-busy=${busy}>
    ${
      shelf !== "deleted" &&
      html`<button type="button" id="export" disabled=${busy} onClick=${save}>
        <${Icon} name="save" /> Save all as a zip
      </button>`
    }
    <${FileDrop}
      id="import"
      label="Bring pictures that were saved here, or a zip of them: drop or choose"
      accept=".zip,application/zip,image/png"
      onFile=${(file) => bring([file])}
    />
  </div>`;
}
