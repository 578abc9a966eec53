// The page: its head, its routes, and what goes wrong. Views are in views/, one file each.

import { useDropped } from "./brought.js";
import { Door } from "./door.js";
import { StudioError } from "./errors.js";
import { ArtistsButton } from "./faces.js";
import { Hearts } from "./hearts.js";
import { html, say, told } from "./lang.js";
import { Notices } from "./notices.js";
import { ErrorLine, Shared, Title, useRetry, useStored } from "./parts.js";
import { canBe, Places, VIEWS, Within } from "./places.js";
import { adopt, parse } from "./routes.js";
import { openStudio } from "./studio.js";
import { isStudy } from "./study.js";
import { render, useEffect, useMemo, useState } from "./vendor/preact.js";

const THEMES = { system: "Auto", light: "Light", dark: "Dark" };

function App({ studio, artists }) {
  const [route, setRoute] = useState(() => parse(location.hash));
  const [chosen, choose] = useStored("artist", artists[0].id);
  const [theme, setTheme] = useStored("theme", "system");
  const [notices] = useState(() => new Notices());
  const [hearts] = useState(() => new Hearts(studio.gallery));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);

  const artist = artists.find((one) => one.id === chosen) ?? artists[0];
  const named = VIEWS.find((one) => one.name === route.view);
  const view = named ?? VIEWS[0];
  const shared = useMemo(
    () => ({ studio, artists, artist, choose, hearts, notify: notices.notify, fail: notices.fail }),
    [studio, artists, artist],
  );
  useEffect(() => {
    if (named || !route.view) return;
    notices.notify(say`There is no page “${route.view}” here. This is ${told(view.title)}.`);
    location.replace(`#/${view.name}`);
  }, [route]);
  useEffect(() => {
    if (document.activeElement === document.body) document.querySelector("main h1")?.focus({ preventScroll: true });
  }, [route]); // what had the focus may be gone
  useEffect(() => {
    document.title = `${told(view.title)} · Limner`;
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [view]);
  return html`<${Shared.Provider} value=${shared}>
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <a class="brand" href="#/draw"><img src="./icon.svg" alt="" />Limner</a>
      <${Places} view=${view} />
      <label>
        <span class="hidden">Artist</span>
        <select id="artist" value=${artist.id} onChange=${(event) => choose(event.target.value)}>
          ${artists.filter((one) => !isStudy(one)).map((one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}
          ${
            artists.some(isStudy) &&
            html`<optgroup label="Studies">
              ${artists.filter(isStudy).map((one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}
            </optgroup>`
          }
        </select>
      </label>
      <${ArtistsButton} />
      <label>
        <span class="hidden">Colours</span>
        <select id="theme" value=${theme} onChange=${(event) => setTheme(event.target.value)}>
          ${Object.entries(THEMES).map(([name, text]) => html`<option key=${name} value=${name}>${told(text)}</option>`)}
        </select>
      </label>
    </header>
    <${Dropped} />
    <main id="main" tabindex="-1">
      <${Within} view=${view} route=${route} />
      ${canBe(view, artists, studio) ? html`<${View} key=${view.name} view=${view} route=${route} />` : html`<${Lacking} view=${view} />`}
    </main>
    <${notices.Toasts} />
  <//>`;
}

/** Takes what is dropped on the page beside any field. */
function Dropped() {
  useDropped();
  return null;
}

/** A view that nobody who draws here can serve. */
function Lacking({ view }) {
  return html`<${Title} text=${told(view.title)}>${told(view.lacks)}<//>`;
}

/** A view, once its module has come. */
function View({ view, route }) {
  const [loaded, setLoaded] = useState(null);
  const [error, setError] = useState(null);
  const load = () => {
    let here = true;
    const failed = new StudioError("this part of the page did not load: is the studio still running?", {
      unreachable: true,
    });
    view.load().then(
      (module) => here && setLoaded(() => module.default),
      () => here && setError(failed),
    );
    return () => {
      here = false;
    };
  };
  useEffect(load, [view]);
  useRetry(error, load);
  if (loaded) return html`<${loaded} route=${route} />`;
  return error ? html`<${ErrorLine} error=${error} />` : html`<p class="soft">Opening ...</p>`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** Show the page, or the way in, or why there is none. */
async function open(studio, place, tried = false) {
  try {
    const artists = await studio.artists();
    render(html`<${App} studio=${studio} artists=${artists} />`, place);
  } catch (error) {
    const opened = () => open(studio, place, true);
    const asks = error.status === 401;
    const door = html`<${Door} studio=${studio} wrong=${tried} opened=${opened} />`;
    render(asks ? door : html`<main><${ErrorLine} error=${error} /></main>`, place);
  }
}

adopt();
const place = document.getElementById("app");
openStudio().then(
  (studio) => open(studio, place),
  (error) => render(html`<main><${ErrorLine} error=${error} /></main>`, place),
);
