// Where each word of a prompt is looked at, for artists with attention: the switch, the words, and which one is shown.

import { html } from "../lang.js";
import { useStored } from "../parts.js";
import { useState } from "../vendor/preact.js";
import { useAttention, Words } from "./attention.js";

/** Return {can, wanted, setWanted, found, word, setWord, look, at, setAt}. */
export function useLooks(artist, drawn) {
  const [wanted, setWanted] = useStored("looks", false);
  const [word, setWord] = useState(null);
  const [at, setAt] = useState(null);
  const can = artist.can.attention;
  const found = useAttention(artist, drawn, can && wanted);
  const last = found ? found.looks.length - 1 : 0;
  const look = found && (found.looks[at] ?? found.looks[last]);
  return { can, wanted, setWanted, found, word, setWord, look, at: at ?? last, setAt };
}

/** The switch, and the words while it is on. */
export function Looks({ looks: { can, wanted, setWanted, found, word, setWord, at, setAt } }) {
  if (!can) return null;
  return html`<div class="stack">
    <label class="row small">
      <input id="looks" type="checkbox" checked=${wanted} onChange=${(event) => setWanted(event.target.checked)} />
      Show where each word is looked at
    </label>
    ${wanted && html`<${Words} found=${found} word=${word} onWord=${setWord} look=${at} onLook=${setAt} />`}
  </div>`;
}
