// Hearts: one set of what is kept for the whole page, so that a picture shows the same heart wherever it stands.

import { identity } from "./browser/recipe.js";
import { html, say } from "./lang.js";
import { Heart, useShared } from "./parts.js";
import { useEffect, useMemo, useRef, useState } from "./vendor/preact.js";

const PAGE = 200;
const DOUBLE = 350; // milliseconds between two taps that are one double tap
const LONG = 550; // milliseconds of a long press
const STILL = 6; // pixels that a finger at rest may move

/** What is kept, by the id of the picture, as the gallery has it. */
export class Hearts {
  #gallery;
  #kept = new Set();
  #watchers = new Set();
  #loading = null;

  constructor(gallery) {
    this.#gallery = gallery;
  }

  has(id) {
    return this.#kept.has(id);
  }

  /** Call `changed` whenever the set does; return what ends that. */
  watch(changed) {
    this.#watchers.add(changed);
    this.#loading ??= this.#load().catch(() => {
      this.#loading = null; // with the next heart that is shown, perhaps
    });
    return () => this.#watchers.delete(changed);
  }

  /** Learn how a picture of the gallery stands by now. */
  learn({ id, kept, deleted }) {
    if (kept && !deleted) this.#kept.add(id);
    else this.#kept.delete(id);
    this.#tell();
  }

  /** Ask the gallery again: pictures were deleted, brought back or brought. */
  async renew() {
    await this.#load();
  }

  async #load() {
    const found = new Set();
    let page = { next: undefined };
    do {
      page = await this.#gallery.page({ shelf: "kept", limit: PAGE, after: page.next });
      for (const { id } of page.data) found.add(id);
    } while (page.next);
    this.#kept = found;
    this.#tell();
  }

  #tell() {
    for (const changed of this.#watchers) changed();
  }
}

/** Return `toggle(isKept, put)`: `put(keep)` gives or takes a heart and returns the entry; what was taken can come back. */
export function useToggle() {
  const { hearts, notify, fail } = useShared();
  return async (isKept, put) => {
    const set = async (keep) => hearts.learn(await put(keep));
    try {
      await set(!isKept);
      if (isKept) notify(say`Taken from the favourites`, { action: say`Undo`, run: () => set(true) });
    } catch (error) {
      fail(error);
    }
  };
}

/** The heart of a picture that was drawn here, {kept, toggle}; `parents` are ids of those it was made from. */
export function useHeartOf(picture, parents = null) {
  const { studio, hearts } = useShared();
  const [, changed] = useState(0);
  useEffect(() => hearts.watch(() => changed((n) => n + 1)), [hearts]);
  const id = useMemo(() => (picture ? identity(picture.recipe) : null), [picture]);
  const kept = id !== null && hearts.has(id);
  const toggleBy = useToggle();
  const put = async (keep) => {
    const entry = await studio.gallery.add(picture.png, { keep, parents });
    return keep ? entry : studio.gallery.change(entry.id, { keep });
  };
  return { kept, toggle: async () => picture && toggleBy(kept, put) };
}

/** That heart as a button. */
export function HeartOf({ picture, parents = null, id }) {
  const { kept, toggle } = useHeartOf(picture, parents);
  return html`<${Heart} id=${id} kept=${kept} disabled=${!picture} onClick=${toggle} />`;
}

/**
 * Handlers by which a picture is kept without its button: a long press; a right click (with Shift it is the browser's
 * own menu), or where `doubled` two clicks or taps in its place.
 */
export function useKeeping(toggle, { doubled = false } = {}) {
  const press = useRef({ timer: null, last: 0, held: false });
  const now = press.current;
  const rest = () => clearTimeout(now.timer);
  const act = () => {
    rest();
    if (now.held) return;
    now.held = true;
    toggle();
  };
  return {
    onContextMenu: (event) => {
      if (event.shiftKey || (doubled && event.pointerType !== "touch")) return;
      event.preventDefault();
      act();
      now.held = event.pointerType === "touch"; // a click follows a long press, none a right click
    },
    onPointerDown: (event) => {
      now.held = false;
      if (event.pointerType === "touch") now.timer = setTimeout(act, LONG);
    },
    onPointerUp: rest,
    onPointerCancel: rest,
    onPointerMove: (event) => Math.hypot(event.movementX, event.movementY) > STILL && rest(),
    onClickCapture: (event) => {
      if (now.held) {
        now.held = false; // the press that kept it opens nothing
        event.stopPropagation();
        event.preventDefault();
      } else if (doubled) {
        const isSecond = event.timeStamp - now.last < DOUBLE;
        now.last = isSecond ? 0 : event.timeStamp;
        if (isSecond) toggle();
      }
    },
  };
}
