// SHA-256 (FIPS 180-4), because a browser offers its own only over HTTPS.

const PRIMES = primes(64);
const ROUNDS = PRIMES.map((prime) => fraction(Math.cbrt(prime)));
const START = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));

/** Return the hexadecimal SHA-256 of bytes. */
export function sha256(bytes) {
  const length = bytes.length;
  const padded = new Uint8Array((((length + 8) >> 6) << 6) + 64);
  padded.set(bytes);
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(padded.length - 4, length << 3);
  const state = Int32Array.from(START);
  for (let at = 0; at < padded.length; at += 64) mix(state, view, at);
  return [...new Uint32Array(state.buffer)].map((word) => word.toString(16).padStart(8, "0")).join("");
}

function mix(state, view, at) {
  const words = new Int32Array(64);
  for (let i = 0; i < 64; i++) {
    if (i < 16) words[i] = view.getInt32(at + 4 * i);
    else words[i] = words[i - 16] + small(words[i - 15], 7, 18, 3) + words[i - 7] + small(words[i - 2], 17, 19, 10);
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const first = (h + large(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
    const second = (large(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
  }
  for (const [place, word] of [a, b, c, d, e, f, g, h].entries()) state[place] += word;
}

function turned(x, by) {
  return (x >>> by) | (x << (32 - by));
}

function small(x, a, b, c) {
  return turned(x, a) ^ turned(x, b) ^ (x >>> c);
}

function large(x, a, b, c) {
  return turned(x, a) ^ turned(x, b) ^ turned(x, c);
}

function fraction(x) {
  return ((x - Math.floor(x)) * 2 ** 32) | 0;
}

function primes(count) {
  const found = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime)) found.push(n);
  return found;
}
