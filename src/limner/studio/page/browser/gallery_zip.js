// A gallery as one zip file, the same that a server exports and imports (limner.studio.gallery.files).

import { StudioError } from "../errors.js";
import { isKept, isWhole } from "../shapes.js";
import { strFromU8, strToU8, unzipSync, zipSync } from "../vendor/fflate.js";

const INDEX = "gallery.jsonl";
const PICTURE = /^pictures\/([0-9a-f]{64})\.png$/;
const MOST = 512 * 2 ** 20; // bytes, packed and unpacked: all of it is in memory at once
const MAX_PICTURES = 60_000;
const LONGEST_NOTE = 2_000;
const YEAR_2100 = 4_102_444_800e6;

/** Return pictures `{one, png}` as a zip. */
export function packed(entries) {
  const files = {};
  const lines = entries.map(({ one, png }) => {
    const { id, recipe, note, drawn_at, kept_at } = one;
    const file = `pictures/${id}.png`;
    files[file] = [png, { level: 0, mtime: drawn_at / 1000 }];
    return `${JSON.stringify({ id, file, recipe, note, drawn_at, kept_at })}\n`;
  });
  files[INDEX] = strToU8(lines.join(""));
  return new Blob([zipSync(files)], { type: "application/zip" });
}

/** Return what a zip holds, `{line, png}` each; throw StudioError where it is no gallery. */
export async function unpacked(file) {
  const most = `${MOST.toLocaleString()} bytes`;
  if (file.size > MOST) throw new StudioError(`the zip has more than the ${most} that a page reads`);
  let size = 0;
  const files = opened(new Uint8Array(await file.arrayBuffer()), ({ name, originalSize }) => {
    size += originalSize;
    if (size > MOST) throw new StudioError("the zip unpacks to more than a page can read");
    if (name !== INDEX && !PICTURE.test(name)) {
      throw new StudioError(`the zip is not a gallery of Limner's: it holds ${name}`);
    }
    return true;
  });
  if (!(INDEX in files)) throw new StudioError(`the zip is not a gallery of Limner's: it must hold ${INDEX}`);
  const pictures = Object.keys(files).length - 1;
  if (pictures > MAX_PICTURES) {
    throw new StudioError(`the zip holds too many pictures: ${MAX_PICTURES} are the limit`);
  }
  const said = strFromU8(files[INDEX]).split("\n").filter(Boolean);
  const lines = said.slice(0, pictures + 1).map(line);
  const listed = new Set(lines.map(({ id }) => id));
  if (listed.size !== pictures || lines.length !== pictures || [...listed].some((id) => !files[`pictures/${id}.png`])) {
    throw new StudioError(`the zip is damaged: its pictures are not those that ${INDEX} lists`);
  }
  return lines.map((one) => ({ line: one, png: files[`pictures/${one.id}.png`] }));
}

function opened(bytes, filter) {
  try {
    return unzipSync(bytes, { filter });
  } catch (error) {
    if (error instanceof StudioError) throw error;
    throw new StudioError(`this zip file cannot be read: ${error.message}`);
  }
}

function line(text, place) {
  try {
    const one = JSON.parse(text);
    const { id, note = "", drawn_at, kept_at = null } = one;
    const timed = isTime(drawn_at) && (kept_at === null || isTime(kept_at));
    if (timed && isKept(id, 64, 64) && isKept(note, 0, LONGEST_NOTE)) return { ...one, note, kept_at };
  } catch {
    // said below
  }
  throw new StudioError(`${INDEX}, line ${place + 1} is damaged`);
}

/** Is a value a time of a gallery's, in microseconds since 1970? */
export function isTime(value) {
  return isWhole(value, 0, YEAR_2100 - 1);
}
