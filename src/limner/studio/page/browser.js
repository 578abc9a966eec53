// A studio in this tab alone: nets run here, pictures are stored here, and nothing is sent anywhere.

import { Gallery } from "./browser/gallery.js";
import { normal } from "./browser/recipe.js";
import { StudioError } from "./errors.js";
import { pngOf } from "./pngs.js";

const PATIENCE = 20_000; // milliseconds to wait for a first picture

/** The studio of an exported folder; it answers as `ServerStudio` does. */
export class BrowserStudio {
  kind = "browser";
  ratings = null;
  #worker = null;
  #pending = new Map();
  #lastId = 0;
  #registered = null;
  /** Called with {done, all}, in bytes, while what draws is loaded. */
  onLoading = () => {};

  constructor(about) {
    this.about = about;
    this.gallery = new Gallery((row, artist, options) => this.#one(artist, row, options), about.artists);
    setTimeout(() => this.#register(), PATIENCE);
  }

  /** Keep all files for when there is no network; only pages that came over HTTPS, or from this machine, can. */
  #register() {
    this.#registered ??= navigator.serviceWorker?.register("./offline.js").catch(() => {}) ?? true;
  }

  async artists() {
    return this.about.artists;
  }

  async words(artist) {
    const answer = await fetch(new URL("artist.json", this.#folder(artist)));
    if (!answer.ok) throw new StudioError("the artist's words are not there: export the folder again");
    return (await answer.json()).words;
  }

  async systems() {
    return this.about.systems;
  }

  /** Draw a picture of each row, one after the other. */
  async draw(artist, rows, options = {}) {
    const pictures = [];
    for (const row of rows) pictures.push(await this.#one(artist, row, options));
    return pictures;
  }

  /** Yield drafts as they arrive, then the picture. */
  async *watch(artist, row, { knobs = {}, signal } = {}) {
    const messages = this.#ask(artist, row, { knobs, signal, want: "watch" });
    for await (const { draft, picture } of messages) yield draft ?? picture;
  }

  /** Draw a picture and tell where each word was looked at. */
  async attention(artist, row, { knobs = {}, signal } = {}) {
    const about = this.about.artists.find(({ id }) => id === artist);
    if (!about?.can.attention) throw new StudioError(`${artist} does not look at single words`);
    for await (const { picture, words, looks } of this.#ask(artist, row, { knobs, signal, want: "attention" })) {
      if (!words.length) throw new StudioError("attention is of the words of a sentence: give a prompt that has some");
      return { picture, words, looks };
    }
    throw new StudioError("nothing was drawn");
  }

  /** Return the sheet of pictures that was drawn when the folder was written: {address, columns, rows}. */
  async faces(artist) {
    const answer = await fetch(new URL("faces.json", this.#folder(artist)));
    if (!answer.ok) throw new StudioError("this folder has no faces: export it again");
    return { address: new URL("faces.webp", this.#folder(artist)).href, ...(await answer.json()) };
  }

  async caption() {
    throw new StudioError("this page cannot say what is in a picture: that takes a studio on a server");
  }

  /** Name what a judge sees in a picture: {attribute: value}. */
  async seen(artist, png, { signal } = {}) {
    return (await this.read(artist, png, { signal })).values;
  }

  /** Read a picture of a person's own, as many pixels as the artist draws: {values, certainty}, by the judge. */
  async read(artist, png, { signal } = {}) {
    const { attributes } = this.about.artists.find(({ id }) => id === artist);
    const bytes = new Uint8Array(await png.arrayBuffer());
    const own = (all) => Object.fromEntries(Object.entries(all).filter(([name]) => name in attributes));
    for await (const { seen, certainty } of this.#run(artist, { png: bytes, want: "seen" }, signal)) {
      return { values: own(seen), certainty: own(certainty) };
    }
    throw new StudioError("nothing was seen");
  }

  async style() {
    throw new StudioError("this page cannot take the style of a picture: that takes a studio on a server");
  }

  async #one(artist, row, { knobs = {}, size, signal } = {}) {
    for await (const { picture } of this.#ask(artist, row, { knobs, size, signal, want: "picture" })) return picture;
    throw new StudioError("nothing was drawn");
  }

  #folder(artist) {
    return address(`artists/${artist}`);
  }

  /** Yield what the worker says, its pictures as PNGs. */
  async *#ask(artist, row, { signal, ...asked }) {
    const { request, seed } = normal(row);
    for await (const message of this.#run(artist, { row: { request, seed }, ...asked }, signal)) {
      const { draft, picture } = message;
      for (const one of [draft, picture].filter(Boolean)) {
        one.png = pngOf(one.bytes);
        delete one.bytes;
      }
      yield message;
    }
  }

  /** Send a task to the worker; yield its messages until it is done. */
  async *#run(artist, asked, signal) {
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    const messages = [];
    let wake = () => {};
    const onMessage = (message) => {
      messages.push(message);
      wake();
    };
    const abort = () => {
      this.#worker?.postMessage({ id, abort: true });
      onMessage({ aborted: true });
    };
    this.#pending.set(id, onMessage);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const task = { runtime: address("runtime"), folder: this.#folder(artist), judges: address("judges"), ...asked };
      task.runtimeBytes = this.about.runtime_bytes ?? 0;
      this.#open().postMessage({ id, ...task });
      for (;;) {
        if (!messages.length) await new Promise((done) => (wake = done));
        const message = messages.shift();
        if (message.aborted) throw signal.reason;
        if (message.error) throw new StudioError(message.error);
        if (message.done) return;
        yield message;
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#pending.delete(id);
    }
  }

  #open() {
    if (this.#worker) return this.#worker;
    this.#worker = new Worker(new URL("./browser/worker.js", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }) => {
      if (data.loading) this.onLoading(data.loading);
      else this.#pending.get(data.id)?.(data);
      if (data.picture) this.#register(); // not before, as it would take the line from the first picture
    });
    this.#worker.addEventListener("error", () => {
      this.#worker = null; // the next task starts another
      const error = "the part of the page that draws did not start: reload it";
      for (const onMessage of this.#pending.values()) onMessage({ error });
    });
    return this.#worker;
  }
}

/** Return the address of a folder beside the page. */
function address(folder) {
  return new URL(`${folder}/`, document.baseURI).href;
}
