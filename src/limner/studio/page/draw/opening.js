// The first second: a sheet of faces that were drawn before, and a field that types itself, until a person takes over.

import { html, say } from "../lang.js";
import { PngImage, useShared } from "../parts.js";
import { requestFromText, textOf } from "../requests.js";
import { useEffect, useMemo, useState } from "../vendor/preact.js";
import { byArrows } from "./arrows.js";
import { useAside } from "./aside.js";
import { stateOf } from "./state.js";

const COUNT = 48;
const LETTER = 55; // milliseconds
const HOLDS = 30; // letters' time that a sentence stays
const TURNS = 3; // sentences; what moves without end disturbs

/**
 * Return the opening while nobody has asked for anything, else null: {faces, typed, face}, the faces [{row, style, png}],
 * what the field seems to say, and the face that belongs to it.
 */
export function useOpening(artist, { state, line, isCurrent }) {
  const [isOver, setOver] = useState(() => state.touched || line.steps.length > 1);
  const faces = useFaces(artist, !isOver, isCurrent);
  const [time, setTime] = useState(0);
  const isDone = isOver || state.touched;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  useEffect(() => {
    if (isDone || isStill || !faces.length) return undefined;
    const timer = setInterval(() => setTime((now) => now + 1), LETTER);
    return () => clearInterval(timer);
  }, [isDone, faces.length > 0]);
  useEffect(() => {
    const over = ({ target }) => target.id === "prompt" && setOver(true);
    addEventListener("focusin", over);
    return () => removeEventListener("focusin", over);
  }, []);
  if (isDone || !faces.length) return null;
  return { faces, ...shownAt(time, faces, isStill) };
}

/** Return what is typed after so many letters' time, and its face; nothing once all turns are over. */
function shownAt(time, faces, isStill) {
  const texts = [...new Map(faces.map((face) => [textOf(face.row.request), face]))].slice(0, TURNS);
  let left = time;
  for (const [text, face] of isStill ? [] : texts) {
    if (left < text.length + HOLDS) return { typed: text.slice(0, left), face: left < text.length / 2 ? null : face };
    left -= text.length + HOLDS;
  }
  return { typed: null, face: null };
}

/** The faces: of an exported page out of one small file, of a server's drawn when nothing else is wanted. */
function useFaces(artist, isWanted, isFree) {
  const { studio } = useShared();
  const [sheet, setSheet] = useState(null);
  useEffect(() => {
    if (isWanted && studio.faces) studio.faces(artist.id).then(setSheet, () => {}); // it is only missed
  }, []);
  const rows = useMemo(() => (isWanted && !studio.faces ? rowsOf(artist) : []), [artist, isWanted]);
  const pictures = useAside(artist, rows, {}, isFree && rows.length > 0);
  return useMemo(() => {
    if (!sheet) return rows.map((row, place) => ({ row, png: pictures[place]?.png }));
    const { address, columns, rows: drawn } = sheet;
    const down = Math.ceil(drawn.length / columns);
    return drawn.map((row, place) => ({ row, style: cropped(address, place, columns, down) }));
  }, [sheet, rows, pictures.filter(Boolean).length]);
}

/** Return a style that shows one picture of a sheet. */
function cropped(address, place, columns, down) {
  const share = (at, of) => `${of > 1 ? (100 * at) / (of - 1) : 0}%`;
  return {
    "background-image": `url("${address}")`,
    "background-size": `${100 * columns}% ${100 * down}%`,
    "background-position": `${share(place % columns, columns)} ${share(Math.floor(place / columns), down)}`,
  };
}

/** Return the artist's examples by one chance after another. */
function rowsOf(artist) {
  const requests = artist.examples.map((text) => requestFromText(artist, text)).filter(Boolean);
  return Array.from({ length: requests.length ? COUNT : 0 }, (_, place) => ({
    request: requests[place % requests.length],
    seed: Math.floor(place / requests.length),
  }));
}

/** The sheet of faces; pressing one goes on with it. */
export function Faces({ artist, opening, press }) {
  const open = ({ row }) => press(stateOf(artist, { recipe: { ...row, knobs: {} }, parents: null }));
  return html`<div class="first-faces" id="first-faces" role="group" aria-label="Faces to begin with" onKeyDown=${byArrows}>
    ${opening.faces.map(
      (face, place) => html`<button type="button" key=${place} tabindex=${place ? -1 : 0} onClick=${() => open(face)}
        aria-label=${say`Begin with: ${textOf(face.row.request)}`}>
        <${Face} face=${face} />
      </button>`,
    )}
  </div>`;
}

/** One of them. */
export function Face({ face, ...rest }) {
  if (face.style) return html`<span class="shown" style=${face.style} ...${rest}></span>`;
  return html`<${PngImage} png=${face.png} alt="" ...${rest} />`;
}
