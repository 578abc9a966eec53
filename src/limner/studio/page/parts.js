// What views are made of: pictures, hearts, sliders, and a few hooks.

import { html, say } from "./lang.js";
import { addressOf, free } from "./pngs.js";
import { textOf } from "./requests.js";
import { createContext, useContext, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

/** {studio, artists, artist, choose, notify, fail}: what every view has. */
export const Shared = createContext(null);

export function useShared() {
  return useContext(Shared);
}

const PAUSE = 2000;
const PATHS = {
  dice: "M4 4h16v16H4zM8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01",
  heart: "M12 20s-7.5-4.6-7.5-10A4.3 4.3 0 0 1 12 7.3 4.3 4.3 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  unlock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 6.8-1.2",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  save: "M12 4v11m-5-4 5 5 5-5M5 20h14",
  link: "M10 14a4 4 0 0 1 0-6l3-3a4 4 0 0 1 6 6l-1.5 1.5M14 10a4 4 0 0 1 0 6l-3 3a4 4 0 0 1-6-6l1.5-1.5",
  morph: "M4 17c6 0 6-10 12-10h4m-3-3 3 3-3 3",
  mix: "M7 5v5c0 3 5 3 5 6v4M17 5v5c0 3-5 3-5 6",
  walk: "M4 6h16v12H4zM8 6v12M16 6v12M4 12h4m8 0h4",
  pencil: "M4 20l1-4L16 5l3 3L8 19z",
  again: "M19 12a7 7 0 1 1-2-5l2 2m0-5v5h-5",
  play: "M8 5v14l11-7z",
  pause: "M8 5v14M16 5v14",
  close: "M6 6l12 12M18 6L6 18",
  faces:
    "M8.5 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3.5 2.5-5.5 5.5-5.5S14 15.5 14 19M16 11.5a2.5 2.5 0 1 0 0-5M17 14c2.4.4 4 2.2 4 5",
  back: "M14 6l-6 6 6 6",
  plus: "M12 5v14M5 12h14",
  pin: "M9 4h6l-1 6 3 4H7l3-4zM12 14v6",
  whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z",
};

/** An icon; text beside it, or an aria-label around it, says what it means. */
export function Icon({ name }) {
  return html`<svg class="sign" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** A button with an icon; `label` is its accessible name. */
export function IconButton({ name, label, onClick, ...rest }) {
  return html`<button type="button" class="icon" aria-label=${label} title=${label} onClick=${onClick} ...${rest}>
    <${Icon} name=${name} />
  </button>`;
}

/** The heart of a picture. */
export function Heart({ kept, onClick, ...rest }) {
  const label = kept ? say`Take from favourites` : say`Keep as a favourite`;
  return html`<${IconButton} name="heart" label=${label} class="icon heart" aria-pressed=${kept} onClick=${onClick}
    ...${rest} />`;
}

/** An error message, in a line. */
export function ErrorLine({ error }) {
  return error ? html`<p class="error" role="alert">${error.message ?? String(error)}</p>` : null;
}

/** The head of a view; it takes the focus when one comes to it, so that screen readers begin there. */
export function Title({ text, children }) {
  const head = useRef(null);
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement?.closest(".tabs, .within"))
      head.current.focus();
  }, []);
  return html`<div>
    <h1 ref=${head} tabindex="-1">${text}</h1>
    ${children && html`<p class="soft">${children}</p>`}
  </div>`;
}

/**
 * A picture out of a Blob, whose address lives for as long as it is shown, so that a browser can save it. The old one
 * stays until the new one can be shown; `drawn` says what it was drawn for.
 */
export function PngImage({ png, alt, id, drawn, ...rest }) {
  const image = useRef(null);
  const last = useRef(null);
  const given = useRef({});
  const decoded = useRef(null);
  given.current = { png, drawn };
  useLayoutEffect(() => {
    if (!png) return;
    const url = addressOf(png);
    const before = last.current;
    last.current = url;
    image.current.src = url;
    image.current
      .decode()
      .then(() => {
        decoded.current = png;
        if (given.current.png === png) mark(image.current, given.current.drawn);
      })
      .catch(() => {})
      .finally(() => before && free(before));
  }, [png]);
  useEffect(() => {
    if (png && decoded.current === png) mark(image.current, drawn); // what is wanted now may be what is there
  }, [png, drawn]);
  useEffect(() => () => last.current && free(last.current), []);
  return html`<img class="shown" ref=${image} id=${id} alt=${alt} ...${rest} />`;
}

/** Say of a picture what it was drawn for. */
function mark(image, drawn) {
  if (image && drawn !== undefined) image.dataset.drawn = drawn;
}

/** A picture that is a canvas already, so that nothing has to be fetched or decoded. */
export function CanvasImage({ frame, alt, ...rest }) {
  const screen = useRef(null);
  useEffect(() => {
    if (!frame) return;
    Object.assign(screen.current, { width: frame.width, height: frame.height });
    screen.current.getContext("2d").drawImage(frame, 0, 0);
  }, [frame]);
  return html`<canvas class="shown" ref=${screen} role="img" aria-label=${alt} width="64" height="64" ...${rest} />`;
}

/** A picture of the gallery, fetched when it is shown. */
export function GalleryPicture({ entry, alt, ...rest }) {
  const { studio, fail } = useShared();
  const [png, setPng] = useState(null);
  useEffect(() => {
    let here = true;
    studio.gallery.png(entry.id).then((found) => here && setPng(found), fail);
    return () => {
      here = false;
    };
  }, [entry.id]);
  return html`<${PngImage} png=${png} alt=${alt ?? textOf(entry.recipe.request)} ...${rest} />`;
}

/**
 * A field that commits when it loses the focus. Typed text survives renders until then, or until `value` changes.
 */
export function DeferredField({ as = "input", value, onChange, ...rest }) {
  const [text, setText] = useState(null);
  useEffect(() => setText(null), [value]);
  const typing = (event) => setText(event.target.value);
  return html`<${as} value=${text ?? value} onInput=${typing} onChange=${onChange} ...${rest} />`;
}

/** A slider with its name and its value in words. */
export function Slider({ label, value, min = 0, max = 1, step = 0.01, valueText, onInput, ...rest }) {
  const text = valueText ?? String(value);
  return html`<label>
    <span class="row spread"><span>${label}</span><span class="soft">${text}</span></span>
    <input type="range" value=${value} min=${min} max=${max} step=${step} aria-valuetext=${text} ...${rest}
      onInput=${(event) => onInput(Number(event.target.value))} />
  </label>`;
}

/** A place to drop a file on, or to choose one. */
export function FileDrop({ id, label, accept = "image/png,image/jpeg", onFile }) {
  const [over, setOver] = useState(false);
  const dragged = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const dropped = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files[0]) onFile(event.dataTransfer.files[0]);
  };
  const chosen = (event) => {
    if (event.target.files[0]) onFile(event.target.files[0]);
    event.target.value = "";
  };
  return html`<label
    class=${over ? "drop over" : "drop"}
    onDragOver=${dragged}
    onDragLeave=${() => setOver(false)}
    onDrop=${dropped}
  >
    <input class="hidden" id=${id} type="file" accept=${accept} onChange=${chosen} />
    <span>${label}</span>
  </label>`;
}

/** Choose an artist among those that can; where there is but one, nothing is shown. */
export function useArtist(can = () => true) {
  const { artist, artists } = useShared();
  return can(artist) ? artist : artists.find(can);
}

/** Store state for `useStored`; where storage is full or forbidden, it is only lost at a reload. */
export function store(name, value) {
  try {
    localStorage.setItem(`limner.${name}`, JSON.stringify(value));
  } catch {
    // it is still shown
  }
}

/** Return what was stored, or null. */
export function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(`limner.${name}`));
  } catch {
    return null;
  }
}

/** While the studio cannot be reached, call `again` every few seconds, so that nobody has to reload the page. */
export function useRetry(error, again) {
  const newest = useRef(again);
  newest.current = again;
  useEffect(() => {
    if (!error?.unreachable) return undefined;
    const timer = setTimeout(() => newest.current(), PAUSE);
    return () => clearTimeout(timer);
  }, [error]);
}

/** State that is stored across reloads, under a name. */
export function useStored(name, first) {
  const [value, setValue] = useState(() => stored(name) ?? first);
  const set = (next) =>
    setValue((old) => {
      const now = typeof next === "function" ? next(old) : next;
      store(name, now);
      return now;
    });
  return [value, set];
}

/**
 * Work that a press starts: [busy, busyWhile]. `busyWhile(work)` returns a handler that does it; where it fails,
 * `failed(error)` is called, else the person is notified.
 */
export function useWork(failed) {
  const { fail } = useShared();
  const [busy, setBusy] = useState(false);
  const busyWhile =
    (work) =>
    async (...given) => {
      setBusy(true);
      try {
        await work(...given);
      } catch (error) {
        (failed ?? fail)(error);
      }
      setBusy(false);
    };
  return [busy, busyWhile];
}

/**
 * Run only the newest call: `run(...given)` starts `work(signal, ...given)` at once where none is running, and else
 * when that is done, with the arguments of the last call. So a picture follows a person who types, without a queue.
 */
export function useLatest(work) {
  const state = useRef({ busy: false, next: null, stop: new AbortController() });
  const newest = useRef(work);
  newest.current = work;
  useEffect(() => () => state.current.stop.abort(), []);
  const run = useRef(async (...given) => {
    const now = state.current;
    if (now.stop.signal.aborted) return;
    if (now.busy) {
      now.next = given;
      return;
    }
    now.busy = true;
    try {
      await newest.current(now.stop.signal, ...given);
    } finally {
      now.busy = false;
      const next = now.next;
      now.next = null;
      if (next) run.current(...next);
    }
  });
  return run.current;
}

/** Download a Blob as a file. */
export function download(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
