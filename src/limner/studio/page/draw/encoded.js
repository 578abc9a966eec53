// A picture of a person's own in base64, as requests hold it.

import { StudioError } from "../errors.js";
import { base64 } from "../server.js";

/** Pixels of the longer side of what is sent: artists read pictures far smaller, and this page keeps what it sends. */
const MOST_SIDE = 512;
/** Bytes of a file that is sent as it is. */
const MOST_BYTES = 2 ** 19;

/** Return a file as PNG or as it is, in base64; a large one smaller. Throw StudioError where it is no picture. */
export async function encoded(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new StudioError(`${file.name} is no picture that this browser reads`);
  });
  const { width, height } = picture;
  const scale = Math.min(1, MOST_SIDE / Math.max(width, height));
  if (scale === 1 && file.size <= MOST_BYTES) return base64(file);
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return base64(await canvas.convertToBlob({ type: "image/png" }));
}
