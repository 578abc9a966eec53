// An exported artist: what is done around its nets, as `limner.export.runner` does it in Python.
//
// `run(part, given)` runs one of its nets: named tensors `{data, dims}` to named tensors.

import { StudioError } from "../errors.js";
import { captionsOf, isBlend, isStory, learn, valuesOf } from "../fields.js";
import { wordsOf } from "../words/words.js";
import { Lexicon, numbersOf, numbersOfValues } from "./lexicon.js";
import { RowNoise } from "./noise.js";
import { Picture } from "./png.js";

/** Draws rows; `facts` is its artist.json. */
export class Artist {
  constructor(facts, run) {
    this.facts = facts;
    learn([facts.request]);
    this.lexicon = new Lexicon(facts.words);
    this.run = run;
  }

  /** Yield drafts `{picture, attention, note, progress}`; the last has progress 1. */
  async *drafts({ request, seed }, knobs) {
    const rng = new RowNoise(seed);
    if (isStory(request)) {
      yield* this.#story(request, rng, knobs);
      return;
    }
    const condition = this.facts.request.asks ? await this.#condition(request) : {};
    const drawn = await this.run("painter", { ...this.#noise("painter", rng, knobs), ...condition });
    const { gives } = this.facts.parts.painter;
    const count = gives.filter((name) => name.startsWith("image")).length;
    for (let number = 0; number < count; number++) {
      const picture = Picture.of(drawn[`image_${number}`]);
      const attention = drawn[`attention_${number}`] ?? null;
      yield { picture, attention, note: this.facts.notes[number], progress: (number + 1) / count };
    }
  }

  /** Return what a recipe says of a size in pixels: nothing of the size at which its painter draws. */
  enlarges(size) {
    const { enlarger, size: own } = this.facts;
    return size && size !== own ? { size, enlarger: enlarger.sha256 } : {};
  }

  /** Return a drawn picture, or strip, at a size, frame after frame. */
  async enlarged(picture, size) {
    if (!this.enlarges(size).size) return picture;
    const frames = [];
    for (const frame of picture.frames()) {
      frames.push(Picture.of((await this.run("enlarger", { small: frame.tensor() })).large));
    }
    return Picture.strip(frames);
  }

  /** Return the words of a request that are not known, each with the nearest that is, or null. */
  unknown(request) {
    const texts = shares(request).flatMap(([end]) => captionsOf(end));
    return Object.assign({}, ...texts.map((text) => this.lexicon.unknown(text)));
  }

  /** Return the words whose attention a picture has. */
  words(request) {
    return isBlend(request) || isStory(request) ? [] : wordsOf(captionsOf(request)[0] ?? "");
  }

  /** Encode what a request lies between: sentences are averaged, words are concatenated, each with its log share. */
  async #condition(request) {
    const parts = [];
    for (const [end, share] of shares(request)) parts.push({ share, ...(await this.#encode(end)) });
    const sentence = parts[0].sentence.data.map((_, place) =>
      parts.reduce((sum, part) => sum + part.share * part.sentence.data[place], 0),
    );
    const condition = { sentence: { data: sentence, dims: parts[0].sentence.dims } };
    if (!("words" in this.facts.parts.painter.given)) return condition;
    const length = parts.reduce((sum, part) => sum + part.words.dims[1], 0);
    const words = joined(parts.map((part) => part.words.data));
    const weight = joined(parts.map((part) => new Float32Array(part.words.dims[1]).fill(Math.log(part.share))));
    condition.words = { data: words, dims: [1, length, parts[0].words.dims[2]] };
    condition.weight = { data: weight, dims: [1, length] };
    return condition;
  }

  #encode(request) {
    const { rule } = this.facts;
    if (rule.by === "attribute") return this.#read(numbersOfValues(rule, valuesOf(request)));
    return this.#encodeText(captionsOf(request)[0]);
  }

  #encodeText(text) {
    return this.#read(numbersOf(this.facts.rule, this.lexicon, text));
  }

  #read(ids) {
    const data = BigInt64Array.from(ids, BigInt);
    return this.run("reader", { numbers: { data, dims: [1, ids.length] } });
  }

  /** Draw all the noise that a part is given, in its order, each piece scaled by its knob. */
  #noise(part, rng, knobs) {
    const found = {};
    for (const [name, pieces] of Object.entries(this.facts.parts[part].noise)) {
      const sizes = Object.values(pieces);
      const data = rng.normal(sizes.reduce((sum, size) => sum + size, 0));
      let at = 0;
      for (const [knob, size] of Object.entries(pieces)) {
        const times = knobs[knob] ?? 1;
        for (const end = at + size; at < end; at++) data[at] *= times;
      }
      found[name] = { data, dims: [1, data.length] };
    }
    return found;
  }

  /** Paint line after line: of one scene, where the painter is given all lines so far, or chapter by chapter. */
  async *#story({ lines, setting }, rng, knobs) {
    const [, length, width] = this.facts.parts.setting.given.lines;
    const keeps = "scene" in this.facts.parts.painter.given;
    const codes = await this.#codes(lines);
    const strip = [];
    let states = {};
    for (let t = 0; t < lines.length; t++) {
      const first = keeps ? Math.max(0, t - length + 1) : t - (t % length);
      if (t === 0 || (t === first && !keeps)) {
        const as = setting.slice(t, t + length);
        const begun = stacked(as.length ? await this.#codes(as) : codes.slice(t, t + length), length, width);
        states = await this.run("setting", { lines: begun, ...this.#noise("setting", rng, knobs) });
      }
      const place = { data: BigInt64Array.of(BigInt(t - first)), dims: [1] };
      const condition = stacked(codes.slice(first, first + length), length, width);
      const given = { ...this.#noise("painter", rng, knobs), lines: condition, place, ...states };
      if (keeps) given.scene = stacked(codes.slice(0, t + 1), t + 1, width);
      const drawn = await this.run("painter", given);
      states = { mu: states.mu, i: drawn.next_i, h: drawn.next_h };
      strip.push(t + 1 >= (knobs.first ?? 1) ? Picture.of(drawn.image_0) : blank(drawn.image_0));
      const progress = (t + 1) / lines.length;
      yield { picture: Picture.strip(strip), attention: null, note: `frame ${t + 1}`, progress };
    }
  }

  async #codes(lines) {
    const codes = [];
    for (const line of lines) codes.push((await this.#encodeText(line)).sentence.data);
    return codes;
  }
}

/** Return codes of lines one below the other, zero where there is no line. */
function stacked(codes, length, width) {
  const data = new Float32Array(length * width);
  for (const [place, code] of codes.entries()) data.set(code, place * width);
  return { data, dims: [1, length, width] };
}

/** Return the requests that one lies between, and how much it has of each: itself, whole, where it is no blend. */
export function shares(request) {
  if (!isBlend(request)) return [[request, 1]];
  const { first, second, t } = request;
  return [
    ...shares(first).map(([part, share]) => [part, share * (1 - t)]),
    ...shares(second).map(([part, share]) => [part, share * t]),
  ];
}

/** Return attention (1, T, h, w) of a draft as the page shows it: a byte a place, 255 the largest share. */
export function attentionOf({ attention, note }, words) {
  const [, , height, width] = attention.dims;
  const shares = attention.data.subarray(0, words * height * width);
  const peak = shares.reduce((most, share) => Math.max(most, share), 1e-6);
  const maps = Uint8Array.from(shares, (share) => Math.round((share / peak) * 255));
  return { note, peak, words, height, width, maps };
}

/** Throw StudioError where this artist takes no such request, a seed is none, or a knob or a size is not there. */
export function check(facts, { request, seed }, knobs, size = null) {
  const ends = shares(request).map(([end]) => end);
  if (isBlend(request) && !facts.request.mixes) {
    throw new StudioError(`${facts.recipe.system} cannot draw what lies between two requests`);
  }
  if (ends.some(({ kind }) => kind !== facts.request.kind)) {
    throw new StudioError(`${facts.recipe.artist} draws from a ${facts.request.kind}, not from a ${ends[0].kind}`);
  }
  if (ends.length > MOST_PARTS || seedEnds(seed).length > MOST_PARTS) {
    throw new StudioError(`it is mixed of more than ${MOST_PARTS}: mix with one of its ancestors instead`);
  }
  if (facts.request.asks) for (const end of ends) checkAsked(facts, end);
  for (const end of seedEnds(seed)) {
    const whole = Number.isSafeInteger(end) && end >= 0;
    if (!whole && !Array.isArray(end?.noise)) throw new StudioError(`the seed is a whole number from 0, not ${end}`);
  }
  const strange = Object.keys(knobs).find((name) => !(name in facts.knobs));
  if (strange) throw new StudioError(`unknown knob of ${facts.recipe.system}: ${strange}`);
  const fixed = (facts.fixed ?? []).find((name) => name in knobs && knobs[name] !== facts.knobs[name]);
  if (fixed)
    throw new StudioError(`outside Limner ${facts.recipe.artist} draws with ${fixed} ${facts.knobs[fixed]} alone`);
  if (![null, facts.size, facts.enlarger?.size].includes(size)) {
    throw new StudioError(`${facts.recipe.artist} does not draw pictures of ${size} pixels`);
  }
}

const MOST_PARTS = 64;
const LONGEST = 2000;
const MOST_LINES = 500;

function seedEnds(seed) {
  return Array.isArray(seed) ? [...seedEnds(seed[0]), ...seedEnds(seed[1])] : [seed];
}

function checkAsked(facts, request) {
  if (facts.rule.by !== "attribute") {
    checkTexts(captionsOf(request));
    return;
  }
  const values = valuesOf(request);
  for (const [name, known] of Object.entries(facts.rule.values)) {
    const value = values[name];
    if (value !== undefined && !known.includes(value)) {
      throw new StudioError(`${value} is no ${name}; it may be ${known.join(", ")}`);
    }
  }
}

function checkTexts(texts) {
  if (!texts.length) throw new StudioError("the story is empty: say what to draw, a line for each picture");
  if (texts.length > MOST_LINES) throw new StudioError(`the story has more than ${MOST_LINES} lines: tell it in parts`);
  for (const one of texts) {
    if (!one.trim()) throw new StudioError("the prompt is empty: say what to draw");
    if ([...one].length > LONGEST) throw new StudioError(`the prompt has more than ${LONGEST} characters: shorten it`);
  }
}

function joined(some) {
  const whole = new Float32Array(some.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of some) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

function blank({ dims }) {
  return Picture.of({ data: new Float32Array(dims.reduce((product, size) => product * size, 1)), dims });
}
