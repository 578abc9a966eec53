// A studio on a server: the client of its HTTP API.

import { isIn } from "./classroom.js";
import { StudioError } from "./errors.js";
import { bytesOf, pngOfText } from "./pngs.js";

const TOKEN = "limner.token";
const BUSY = 429;
const TRIES = 4;
const MOST_SECONDS = 15;
const LEAST = "u=7"; // of urgencies, RFC 9218
const ID = /^[0-9a-f]{64}$/;

/** The studio that serves this page. */
export class ServerStudio {
  kind = "server";

  constructor() {
    this.gallery = new Gallery(this);
    this.ratings = new Ratings(this);
    this.classroom = new Classroom(this);
  }

  /** Store the token that other machines need, until this tab is closed. */
  set token(token) {
    sessionStorage.setItem(TOKEN, token);
  }

  async artists() {
    return (await this.get("v1/artists")).data;
  }

  async words(artist) {
    return (await this.get(`v1/artists/${encodeURIComponent(artist)}`)).words;
  }

  async systems() {
    return (await this.get("v1/systems")).data;
  }

  /**
   * Draw a picture of each row, after `stop` drafts where that is given; see the README beside this file for what rows
   * and pictures are. What is drawn `aside` waits for all that is not.
   */
  async draw(artist, rows, { knobs = {}, size, stop, signal, aside = false } = {}) {
    const asked = { model: artist, rows, knobs, response_format: "b64_json" };
    const body = { ...asked, ...sized(size), ...(stop ? { stop } : {}) };
    const headers = aside ? { Priority: LEAST } : {};
    const answer = await (await this.ask("v1/images/batch", { method: "POST", body, signal, headers })).json();
    return answer.data.map(picture);
  }

  /** Yield drafts as they arrive, then the picture. */
  async *watch(artist, { request, seed }, { knobs = {}, signal } = {}) {
    const body = { model: artist, request, seed, knobs, stream: true };
    const answer = await this.ask("v1/images/generations", { method: "POST", body, signal });
    for await (const event of events(answer.body)) {
      if (event.type === "error") throw new StudioError(event.error.message);
      if (event.recipe) yield picture(event);
      else {
        const { note, progress, draft } = event;
        yield { png: pngOfText(event.b64_json), note, progress, draft };
      }
    }
  }

  /** Draw a picture and tell where each word was looked at. */
  async attention(artist, { request, seed }, { knobs = {}, signal } = {}) {
    const body = { model: artist, request, seed, knobs, response_format: "b64_json" };
    const answer = await this.post("v1/images/attention", body, signal);
    const looks = answer.looks.map((look) => ({ ...look, maps: bytesOf(look.maps) }));
    return { picture: picture({ ...answer, unknown: {} }), words: answer.words, looks };
  }

  async caption(artist, file) {
    const path = `v1/captions?model=${encodeURIComponent(artist)}`;
    return (await (await this.ask(path, { method: "POST", body: file })).json()).caption;
  }

  /** Name what a judge sees in a picture: {attribute: value}. */
  async seen(artist, png, { signal } = {}) {
    const path = `v1/seen?model=${encodeURIComponent(artist)}`;
    return (await (await this.ask(path, { method: "POST", body: png, signal })).json()).seen;
  }

  /** Read a picture of a person's own: {values, certainty}, by the artist itself where it names attributes, or a judge. */
  async read(artist, file, { byArtist, signal } = {}) {
    const path = `${byArtist ? "v1/attributes" : "v1/seen"}?model=${encodeURIComponent(artist)}`;
    const { attributes, seen, certainty } = await (await this.ask(path, { method: "POST", body: file, signal })).json();
    return { values: attributes ?? seen, certainty };
  }

  async style(artist, file) {
    const path = `v1/styles?model=${encodeURIComponent(artist)}`;
    return (await (await this.ask(path, { method: "POST", body: file })).json()).seed;
  }

  async get(path, signal) {
    return (await this.ask(path, { signal })).json();
  }

  async post(path, body, signal) {
    return (await this.ask(path, { method: "POST", body, signal })).json();
  }

  /** Send a request; throw StudioError for any response but a successful one. */
  async ask(path, { method = "GET", body, signal, headers: given = {} } = {}) {
    const headers = { ...given };
    const token = sessionStorage.getItem(TOKEN);
    if (token) headers.Authorization = `Bearer ${token}`;
    const isJson = body !== undefined && !(body instanceof Blob);
    if (isJson) headers["Content-Type"] = "application/json";
    const sent = isJson ? JSON.stringify(body) : body;
    const answer = await patiently(() => reach(`./${path}`, { method, headers, body: sent, signal }), signal);
    if (answer.ok) return answer;
    const { status } = answer;
    if (status === 401) throw new StudioError("the studio asks for another token: reload the page", { status });
    const failure = await answer.json().catch(() => null);
    throw new StudioError(failure?.error?.message ?? `the studio answered ${status}`, { status });
  }
}

async function reach(path, asked) {
  try {
    return await fetch(path, asked);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new StudioError("the studio does not answer: is it still running?", { unreachable: true });
  }
}

/** Ask again where the studio has too much to do and says when; what nobody waits for any more ends the waiting. */
async function patiently(ask, signal) {
  for (let left = TRIES; ; left -= 1) {
    const answer = await ask();
    const seconds = Number(answer.headers.get("Retry-After"));
    if (answer.status !== BUSY || !left || !(seconds >= 0 && seconds <= MOST_SECONDS)) return answer;
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    signal?.throwIfAborted();
  }
}

class Gallery {
  constructor(studio) {
    this.studio = studio;
  }

  page({ shelf = "kept", q = "", artist = "", parent = "", limit = 50, after } = {}) {
    const query = new URLSearchParams({ shelf, q, artist, limit });
    if (parent) query.set("parent", parent);
    if (after) query.set("after", after);
    return this.studio.get(`v1/gallery/pictures?${query}`);
  }

  async get(id) {
    if (!ID.test(id)) throw new StudioError("there is no such picture in the gallery", { status: 404 });
    return this.studio.get(`v1/gallery/pictures/${id}`);
  }

  /** Return the picture as a Blob. */
  async png(id) {
    return (await this.studio.ask(`v1/gallery/pictures/${id}.png`)).blob();
  }

  async add(png, { keep = false, parents = null, note = "" } = {}) {
    const entry = await this.studio.post("v1/gallery/pictures", { png: await base64(png), keep, parents, note });
    if (isIn()) this.studio.classroom.made(entry.id);
    return entry;
  }

  async change(id, changes) {
    return (await this.studio.ask(`v1/gallery/pictures/${id}`, { method: "PATCH", body: changes })).json();
  }

  remove(ids) {
    return this.studio.post("v1/gallery/delete", { ids });
  }

  undo(token) {
    return this.studio.post("v1/gallery/undo", { undo: token });
  }

  async export(shelf = "kept") {
    return (await this.studio.ask(`v1/gallery/export?shelf=${shelf}`)).blob();
  }

  async import(file) {
    return (await this.studio.ask("v1/gallery/import", { method: "POST", body: file })).json();
  }

  /** Draw a kept picture again; `difference` is 0 where it is the same bit for bit. */
  async again(id) {
    const answer = await this.studio.ask(`v1/gallery/pictures/${id}/again`, { method: "POST" });
    return { png: await answer.blob(), difference: Number(answer.headers.get("Limner-Difference")) };
  }
}

class Ratings {
  constructor(studio) {
    this.studio = studio;
  }

  get(path) {
    return this.studio.get(`v1/ratings/${path}`);
  }

  post(path, body) {
    return this.studio.post(`v1/ratings/${path}`, body);
  }
}

/** A class that is let in for a while. */
class Classroom {
  constructor(studio) {
    this.studio = studio;
  }

  now() {
    return this.studio.get("v1/class");
  }

  open(minutes) {
    const address = /^(localhost|127\.|\[::1\])/.test(location.hostname) ? "" : location.href.split("#")[0];
    return this.studio.post("v1/class", { minutes, address });
  }

  async close() {
    await this.studio.ask("v1/class", { method: "DELETE" });
  }

  /** Exchange the word of a class for a token. */
  async enter(word, name) {
    return (await this.studio.post("v1/class/enter", { word, name })).token;
  }

  /** Put what was made on the wall; that it is not there costs nobody a picture. */
  async made(picture) {
    await this.studio.post("v1/class/made", { picture }).catch(() => {});
  }
}

/** Say in a body how large pictures are to be, where that is asked. */
function sized(size) {
  return size ? { size: `${size}x${size}` } : {};
}

function picture({ b64_json, recipe, unknown, text, boxes, points, masks }) {
  return { png: pngOfText(b64_json), recipe, unknown, text, boxes, points, masks };
}

/** Return a file as base64. */
export async function base64(png) {
  const read = new FileReader();
  await new Promise((done, failed) => {
    read.onload = done;
    read.onerror = () => failed(read.error);
    read.readAsDataURL(png);
  });
  return read.result.slice(read.result.indexOf(",") + 1);
}

/** Yield the bodies of server-sent events. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const whole = text.split("\n\n");
      text = whole.pop();
      for (const event of whole) {
        const data = event.split("\n").find((line) => line.startsWith("data: "));
        if (data) yield JSON.parse(data.slice(6));
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
