// PNGs and the addresses under which they are shown and saved. That of a small one holds all of it: an address of a Blob
// is asked of another process, which takes longer than the picture takes to be decoded.

const MOST = 32_768; // bytes of a PNG whose address holds it
const texts = new WeakMap();

/** Return a PNG as a Blob, given its bytes. */
export function pngOf(bytes) {
  return remembered(bytes, () => btoa(String.fromCharCode(...bytes)));
}

/** Return a PNG as a Blob, given its bytes in base64. */
export function pngOfText(text) {
  return remembered(bytesOf(text), () => text);
}

/** Return the bytes that a base64 text holds. */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Return an address of a PNG, which is good until it is freed. */
export function addressOf(png) {
  return texts.has(png) ? `data:image/png;base64,${texts.get(png)}` : URL.createObjectURL(png);
}

/** Free an address that nobody shows any more. */
export function free(address) {
  if (address.startsWith("blob:")) URL.revokeObjectURL(address);
}

function remembered(bytes, text) {
  const png = new Blob([bytes], { type: "image/png" });
  if (bytes.length <= MOST) texts.set(png, text());
  return png;
}
