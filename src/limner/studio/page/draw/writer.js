// "Write me a caption": an artist that answers in text writes the words that another one draws from.

import { byChance, requestOf } from "../fields.js";
import { html, say } from "../lang.js";
import { Icon, useShared, useWork } from "../parts.js";
import { pick, randomSeed } from "../random.js";

/** The button, where somebody here writes; `onText(caption)` is called with what was written. */
export function WriteCaption({ artist, onText }) {
  const { studio, artists, fail } = useShared();
  const [busy, busyWhile] = useWork(fail);
  const writers = artists.filter((one) => one.gives.includes("text") && one.id !== artist.id);
  if (!writers.length) return null;
  const write = busyWhile(async () => {
    const writer = pick(writers);
    const [written] = await studio.draw(writer.id, [{ request: openRequest(writer), seed: randomSeed() }]);
    onText(written.text);
  });
  const names = writers.map(({ id }) => id).join(" or ");
  return html`<button type="button" id="write" disabled=${busy} title=${say`By ${names}`} onClick=${write}>
    <${Icon} name="pencil" /> Write me a caption
  </button>`;
}

/** A request that leaves as much open as an artist takes: of nothing where it needs none, or else by chance. */
function openRequest(writer) {
  const kind = writer.requests.find(({ asks }) => !asks) ?? writer.requests[0];
  return requestOf(kind, byChance(kind, writer, null));
}
