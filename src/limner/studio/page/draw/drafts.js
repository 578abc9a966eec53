// Drafts of an artist that draws in stages, in a strip as they come.

import { Shown, useKept, useLatest, useShared } from "../parts.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const SETTLED = 700;
const inOneGo = new Set();

/** Watch a picture come about once it has settled; artists that draw in one go are asked but once. */
export function Drafts({ artist, drawn }) {
  const { studio, fail } = useShared();
  const [open, setOpen] = useKept("drafts", true);
  const [stages, setStages] = useState([]);
  const run = useLatest(async (signal, { row, knobs }) => {
    const come = [];
    try {
      for await (const stage of studio.watch(artist.id, row, { knobs, signal })) {
        come.push(stage);
        if (come.length > 1 || !stage.recipe) setStages([...come]);
      }
      if (come.length === 1) inOneGo.add(artist.checkpoint);
    } catch (error) {
      fail(error);
    }
  });
  useEffect(() => {
    if (!drawn || !open || inOneGo.has(artist.checkpoint)) return undefined;
    const timer = setTimeout(() => run(drawn), SETTLED);
    return () => clearTimeout(timer);
  }, [drawn, open]);
  if (!stages.length) return null;
  return html`<details class="fold" id="drafts" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>Drafts</summary>
    <ol class="strip">
      ${stages.map((stage, place) => {
        const note = stage.recipe ? "the picture" : stage.note || `draft ${place + 1}`;
        return html`<li key=${place}><${Shown} png=${stage.png} alt="" /><span class="small soft">${note}</span></li>`;
      })}
    </ol>
  </details>`;
}
