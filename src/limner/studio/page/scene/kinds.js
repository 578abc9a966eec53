// Which artists a scene can be made with: those that are told where things lie, those that are told by question and
// answer, and those that climb, draft by draft.

import { shownFields, wordsField } from "../fields.js";

const PLACES = ["boxes", "points"];
const SAYS = ["text", "labels"];

function has(kind, types) {
  return kind.fields.some(({ type }) => types.includes(type));
}

/** Return the kind of request that says where things lie, undefined where an artist takes none. */
export function placingKind(artist) {
  return artist.requests.find((kind) => has(kind, PLACES));
}

/** Return the kind that says what there is, in words or labels, and leaves the places to the artist. */
export function sayingKind(artist) {
  return artist.requests.find((kind) => kind.asks && shownFields(kind).every(({ type }) => SAYS.includes(type)));
}

/** Return the kind of questions and answers. */
export function tellingKind(artist) {
  return artist.requests.find((kind) => has(kind, ["turns"]) && wordsField(kind));
}

/** Return the kind that begins from a picture and asks something beside it. */
export function beginningKind(artist) {
  return artist.requests.find((kind) => has(kind, ["picture"]) && has(kind, ["request"]));
}

/** The ways to make a scene, by name; `fits` tells which artists can. */
export const WAYS = {
  place: { title: "Place it", fits: (artist) => placingKind(artist) !== undefined },
  tell: { title: "Tell it", fits: (artist) => tellingKind(artist) !== undefined },
  climb: { title: "Watch it grow", fits: (artist) => artist.can.climb && sayingKind(artist) !== undefined },
};

/** Can the places of a picture be edited: does its artist take them, and was it asked for by them, or by words alone? */
export function canEdit(artist, { request }) {
  const placing = placingKind(artist);
  return placing !== undefined && [placing.kind, sayingKind(artist)?.kind].includes(request.kind);
}

/** Can a scene be made with an artist? */
export function canScene(artist) {
  return Object.values(WAYS).some(({ fits }) => fits(artist));
}
