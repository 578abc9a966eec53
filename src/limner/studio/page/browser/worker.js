// The thread that draws, so that drawing stops nobody from typing: nets in, pictures out.
//
// It is asked {id, runtime, folder, row, knobs, size, want}, `runtime` and `folder` being addresses, and answers {id, draft},
// ..., {id, picture}, then {id, done} or {id, error}; {id, abort} says that nobody waits any more. While its files come it
// says {loading: {done, all}}, in bytes. With `want` "seen" it is given a picture, `png`, and answers {id, seen, certainty}.

import { StudioError } from "../errors.js";
import { Artist, attentionOf, check } from "./artist.js";
import { pixels } from "./pixels.js";
import { Picture } from "./png.js";

const artists = new Map();
const waiting = new Set();
const dropped = new Set();
let queue = Promise.resolve();
let running = null;

self.addEventListener("message", ({ data }) => {
  if (data.abort) {
    if (waiting.has(data.id)) dropped.add(data.id);
    return;
  }
  waiting.add(data.id);
  queue = queue.then(() => answer(data));
});

async function answer(asked) {
  const { id } = asked;
  try {
    if (!dropped.has(id)) await (asked.want === "seen" ? look(asked) : draw(asked));
    self.postMessage({ id, done: true });
  } catch (error) {
    self.postMessage({ id, error: error.name === "StudioError" ? error.message : `drawing failed: ${error.message}` });
  }
  waiting.delete(id);
  dropped.delete(id);
}

async function draw({ id, runtime, runtimeBytes, folder, row, knobs, size, want }) {
  const artist = await opened(folder, runtime, runtimeBytes);
  check(artist.facts, row, knobs, size);
  const all = { ...artist.facts.knobs, ...knobs };
  const looks = [];
  const words = artist.words(row.request);
  for await (const draft of artist.drafts(row, all)) {
    await breath(); // what came meanwhile may say that nobody waits any more
    if (dropped.has(id)) return;
    if (draft.attention && want === "attention") looks.push(attentionOf(draft, words.length));
    const { note, progress } = draft;
    if (progress < 1) {
      if (want === "watch") self.postMessage({ id, draft: { bytes: await draft.picture.pngBytes(), note, progress } });
      continue;
    }
    const { artist: name, checkpoint, system, limner } = artist.facts.recipe;
    const { request, seed } = row;
    const recipe = { artist: name, checkpoint, system, request, knobs: all, seed, limner, ...artist.enlarges(size) };
    const drawn = await artist.enlarged(draft.picture, size);
    const picture = { bytes: await drawn.pngBytes(recipe), recipe, unknown: artist.unknown(request) };
    self.postMessage({ id, picture, words, looks });
  }
}

function opened(folder, runtime, runtimeBytes) {
  if (!artists.has(folder)) {
    const opening = open(folder, runtime, runtimeBytes);
    opening.catch(() => artists.delete(folder)); // it may come the next time
    artists.set(folder, opening);
  }
  return artists.get(folder);
}

async function open(folder, runtime, runtimeBytes) {
  const facts = await (await fetched(new URL("artist.json", folder))).json();
  const counted = counter(facts.bytes + (running ? 0 : runtimeBytes));
  const ort = await runtimeOf(runtime, counted);
  return new Artist(facts, await runs(ort, folder, Object.keys(facts.parts), counted));
}

/** Open what runs nets, once; its program is the largest of all files. */
function runtimeOf(runtime, counted) {
  running ??= (async () => {
    const ort = await import(`${runtime}ort.wasm.min.js`);
    const [mjs, wasm] = ["js", "wasm"].map((kind) => `${runtime}ort-wasm-simd-threaded.${kind}`);
    ort.env.wasm.numThreads = 1; // more need headers that a static host does not send
    ort.env.wasm.wasmPaths = { mjs, wasm };
    ort.env.wasm.wasmBinary = await whole(new URL(wasm), counted);
    ort.env.logLevel = "error";
    return ort;
  })();
  running.catch(() => {
    running = null;
  });
  return running;
}

/** Return what runs nets of a folder by name. */
async function runs(ort, folder, names, counted) {
  const sessions = {};
  for (const name of names) {
    const model = await whole(new URL(`${name}.onnx`, folder), counted);
    sessions[name] = await ort.InferenceSession.create(new Uint8Array(model));
  }
  return (name, given) => {
    const feeds = {};
    for (const [key, { data, dims }] of Object.entries(given)) {
      feeds[key] = new ort.Tensor(data instanceof BigInt64Array ? "int64" : "float32", data, dims);
    }
    return sessions[name].run(feeds);
  };
}

/** Say what a judge sees in a picture of an artist. */
async function look({ id, runtime, runtimeBytes, folder, judges, png }) {
  const { facts } = await opened(folder, runtime, runtimeBytes);
  if (!facts.judge) throw new StudioError("no judge sees what this artist draws");
  const place = `${judges}${facts.judge}/`;
  if (!artists.has(place)) {
    const opening = Promise.all([
      fetched(new URL("judge.json", place)).then((answer) => answer.json()),
      runtimeOf(runtime, () => {}).then((ort) => runs(ort, place, ["judge"], () => {})),
    ]);
    opening.catch(() => artists.delete(place));
    artists.set(place, opening);
  }
  const [{ values }, run] = await artists.get(place);
  const { width, height, data } = await pixels(new Blob([png], { type: "image/png" }));
  const bytes = new Uint8Array(3 * width * height).map((_, at) => data[4 * Math.floor(at / 3) + (at % 3)]);
  const { named, certainty = { data: [] } } = await run("judge", {
    picture: new Picture(width, height, bytes).tensor(),
  });
  const found = Object.entries(values).map(([name, known], at) => [name, known[Number(named.data[at])]]);
  const sure = Object.keys(values).map((name, at) => [name, certainty.data[at] ?? null]);
  self.postMessage({ id, seen: Object.fromEntries(found), certainty: Object.fromEntries(sure) });
}

/** Return what counts bytes that have come, and tells the page of all that come before the first picture. */
function counter(all) {
  let done = 0;
  return (bytes) => {
    done += bytes;
    self.postMessage({ loading: { done, all } });
  };
}

/** Fetch a file whole, counting as it comes. */
async function whole(url, counted) {
  const answer = await fetched(url);
  const pieces = [];
  for (const reader = answer.body.getReader(); ; ) {
    const { value, done } = await reader.read();
    if (done) break;
    pieces.push(value);
    counted(value.length);
  }
  return new Response(new Blob(pieces)).arrayBuffer();
}

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname.split("/").pop()} is not there (${answer.status})`);
  return answer;
}

function breath() {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(null);
  });
}
