// Scene: where things lie, what is said of them question by question, or how a picture grows.

import { artistOf, notHere } from "../drawn.js";
import { html, say, told } from "../lang.js";
import { store, Title, useArtist, useShared, useStored } from "../parts.js";
import { to } from "../routes.js";
import { Climb } from "../scene/climb.js";
import { canEdit, canScene, WAYS } from "../scene/kinds.js";
import { Place } from "../scene/place.js";
import { stateOf } from "../scene/state.js";
import { Tell } from "../scene/tell.js";
import { Study } from "../study.js";
import { useEffect } from "../vendor/preact.js";

const ABOUT = {
  place: "Words, boxes, shapes, the picture: change or hold any of them, and only what follows is drawn again.",
  tell: "Say what there is, then answer question after question: each answer has its picture.",
  climb: "It draws step by step: watch, stop where you like it, and go on from any draft.",
};
const PARTS = { place: Place, tell: Tell, climb: Climb };

export default function Scene({ route }) {
  const { artists, choose } = useShared();
  const artist = useArtist(canScene);
  const [wanted, want] = useStored("scene", null);
  const isOpening = useOpened(route.query.picture, want);
  if (isOpening) return html`<p class="soft">Opening ...</p>`;
  if (!artist) {
    return html`<${Title} text="Scene">
      ${say`Scenes need an artist that is told where things lie, that takes dialogues, or that climbs.`}
    <//>`;
  }
  const ways = Object.keys(PARTS).filter((way) => WAYS[way].fits(artist));
  const way = ways.includes(wanted) ? wanted : ways[0];
  return html`<div class="stack" id="scene">
    <${Title} text="Scene">${told(ABOUT[way])} ${say`Drawn by ${artist.id}.`}<//>
    <${Study} artist=${artist} artists=${artists} choose=${choose} />
    ${
      ways.length > 1 &&
      html`<div class="row" role="group" aria-label="How">
        ${ways.map(
          (
            one,
          ) => html`<button type="button" key=${one} aria-pressed=${one === way} data-way=${one} onClick=${() => want(one)}>
            ${told(WAYS[one].title)}
          </button>`,
        )}
      </div>`
    }
    <${PARTS[way]} key=${artist.id} artist=${artist} />
  </div>`;
}

/** Open a picture of the gallery, to edit where its things lie; tell whether that is under way. */
function useOpened(picture, want) {
  const { studio, artists, choose, fail } = useShared();
  const open = async () => {
    const entry = await studio.gallery.get(picture);
    const artist = artistOf(artists, entry);
    if (!artist) throw new Error(notHere(entry));
    if (!canEdit(artist, entry.recipe)) throw new Error(say`This picture was not asked for by places or words alone.`);
    store(`scene.${artist.id}`, stateOf(artist, entry.recipe));
    want("place");
    choose(artist.id);
  };
  useEffect(() => {
    if (picture)
      open()
        .catch(fail)
        .finally(() => location.replace(to("scene")));
  }, [picture]);
  return Boolean(picture);
}
