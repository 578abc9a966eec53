// Random numbers as PyTorch draws them on a CPU: the same seed gives the same noise here and in Python, but for rounding.
//
// PyTorch draws fewer than 16 normal numbers one by one in double precision, 16 and more in blocks of 16, in single.

import { StudioError } from "../errors.js";

const SIZE = 624;
const SHIFT = 397;
const BLOCK = 16;
const WHOLE = 2 ** 32;

/** The Mersenne twister (MT19937), begun as `torch.Generator().manual_seed(seed)`. */
export class Stream {
  #state = new Uint32Array(SIZE);
  #place = SIZE;
  #spare = null;

  constructor(seed) {
    this.#state[0] = seed % WHOLE;
    for (let i = 1; i < SIZE; i++) {
      const before = this.#state[i - 1];
      this.#state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
  }

  /** Draw 32 bits. */
  bits() {
    if (this.#place === SIZE) this.#turn();
    let y = this.#state[this.#place++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Draw `count` numbers from N(0, 1), as `torch.randn(count)`. */
  normal(count) {
    return count < BLOCK ? Float32Array.from({ length: count }, () => this.#one()) : this.#blocks(count);
  }

  #turn() {
    const state = this.#state;
    for (let i = 0; i < SIZE; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + SHIFT) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#place = 0;
  }

  /** Draw from [0, 1), of 2^53 numbers. */
  #uniform() {
    const high = this.bits();
    return ((high % 2 ** 21) * WHOLE + this.bits()) / 2 ** 53;
  }

  #one() {
    if (this.#spare !== null) {
      const spare = this.#spare;
      this.#spare = null;
      return spare;
    }
    const angle = 2 * Math.PI * this.#uniform();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniform()));
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  #blocks(count) {
    const drawn = new Float32Array(count);
    this.#fill(drawn);
    for (let start = 0; start + BLOCK <= count; start += BLOCK) paired(drawn.subarray(start, start + BLOCK));
    if (count % BLOCK) {
      const last = drawn.subarray(count - BLOCK); // what does not fill a block is drawn again with what stands before
      this.#fill(last);
      paired(last);
    }
    return drawn;
  }

  #fill(drawn) {
    for (let i = 0; i < drawn.length; i++) drawn[i] = (this.bits() & 0xffffff) / 2 ** 24;
  }
}

/** Make 16 uniform numbers normal, number i with number i + 8 (Box and Muller). */
function paired(block) {
  for (let i = 0; i < BLOCK / 2; i++) {
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(Math.fround(1 - block[i]))))));
    const angle = Math.fround(2 * Math.PI * block[i + BLOCK / 2]);
    block[i] = radius * Math.cos(angle);
    block[i + BLOCK / 2] = radius * Math.sin(angle);
  }
}

/**
 * Chance for one picture, as `limner.noise.RowNoise` has it.
 *
 * A seed is a whole number, a style `{noise, of}`, or `[seed, seed, t]`, what lies between two.
 */
export class RowNoise {
  #seed;
  #streams = new Map();
  #drew = false;

  constructor(seed) {
    this.#seed = seed;
  }

  /** Draw `count` numbers from N(0, 1); throw StudioError where a style has not as many, or was drawn already. */
  normal(count) {
    const drawn = new Map();
    const numbers = this.#row(this.#seed, count, drawn);
    this.#drew = true;
    return numbers;
  }

  #row(seed, count, drawn) {
    if (Array.isArray(seed)) return slerp(this.#row(seed[0], count, drawn), this.#row(seed[1], count, drawn), seed[2]);
    if (typeof seed !== "number") return this.#style(seed.noise, count);
    if (!this.#streams.has(seed)) this.#streams.set(seed, new Stream(seed));
    if (!drawn.has(seed)) drawn.set(seed, this.#streams.get(seed).normal(count));
    return drawn.get(seed);
  }

  #style(noise, count) {
    if (this.#drew || noise.length !== count) {
      const asked = this.#drew ? "draws noise several times" : `draws ${count} numbers of noise`;
      throw new StudioError(`a style of ${noise.length} numbers does not fit: this system ${asked}`);
    }
    return Float32Array.from(noise);
  }
}

/** Return what lies between two draws of noise, along the sphere. */
export function slerp(a, b, t) {
  const cosine = dot(a, b) / Math.max(Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)), 1e-12);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  const flat = angle < 1e-4;
  const first = flat ? 1 - t : Math.sin((1 - t) * angle) / Math.sin(angle);
  const second = flat ? t : Math.sin(t * angle) / Math.sin(angle);
  return a.map((number, place) => first * number + second * b[place]);
}

function dot(a, b) {
  return a.reduce((sum, number, place) => sum + number * b[place], 0);
}
