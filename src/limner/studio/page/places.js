// The places of the page, by plain names, and the views within each.

import { html, told } from "./lang.js";
import { useShared } from "./parts.js";
import { canPhoto } from "./photo/request.js";
import { to } from "./routes.js";
import { canScene } from "./scene/kinds.js";

/**
 * Views by the first word of a route. One with a `within` belongs to another's place. `needs` tells whether an artist here
 * can serve it, `lacks` what to say where none can.
 */
export const VIEWS = [
  { name: "draw", title: "Make", load: () => import("./views/draw.js") },
  {
    name: "photo",
    within: "draw",
    title: "From a photo",
    load: () => import("./views/photo.js"),
    needs: canPhoto,
    lacks: "This needs an artist whose attributes someone can read in a picture.",
  },
  { name: "gacha", title: "Endless", load: () => import("./views/gacha.js") },
  { name: "mix", place: "Family", title: "Mix", load: () => import("./views/mix.js") },
  { name: "tree", within: "mix", title: "Tree", load: () => import("./views/tree.js") },
  {
    name: "morph",
    within: "mix",
    title: "Morph",
    load: () => import("./views/morph.js"),
    needs: (one) => one.can.morph,
    lacks: "Morphs need an artist that draws what lies between two requests.",
  },
  { name: "walk", within: "mix", title: "Film", load: () => import("./views/walk.js") },
  {
    name: "story",
    title: "Story",
    load: () => import("./views/story.js"),
    needs: (one) => one.can.story,
    lacks: "Stories need an artist that tells them: start the studio with clevr-stories.",
  },
  {
    name: "scene",
    title: "Scene",
    load: () => import("./views/scene.js"),
    needs: canScene,
    lacks: "Scenes need an artist that is told where things lie, that takes dialogues, or that climbs.",
  },
  { name: "favourites", title: "Mine", load: () => import("./views/favourites.js") },
  {
    name: "class",
    within: "favourites",
    title: "Class",
    load: () => import("./views/class.js"),
    needs: (_, studio) => studio.kind === "server",
    lacks: "Classes need a studio on a server: limner studio.",
  },
  { name: "systems", place: "How it works", title: "Systems", load: () => import("./views/systems.js") },
  { name: "beside", within: "systems", title: "Side by side", load: () => import("./views/beside.js") },
  {
    name: "rate",
    within: "systems",
    title: "Rate",
    load: () => import("./views/rate.js"),
    needs: (_, studio) => studio.ratings !== null,
    lacks: "Ratings need a studio on a server: limner studio.",
  },
];

/** Can a view be served here? */
export function canBe({ needs }, artists, studio) {
  return !needs || artists.some((one) => needs(one, studio));
}

/** Links to all places that can be served; that of the view that is shown is marked. */
export function Places({ view }) {
  const { artists, studio } = useShared();
  const shown = VIEWS.filter((one) => !one.within && canBe(one, artists, studio));
  return html`<nav class="tabs" aria-label="Studio">
    ${shown.map(
      (one) => html`<a key=${one.name} href=${`#/${one.name}`}
        aria-current=${one === view ? "page" : one.name === view.within ? "true" : undefined}>
        ${told(one.place ?? one.title)}
      </a>`,
    )}
  </nav>`;
}

/** Links to the views of one place; the picture that is shown goes along. */
export function Within({ view, route }) {
  const { artists, studio } = useShared();
  const place = view.within ?? view.name;
  const shown = VIEWS.filter((one) => (one.within ?? one.name) === place && canBe(one, artists, studio));
  const { picture } = route.query;
  if (shown.length < 2 || view.name === "draw") return null; // in Make the picture has the room
  return html`<nav class="row within" aria-label=${told(VIEWS.find(({ name }) => name === place).place ?? place)}>
    ${shown.map(
      (one) => html`<a class="button" key=${one.name} aria-current=${one === view ? "page" : undefined}
        href=${to(one.name, picture && one.name !== "beside" ? { picture } : {})}>${told(one.title)}</a>`,
    )}
  </nav>`;
}
