// The colour in the corner of a picture, for the ground it stands on; and the whole screen for it.

import { useEffect, useState } from "../vendor/preact.js";

const RESTS = 250; // milliseconds, so that no key waits for it: the whole ground is painted anew

/**
 * Return the colour of the upper left corner of a picture that rests as CSS has it, the last one until it is known; null
 * at first.
 */
export function useCorner(png) {
  const [corner, setCorner] = useState(null);
  useEffect(() => {
    if (!png) return undefined;
    let here = true;
    const look = () =>
      cornerOf(png).then(
        (found) => here && setCorner(found),
        () => {},
      );
    const timer = setTimeout(look, corner ? RESTS : 0);
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [png]);
  return corner;
}

/** Return the mean colour of the eighth of a picture's side that lies in its upper left corner. */
async function cornerOf(png) {
  const bitmap = await createImageBitmap(png);
  const canvas = new OffscreenCanvas(1, 1);
  const pen = canvas.getContext("2d");
  const side = Math.max(1, Math.floor(bitmap.height / 8));
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, side, side, 0, 0, 1, 1);
  bitmap.close();
  const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
  return `rgb(${red} ${green} ${blue})`;
}

/** Show an element on the whole screen, or the page again where it was there; where a browser cannot, in the window. */
export function toggleFull(element) {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (element.classList.contains("full")) return element.classList.remove("full");
  const inWindow = () => element.classList.add("full");
  return element.requestFullscreen ? element.requestFullscreen().catch(inWindow) : inWindow();
}
