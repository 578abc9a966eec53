// The thread that draws, so that drawing stops nobody from typing: nets in, pictures out.
//
// It is asked {id, runtime, folder, row, knobs, size, want}, `runtime` and `folder` being addresses, and answers {id, draft},
// ..., {id, picture}, then {id, done} or {id, error}; {id, abort} says that nobody waits any more.

import { Artist, check, look } from "./artist.js";

const artists = new Map();
const waiting = new Set();
const dropped = new Set();
let queue = Promise.resolve();

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
    if (!dropped.has(id)) await draw(asked);
    self.postMessage({ id, done: true });
  } catch (error) {
    self.postMessage({ id, error: error.name === "StudioError" ? error.message : `drawing failed: ${error.message}` });
  }
  waiting.delete(id);
  dropped.delete(id);
}

async function draw({ id, runtime, folder, row, knobs, size, want }) {
  const artist = await opened(folder, runtime);
  check(artist.facts, row, knobs, size);
  const all = { ...artist.facts.knobs, ...knobs };
  const looks = [];
  const words = artist.words(row.request);
  for await (const draft of artist.drafts(row, all)) {
    await breath(); // what came meanwhile may say that nobody waits any more
    if (dropped.has(id)) return;
    if (draft.attention && want === "attention") looks.push(look(draft, words.length));
    const { note, progress } = draft;
    if (progress < 1) {
      if (want === "watch") self.postMessage({ id, draft: { png: await draft.picture.png(), note, progress } });
      continue;
    }
    const { artist: name, checkpoint, system, limner } = artist.facts.recipe;
    const { request, seed } = row;
    const recipe = { artist: name, checkpoint, system, request, knobs: all, seed, limner, ...artist.enlarges(size) };
    const drawn = await artist.enlarged(draft.picture, size);
    const picture = { png: await drawn.png(recipe), recipe, unknown: artist.unknown(request) };
    self.postMessage({ id, picture, words, looks });
  }
}

function opened(folder, runtime) {
  if (!artists.has(folder)) {
    const opening = open(folder, runtime);
    opening.catch(() => artists.delete(folder)); // it may come the next time
    artists.set(folder, opening);
  }
  return artists.get(folder);
}

async function open(folder, runtime) {
  const ort = await import(`${runtime}ort.wasm.min.js`);
  ort.env.wasm.numThreads = 1; // more need headers that a static host does not send
  const [mjs, wasm] = ["js", "wasm"].map((kind) => `${runtime}ort-wasm-simd-threaded.${kind}`);
  ort.env.wasm.wasmPaths = { mjs, wasm };
  ort.env.logLevel = "error";
  const facts = await (await fetched(new URL("artist.json", folder))).json();
  const sessions = {};
  for (const name of Object.keys(facts.parts)) {
    const model = await (await fetched(new URL(`${name}.onnx`, folder))).arrayBuffer();
    sessions[name] = await ort.InferenceSession.create(new Uint8Array(model));
  }
  return new Artist(facts, async (name, given) => {
    const feeds = {};
    for (const [key, { data, dims }] of Object.entries(given)) {
      feeds[key] = new ort.Tensor(data instanceof BigInt64Array ? "int64" : "float32", data, dims);
    }
    return sessions[name].run(feeds);
  });
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
