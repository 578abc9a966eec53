// Links that are pictures: the address of the draw view holds artist and checkpoint, words and seed, or a recipe.

import { normal } from "./browser/recipe.js";
import { requestOf, stateOf } from "./draw/state.js";
import { StudioError } from "./errors.js";
import { isBlend, textsIn } from "./fields.js";
import { html, say } from "./lang.js";
import { Icon, useShared, useWork } from "./parts.js";
import { randomSeed } from "./random.js";
import { requestFromText, same } from "./requests.js";
import { to } from "./routes.js";
import { fileName } from "./saving.js";
import { deflateSync, inflateSync, strFromU8, strToU8 } from "./vendor/fflate.js";

const SHORT = 12; // letters of a checkpoint
const LONGEST = 8000; // letters of an address that is passed on whole
const DAMAGED = new StudioError("this link is damaged: part of it may have been cut off");

/** Return the address, from "#", that draws a state again; of what is too long for one, only the view. */
export function linkOf(artist, state) {
  const request = requestOf(artist, state);
  const who = { artist: artist.id, at: artist.checkpoint.slice(0, SHORT) };
  if (!request) return to("draw", who);
  const { seed, knobs, size } = state;
  const words = isBlend(request) ? [] : textsIn(request);
  const isPlain = same(requestFromText(artist, words.join("\n")), request) && typeof seed === "number";
  if (isPlain && !size && !Object.keys(knobs).length) return to("draw", { ...who, words: words.join("\n"), seed });
  const link = to("draw", { ...who, recipe: packed({ request, seed, knobs, size }) });
  return link.length > LONGEST ? to("draw", who) : link;
}

/** Does a query ask for a picture? */
export function isLink(query) {
  return ["picture", "recipe", "words", "prompt"].some((name) => name in query);
}

/**
 * Return what a link asks: {artist, state, remark}. `here` is who draws where it names nobody; `remark` says that it
 * was another checkpoint that drew it.
 */
export function readLink(query, artists, here) {
  const artist = query.artist ? artists.find(({ id }) => id === query.artist) : here;
  if (!artist) throw new StudioError(`${query.artist} does not draw here: start the studio with it`);
  const isOther = query.at && !artist.checkpoint.startsWith(query.at);
  const remark = isOther ? say`The link is of another version of ${artist.id}: it may draw something else.` : null;
  const made = query.recipe ? unpacked(query.recipe) : spoken(artist, query);
  return { artist, remark, state: stateOf(artist, { recipe: made, parents: null }) };
}

function spoken(artist, query) {
  const request = requestFromText(artist, query.words ?? query.prompt);
  if (!request) throw new StudioError(`${artist.id} does not draw from words alone`);
  return { request, knobs: {}, seed: query.seed === undefined ? randomSeed() : whole(query.seed) };
}

function whole(text) {
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new StudioError(`chance is a whole number from 0, not ${text}`);
  return seed;
}

function packed(value) {
  const bytes = deflateSync(strToU8(JSON.stringify(value)), { level: 9 });
  return btoa(strFromU8(bytes, true)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function unpacked(text) {
  let found;
  try {
    const bytes = strToU8(atob(text.replaceAll("-", "+").replaceAll("_", "/")), true);
    found = JSON.parse(strFromU8(inflateSync(bytes)));
  } catch {
    throw DAMAGED;
  }
  const { knobs = {}, size = null } = found;
  return { ...normal(found), knobs, size };
}

/** Pass the link of this page on: by the device's own sheet, with the picture, where it has one; else copy it. */
export function Share({ picture, disabled }) {
  const { notify } = useShared();
  const [, busyWhile] = useWork();
  const share = busyWhile(async () => {
    const { href } = location;
    if (navigator.share && matchMedia("(pointer: coarse)").matches) {
      const file = new File([picture.png], fileName(picture.recipe), { type: "image/png" });
      const whole = { url: href, files: [file] };
      return navigator.share(navigator.canShare?.(whole) ? whole : { url: href });
    }
    await copied(href);
    return notify(say`The link is copied: it draws this picture again.`);
  });
  return html`<button type="button" id="share" disabled=${disabled} onClick=${share}><${Icon} name="link" /> Link</button>`;
}

/** Put a text on the clipboard; over plain HTTP by a field that is selected, as there is no other way. */
async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new StudioError("this browser does not let the page copy: the address above is the link");
}
