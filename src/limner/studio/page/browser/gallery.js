// The gallery of this browser: favourites, history and a bin in IndexedDB, as the server's gallery answers.

import { StudioError } from "../errors.js";
import { texts } from "../requests.js";
import { isTime, packed, unpacked } from "./gallery_zip.js";
import { difference } from "./pixels.js";
import { readPng, withRecipe } from "./png.js";
import { checked, folded, identity, sound } from "./recipe.js";

const NAME = "limner";
const HISTORY = 10_000;
const DAY = 86_400e6; // all times are microseconds since 1970
const DAYS = 30;
const MAX_WORDS = 20;
const TRIM_EVERY = 100;
const AT = { kept: "kept_at", drawn: "drawn_at", deleted: "deleted_at" };

/** Pictures with the recipes that draw them again. */
export class Gallery {
  #open = null;
  #redraw;
  #artists;
  #added = 0;

  /** `redraw(row, artist, options)` draws; `artists` are those of this page. */
  constructor(redraw, artists) {
    this.#redraw = redraw;
    this.#artists = artists;
  }

  /** Return a page of a shelf, newest first. */
  async page({ shelf = "kept", q = "", artist = "", parent = "", limit = 50, after } = {}) {
    const at = AT[shelf];
    const asked = folded(q).slice(0, MAX_WORDS);
    const fits = (one) =>
      on(one, shelf) &&
      (!artist || one.artist === artist) &&
      (!parent || one.recipe.parents?.includes(parent)) &&
      asked.every((word) => one.words.includes(` ${word}`));
    const all = (await this.#all()).filter(fits).sort((a, b) => b[at] - a[at] || (a.id < b.id ? 1 : -1));
    const start = after ? all.findIndex((one) => later(one, at, after)) : 0;
    const some = start < 0 ? [] : all.slice(start, start + limit);
    const whole = some.filter(canBeShown);
    const last = some.at(-1);
    const next = last && all.indexOf(last) + 1 < all.length ? `${last[at]}-${last.id}` : null;
    return { data: whole.map(shown), next, total: all.length - (some.length - whole.length) };
  }

  async get(id) {
    return shown(await this.#one(id));
  }

  /** Return the picture as a Blob. */
  async png(id) {
    const found = await this.#do("readonly", (stores) => stores.pngs.get(id));
    if (!found) throw missing();
    return new Blob([found], { type: "image/png" });
  }

  /** Put a picture in, or its heart and note on the one that is there; what is kept stays so. */
  async add(png, { keep = false, parents = null, note = "" } = {}) {
    const now = clock();
    const picture = arrived(new Uint8Array(await png.arrayBuffer()), parents);
    const [{ one }] = await this.#put([{ ...picture, note, drawn_at: now, kept_at: keep ? now : null }], true);
    this.#added += 1;
    if (this.#added >= TRIM_EVERY) await this.#trim();
    return shown(one);
  }

  /** Set or take the heart; write the note. */
  async change(id, { keep = null, note = null }) {
    const one = await this.#one(id);
    if (keep !== null) one.kept_at = keep ? (one.kept_at ?? clock()) : null;
    if (note !== null) Object.assign(one, { note, words: searched(one.recipe, note) });
    await this.#do("readwrite", (stores) => stores.pictures.put(one));
    return shown(one);
  }

  /** Put pictures in the bin; `undo` of what is returned brings them back. */
  async remove(ids) {
    const undo = crypto.getRandomValues(new Uint8Array(16)).reduce((text, byte) => text + hex(byte), "");
    const wanted = new Set(ids);
    const gone = (await this.#all()).filter((one) => wanted.has(one.id) && one.deleted_at === null);
    for (const one of gone) Object.assign(one, { deleted_at: clock(), deletion: undo });
    await this.#write(gone);
    return { undo, deleted: gone.length };
  }

  /** Bring back what one deletion took, hearts and all. */
  async undo(token) {
    const back = (await this.#all()).filter((one) => one.deletion === token);
    if (!back.length) throw new StudioError("there is nothing to restore: it was restored already", { status: 404 });
    for (const one of back) Object.assign(one, { deleted_at: null, deletion: null });
    await this.#write(back);
    return { restored: back.length };
  }

  /** Return a shelf as a zip, which any gallery of Limner's can import. */
  async export(shelf = "kept") {
    const some = (await this.#all()).filter((one) => on(one, shelf)).sort((a, b) => a[AT[shelf]] - b[AT[shelf]]);
    const entries = [];
    for (const one of some) entries.push({ one, png: await this.#do("readonly", (stores) => stores.pngs.get(one.id)) });
    return packed(entries);
  }

  /** Add what a zip holds, nothing unless all of it is sound; of what is here nothing is lost, changed or pushed out. */
  async import(file) {
    const entries = await unpacked(file);
    const some = [];
    for (const { line, png } of entries) {
      const picture = arrived(png, null);
      if (picture.id !== line.id || identity(checked(line.recipe)) !== line.id) {
        throw new StudioError(`the picture ${line.id.slice(0, 12)} in the zip has another recipe than is listed`);
      }
      some.push({ ...picture, ...datedTo(clock(), line) });
    }
    const leftOut = beyondRoom(some, await this.#all(), HISTORY);
    const wanted = some.filter(({ id }) => !leftOut.has(id));
    const found = await this.#put(wanted, false);
    return { pictures: some.length, added: found.filter(({ fresh }) => fresh).length };
  }

  /** Draw a picture again from its recipe; `difference` is 0 where it is the same, byte for byte. */
  async again(id) {
    const { recipe } = await this.#one(id);
    const artist = this.#artists.find(({ checkpoint }) => checkpoint === recipe.checkpoint);
    if (!artist) throw new StudioError(`${recipe.artist}, who drew this, is not on this page`, { status: 409 });
    const { png } = await this.#redraw(recipe, artist.id, { knobs: recipe.knobs, size: recipe.size });
    return { png, difference: await difference(png, await this.png(id)) };
  }

  async #one(id) {
    const found = await this.#do("readonly", (stores) => stores.pictures.get(id));
    if (!found) throw missing();
    return found;
  }

  /** Return all pictures but those that no page could show. */
  async #all() {
    return (await this.#do("readonly", (stores) => stores.pictures.getAll())).filter(isDated);
  }

  #write(some) {
    return this.#do("readwrite", (stores) => {
      for (const one of some) stores.pictures.put(one);
    });
  }

  /**
   * Add pictures, or what is new of those that are there, all or none; return each as it is then, and if it is new.
   * Of those that are there, notes and pixels are replaced only by one's own.
   */
  async #put(some, own) {
    const found = [];
    await this.#do("readwrite", ({ pictures, pngs }) => {
      for (const { bytes, ...one } of some) {
        const asked = pictures.get(one.id);
        asked.onsuccess = () => {
          const old = asked.result && isDated(asked.result) && canBeShown(asked.result) ? asked.result : undefined;
          const whole = united(old, one, own);
          pictures.put(whole);
          if (!old || own) pngs.put(old ? withRecipe(bytes, old.recipe) : bytes, one.id);
          found.push({ one: whole, fresh: !old });
        };
      }
    });
    return found;
  }

  /** Forget history beyond what is remembered, and empty the bin of what lies in it for too long. */
  async #trim() {
    this.#added = 0;
    const all = await this.#all();
    const past = all.filter((one) => one.kept_at === null && one.deleted_at === null);
    const ahead = (one) => one.drawn_at > clock(); // by a clock that was wrong: these go first
    const old = past.sort((a, b) => ahead(a) - ahead(b) || b.drawn_at - a.drawn_at).slice(HISTORY);
    const gone = [...old, ...all.filter((one) => one.deleted_at !== null && one.deleted_at < clock() - DAYS * DAY)];
    await this.#do("readwrite", (stores) => {
      for (const { id } of gone) {
        stores.pictures.delete(id);
        stores.pngs.delete(id);
      }
    });
  }

  /** Work on the stores in one transaction; return the result of the request that `work` returns, once it is safe. */
  async #do(mode, work) {
    const first = this.#open === null;
    this.#open ??= opened();
    const database = await this.#open;
    if (first) this.#trim().catch(() => {}); // another time, if not now
    const transaction = database.transaction(["pictures", "pngs"], mode, { durability: "strict" });
    const stores = { pictures: transaction.objectStore("pictures"), pngs: transaction.objectStore("pngs") };
    const request = work(stores);
    await new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onabort = () => failed(full(transaction.error));
    });
    return request?.result;
  }
}

/** Return a picture as the page has it. */
function shown({ id, recipe, note, width, height, drawn_at, kept_at, deleted_at }) {
  const times = { drawn: moment(drawn_at), kept: moment(kept_at), deleted: moment(deleted_at) };
  return { id, recipe, parents: recipe.parents, note, width, height, ...times };
}

function opened() {
  return new Promise((done, failed) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("pictures", { keyPath: "id" });
      opening.result.createObjectStore("pngs");
    };
    opening.onsuccess = () => done(opening.result);
    const shut = "this browser keeps no pictures for this page: is it a private window?";
    opening.onerror = () => failed(new StudioError(shut));
  });
}

/** Read a picture that came in: its bytes with its recipe, which may get other parents. */
function arrived(bytes, parents) {
  let read;
  try {
    read = readPng(bytes);
  } catch (error) {
    throw new StudioError(error.message);
  }
  if (read.recipe === null) throw new StudioError("the picture holds no recipe: it was not drawn by Limner");
  const recipe = checked(parents ? { ...read.recipe, parents } : read.recipe);
  const { artist, checkpoint } = recipe;
  const { width, height } = read;
  const whole = parents ? withRecipe(bytes, recipe) : bytes;
  return { id: identity(recipe), artist, checkpoint, recipe, width, height, bytes: whole };
}

/** Return what a picture is when it comes again: what is kept stays so, and it comes out of the bin. */
export function united(old, one, own) {
  const note = (own ? one.note || old?.note : old?.note || one.note) ?? "";
  const kept_at = old?.kept_at ?? one.kept_at;
  const drawn_at = old && !own ? old.drawn_at : Math.max(old?.drawn_at ?? 0, one.drawn_at);
  const size = own ? { width: one.width, height: one.height } : {};
  const words = searched(one.recipe, note);
  return { ...(old ?? one), ...size, note, words, kept_at, drawn_at, deleted_at: null, deletion: null };
}

/** Return the note and times of a zip's line, of which none lies behind the present. */
export function datedTo(now, { note, drawn_at, kept_at }) {
  return { note, drawn_at: Math.min(drawn_at, now), kept_at: kept_at === null ? null : Math.min(kept_at, now) };
}

/** Return the ids of those pictures of another gallery's history for which there is no room: the oldest. */
export function beyondRoom(some, all, most) {
  const here = new Set(all.filter(({ deleted_at }) => deleted_at === null).map(({ id }) => id));
  const history = all.filter(({ kept_at, deleted_at }) => kept_at === null && deleted_at === null).length;
  const fresh = some.filter(({ id, kept_at }) => kept_at === null && !here.has(id));
  const newest = fresh.sort((a, b) => b.drawn_at - a.drawn_at || (a.id < b.id ? 1 : -1));
  return new Set(newest.slice(Math.max(most - history, 0)).map(({ id }) => id));
}

/** Has a picture all that a shelf is ordered and searched by? */
export function isDated({ id, words, artist, drawn_at, kept_at, deleted_at }) {
  const named = [id, words, artist].every((text) => typeof text === "string");
  return named && isTime(drawn_at) && [kept_at, deleted_at].every((at) => at === null || isTime(at));
}

/** Does a picture's recipe hold what the page shows of it? */
export function canBeShown({ recipe }) {
  try {
    sound(recipe);
    return true;
  } catch {
    return false;
  }
}

function searched(recipe, note) {
  return folded(...texts(recipe.request), recipe.artist, note)
    .map((word) => ` ${word}`)
    .join("");
}

function on(one, shelf) {
  if (shelf === "deleted") return one.deleted_at !== null;
  return one.deleted_at === null && (shelf === "drawn" || one.kept_at !== null);
}

/** Does a picture come after the place that `next` of a page named? */
function later(one, at, after) {
  const cut = after.indexOf("-");
  const [time, id] = [Number(after.slice(0, cut)), after.slice(cut + 1)];
  return one[at] < time || (one[at] === time && one.id < id);
}

function clock() {
  return Math.round(1000 * (performance.timeOrigin + performance.now()));
}

function moment(at) {
  return at === null ? null : new Date(at / 1000).toISOString();
}

function hex(byte) {
  return byte.toString(16).padStart(2, "0");
}

function missing() {
  return new StudioError("there is no such picture in the gallery", { status: 404 });
}

function full(error) {
  if (error?.name !== "QuotaExceededError") return new StudioError(`the gallery cannot be written: ${error?.message}`);
  return new StudioError("there is no more room for pictures: export favourites as a zip and empty the history");
}
