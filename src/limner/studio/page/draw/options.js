// The values of a part: tiles of this very picture with each, or swatches where they are colours.

import { valuesField, withWords, wordsField } from "../fields.js";
import { html, say } from "../lang.js";
import { PngImage } from "../parts.js";
import { useMemo, useState } from "../vendor/preact.js";
import { paintOf } from "../words/paints.js";
import { byArrows } from "./arrows.js";
import { useAside } from "./aside.js";
import { chosenOf, isChosen, saidWith, writtenDown } from "./groups.js";
import { meant } from "./state.js";
import { fitOf, useFits } from "./tried.js";

const MOST = 48; // of tiles that are pictures

/**
 * The options of a part {name, values, painted} of a group: tiles are drawn of what rested, as `useRested` returns it,
 * and `onChoose(name, value)` hears of a press.
 */
export function Options({ artist, phrases, kind, part, chosen, rested: [rested, isNow], onChoose }) {
  const { name, values, painted } = part;
  const isTiled = !painted && values.length <= MOST;
  const made = useMemo(
    () => (isTiled ? madeOf(phrases, kind, rested, part) : []),
    [artist, phrases, kind, rested, name],
  );
  const [found, setFound] = useState(0);
  const rows = useMemo(() => made.map((one) => one && rowOf(artist, phrases, one)), [made, found]);
  const pictures = useAside(artist, rows, rested?.state.knobs ?? {}, isNow);
  const isDrawn = pictures.every((picture, place) => picture || !rows[place]);
  useFits(artist, phrases, made, isNow && isDrawn, () => setFound((count) => count + 1));
  const on = values.findIndex((value) => isChosen(chosen, name, value));
  const label = name === null ? say`Labels` : phrases.titleOf(name);
  return html`<div class=${painted ? "swatches" : "options"} role="group" aria-label=${label} onKeyDown=${byArrows}>
    ${values.map((value, place) => {
      const press = {
        "aria-pressed": isChosen(chosen, name, value),
        "aria-current": isNow && rested.seen?.[name] === value ? "true" : undefined,
        "data-tile": name === null ? value : `${name}=${value}`,
        tabindex: place === Math.max(on, 0) ? 0 : -1,
        onClick: () => onChoose(name, value),
      };
      if (painted) return html`<${Swatch} key=${value} paint=${paintOf(name, value)} value=${value} press=${press} />`;
      return html`<${Tile} key=${value} value=${value} picture=${pictures[place]} press=${press} />`;
    })}
  </div>`;
}

function Tile({ value, picture, press }) {
  return html`<button type="button" class="option" ...${press}>
    <${PngImage} png=${picture?.png} alt="" class=${picture ? "shown" : "shown old"} />
    <span class="name">${value}</span>
  </button>`;
}

function Swatch({ paint, value, press }) {
  return html`<button type="button" class="swatch" aria-label=${value} title=${value} ...${press}>
    <span class="paint" style=${{ background: paint ?? "transparent" }}></span>
  </button>`;
}

/**
 * Return what is asked by each value, [{state, option}], or {row} of one that is chosen or seen already; null where
 * nothing rested.
 */
function madeOf(phrases, kind, rested, { name, values }) {
  if (!rested) return values.map(() => null);
  const { state, drawn, seen } = rested;
  const chosen = chosenOf(kind, phrases, state.said);
  const text = wordsField(kind) ? writtenDown(kind, phrases, state, seen) : "";
  const written = { ...state, asked: null, said: withWords(kind, state.said, text) };
  const there = chosenOf(kind, phrases, written.said);
  return values.map((value) => {
    if (isChosen(chosen, name, value)) return { row: drawn.row };
    const option = { name, value };
    if (isChosen(there, name, value)) return { state: written, option };
    const said = saidWith(kind, phrases, written, option, valuesField(kind) ? seen : null);
    return { state: { ...written, said }, option };
  });
}

/** Return the row of what is made, null where nothing would be asked. */
function rowOf(artist, phrases, { row, state, option }) {
  if (row) return row;
  const { request } = meant(artist, { ...state, said: fitOf(artist, state, option) }, phrases);
  return request && { request, seed: state.seed };
}
