// Drafts of an artist that draws in stages, in a strip as they arrive.

import { html, say } from "../lang.js";
import { PngImage, useLatest, useShared, useStored } from "../parts.js";
import { useEffect, useState } from "../vendor/preact.js";

const DELAY = 700;
const withoutDrafts = new Set();

/** Show the drafts of a picture that has not changed for a while; artists without drafts are asked only once. */
export function Drafts({ artist, drawn }) {
  const { studio, fail } = useShared();
  const [open, setOpen] = useStored("drafts", true);
  const [stages, setStages] = useState([]);
  const run = useLatest(async (signal, { row, knobs }) => {
    const received = [];
    try {
      for await (const stage of studio.watch(artist.id, row, { knobs, signal })) {
        received.push(stage);
        if (received.length > 1 || !stage.recipe) setStages([...received]);
      }
      if (received.length === 1) withoutDrafts.add(artist.checkpoint);
    } catch (error) {
      fail(error);
    }
  });
  useEffect(() => {
    if (!drawn || !open || withoutDrafts.has(artist.checkpoint)) return undefined;
    const timer = setTimeout(() => run(drawn), DELAY);
    return () => clearTimeout(timer);
  }, [drawn, open]);
  if (!stages.length) return null;
  return html`<details class="fold" id="drafts" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>Drafts</summary>
    <ol class="strip" tabindex="0" aria-label="Drafts">
      ${stages.map((stage, place) => {
        const note = stage.recipe ? say`the picture` : stage.note || say`draft ${place + 1}`;
        return html`<li key=${place}><${PngImage} png=${stage.png} alt="" /><span class="small soft">${note}</span></li>`;
      })}
    </ol>
  </details>`;
}
