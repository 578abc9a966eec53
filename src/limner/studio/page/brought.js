// Files that come from outside: a zip of pictures, or pictures that were saved here once, with the recipe inside.

import { readPng } from "./browser/png.js";
import { StudioError } from "./errors.js";
import { say } from "./lang.js";
import { useShared, useWork } from "./parts.js";
import { go } from "./routes.js";
import { useEffect, useRef } from "./vendor/preact.js";

/** Return `bring(files)`: pictures come into the favourites, zips as they were packed; [busy, bring]. */
export function useBringing(done = () => {}) {
  const { studio, hearts, notify } = useShared();
  const [busy, busyWhile] = useWork();
  const bring = busyWhile(async (files) => {
    const entries = [];
    for (const file of files) {
      if (isPng(file)) entries.push(await added(studio, file));
      else {
        const { pictures, added } = await studio.gallery.import(file);
        notify(say`${pictures} pictures in the file, ${added} of them new`);
      }
    }
    if (entries.length) notify(entries.length === 1 ? say`Brought back` : say`${entries.length} brought back`);
    await hearts.renew();
    done(entries);
  });
  return [busy, bring];
}

/** A saved picture that is dropped anywhere is opened where it was drawn. */
export function useDropped() {
  const [, bring] = useBringing(([entry]) => entry && go("draw", { picture: entry.id }));
  const newest = useRef(bring);
  newest.current = bring;
  useEffect(() => {
    const isFile = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
    const over = (event) => isFile(event) && event.preventDefault();
    const dropped = (event) => {
      if (event.defaultPrevented || !isFile(event)) return; // a field took it
      event.preventDefault();
      const pictures = [...event.dataTransfer.files].filter(isPng);
      if (pictures.length) newest.current(pictures);
    };
    addEventListener("dragover", over);
    addEventListener("drop", dropped);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", dropped);
    };
  }, []);
}

function isPng({ type }) {
  return type === "image/png";
}

async function added(studio, file) {
  const { recipe } = readPng(new Uint8Array(await file.arrayBuffer()));
  if (!recipe) throw new StudioError(`${file.name} has no recipe: it was not saved here, or was changed since`);
  return studio.gallery.add(file, { keep: true });
}
