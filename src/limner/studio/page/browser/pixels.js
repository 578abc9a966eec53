// How far two pictures are from each other.

/** Return the largest difference of a colour of two PNGs, of 255; 255 where they are not of one size. */
export async function difference(first, second) {
  const [a, b] = await Promise.all([pixels(first), pixels(second)]);
  if (a.width !== b.width || a.height !== b.height) return 255;
  return a.data.reduce((most, byte, place) => Math.max(most, Math.abs(byte - b.data[place])), 0);
}

/** Return what a PNG shows, as ImageData. */
export async function pixels(png) {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  return pen.getImageData(0, 0, bitmap.width, bitmap.height);
}
