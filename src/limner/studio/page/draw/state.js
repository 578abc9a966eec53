// The state of the draw view: the words, the seed, the knobs; their picture; and its entry in the gallery.

import { remember } from "../drawn.js";
import {
  byChance,
  changed,
  isBlend,
  isNeeded,
  isStory,
  requestOf as requestOfFields,
  saidOf,
  withWords,
  wordsField,
  wordsIn,
} from "../fields.js";
import { useHeartOf } from "../hearts.js";
import { store, stored, useLatest, useRetry, useShared } from "../parts.js";
import { randomSeed } from "../random.js";
import { textOf } from "../requests.js";
import { go } from "../routes.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { affirmed } from "../words/negation.js";
import { turned } from "./knobs.js";
import { amended, isTyped, REST, shown, useTimeline, went } from "./timeline.js";

const LEAP = 3; // letters that a key adds or takes at most
const SLOW = 150; // milliseconds after which one sees that a picture is waited for
const FRESH = {
  kind: null,
  said: {},
  locked: true,
  knobs: {},
  size: null,
  asked: null,
  parents: null,
  touched: false,
};

/** Return the state that draws a picture of the gallery again: what it says, seed and knobs. */
export function stateOf(artist, { recipe, parents }) {
  const { request, seed } = recipe;
  const knobs = turned(artist, recipe.knobs);
  const kind = kindIn(artist, request);
  const size = recipe.size ?? null;
  const state = { ...FRESH, kind: kind.kind, seed, knobs, size, parents, touched: true };
  const said = kind.kind === request.kind ? saidOf(request) : withWords(kind, {}, textOf(request));
  const isLine = isStory(request) && request.lines.length === 1 && !request.setting?.length;
  const asked = isBlend(request) || (isStory(request) && !isLine) ? request : null;
  return { ...state, said: asked ? withWords(kind, {}, textOf(request)) : said, asked };
}

/** Return the kind that a request, or a state, is of, among those an artist takes: the first where it is of none. */
export function kindIn(artist, { kind }) {
  return artist.requests.find((one) => one.kind === kind) ?? artist.requests[0];
}

/** Store a state for `useDrawState`. */
export function storeState(artist, state) {
  store(keyOf(artist), state);
}

/** Return the state that an artist's view shows, or would; null before its first visit. */
export function storedState(artist) {
  return stored(keyOf(artist));
}

/** Return the request of a state; null where it is empty. */
export function requestOf(artist, state) {
  return state.asked ?? requestOfFields(kindIn(artist, state), state.said);
}

/** Return what is meant by a state: its request, without what its words say is not there; and the names of that. */
export function meant(artist, state, phrases) {
  const request = requestOf(artist, state);
  const words = request && !state.asked ? wordsField(kindIn(artist, state)) : null;
  if (words?.type !== "text" || !phrases) return { request, denied: [] };
  const { text, denied } = affirmed(phrases, request[words.name]);
  return denied.length && text ? { request: { ...request, [words.name]: text }, denied } : { request, denied: [] };
}

/** The state of an artist, stored across reloads, its picture, and the way through all that was seen. */
export function useDrawState(artist, phrases) {
  const [line, setLine, now] = useTimeline(artist, keyOf(artist), () => ({
    ...FRESH,
    said: begun(artist),
    seed: randomSeed(),
  }));
  const state = shown(line);
  const put = (changes, isPress) =>
    setLine((old) => {
      const before = shown(old);
      const changesRequest = "said" in changes || "kind" in changes;
      const seed = changesRequest && !before.locked && !("seed" in changes) ? { seed: randomSeed() } : {};
      const open = { ...before, ...(changesRequest ? { asked: null } : {}), ...seed };
      const next = changed(open, { ...changes, parents: null, touched: true });
      return went(old, next, isPress || isLeap(artist, before, next) ? null : Object.keys(changes).join());
    });
  const change = (changes) => put(changes, false);
  const [press, isPressed] = useTurns(
    () => shown(now()),
    (changes) => put(changes, true),
  );
  const lock = () => setLine((old) => amended(old, { locked: !shown(old).locked }));
  const drawing = usePictureOf(artist, state, line.at, phrases);
  const isOpen = isTyped(line);
  const gallery = useGalleryEntry(drawing.drawn, state, line.at, isOpen);
  const waits = useSlow(isPressed || drawing.isOwed);
  return { state, change, press, lock, line, setLine, ...drawing, waits, ...gallery };
}

/**
 * Return what hears of presses, and whether one is not made yet. Each is made to the state that those before it left:
 * `press(changes)`, or `press(make)` where `make(state)` returns a promise of a function of the state that is newest by
 * then, which returns changes.
 */
function useTurns(now, put) {
  const { fail } = useShared();
  const last = useRef(null);
  const [isPressed, setPressed] = useState(false);
  const newest = useRef(put);
  newest.current = put;
  const take = async (make) => {
    const finish = typeof make === "function" ? await make(now()) : () => make;
    newest.current(finish(now()));
  };
  const press = (make) => {
    if (!last.current && typeof make !== "function") {
      newest.current(make);
      return;
    }
    setPressed(true);
    const turn = Promise.resolve(last.current)
      .then(() => take(make))
      .catch(fail)
      .finally(() => {
        if (last.current !== turn) return;
        last.current = null;
        setPressed(false);
      });
    last.current = turn;
  };
  return [press, isPressed];
}

/** Was more changed than a hand does with a key: were words pasted, cut, or chosen? */
function isLeap(artist, before, next) {
  const kind = kindIn(artist, next);
  if (kind !== kindIn(artist, before) || !wordsField(kind)) return false;
  const [old, now] = [before, next].map(({ said }) => wordsIn(kind, said) ?? "");
  return Math.abs(now.length - old.length) > LEAP;
}

/** Return what is said at first: an example where words are taken, something by chance where labels or boxes are. */
function begun(artist) {
  const [kind] = artist.requests;
  const [example] = artist.can.story ? artist.examples : shortestFirst(artist.examples);
  const words = wordsField(kind);
  const said = words?.required && example ? withWords(kind, {}, example) : {};
  const chance = Object.entries(byChance(kind, artist, null));
  const isOpen = ([name]) =>
    kind.fields.some((field) => field !== words && field.name === name && isNeeded(kind, field));
  return { ...said, ...Object.fromEntries(chance.filter(isOpen)) };
}

/** Order what an artist opens with: the less is asked for, the surer is all of it there. */
function shortestFirst(examples) {
  return [...examples].sort((a, b) => a.length - b.length);
}

/** Return the name under which a state is stored: another than before states were of fields. */
function keyOf(artist) {
  return `drawing.${artist.id}`;
}

/** The newest picture of a state: {drawn: {picture, row, text, step}, error, again, isOwed, denied, isCurrent}. */
function usePictureOf(artist, state, step, phrases) {
  const { studio } = useShared();
  const { request, denied } = meant(artist, state, phrases);
  const size = artist.sizes.includes(state.size) ? state.size : null; // a reload may bring an artist without it
  const key = JSON.stringify([request, state.seed, state.knobs, size]);
  const [drawn, setDrawn] = useState(null);
  const [error, setError] = useState(null);
  const run = useLatest(async (signal, row, { knobs, size, step, key }) => {
    try {
      const [picture] = await studio.draw(artist.id, [row], { knobs, size, signal });
      if (!size) remember(artist, row, knobs, picture);
      setDrawn({ picture, row, knobs, size, text: textOf(row.request), step, key });
      setError(null);
    } catch (caught) {
      if (!signal.aborted) setError(caught);
    }
  });
  const again = () => request && run({ request, seed: state.seed }, { knobs: state.knobs, size, step, key });
  useLayoutEffect(() => {
    again(); // before the page is painted: a key waits for no frame
  }, [key]);
  useRetry(error, again);
  const isOwed = request !== null && drawn?.key !== key && !error;
  return { drawn, error, again, isOwed, denied, isCurrent: drawn?.key === key };
}

/** Is something so for longer than a person takes for at once? */
function useSlow(is) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    if (!is) {
      setSlow(false);
      return undefined;
    }
    const timer = setTimeout(() => setSlow(true), SLOW);
    return () => clearTimeout(timer);
  }, [is]);
  return is && isSlow;
}

/**
 * The entry of a picture in the gallery. What came of a press enters the history at once, what is typed when it rests
 * or is left for another step; a heart makes it a favourite.
 */
function useGalleryEntry(drawn, { parents, touched }, step, isOpen) {
  const { studio, fail } = useShared();
  const { kept, toggle } = useHeartOf(drawn?.picture ?? null, parents);
  const there = useRef(new Set());
  const newest = useRef(step);
  newest.current = step;
  const put = async () => {
    there.current.add(drawn);
    return studio.gallery.add(drawn.picture.png, { keep: false, parents });
  };
  useEffect(() => {
    if (!drawn || !touched || drawn.step !== step || there.current.has(drawn)) return undefined;
    const enter = () => put().catch(fail);
    if (!isOpen) {
      enter();
      return undefined;
    }
    const timer = setTimeout(enter, REST);
    return () => {
      clearTimeout(timer);
      if (newest.current !== drawn.step && !there.current.has(drawn)) enter();
    };
  }, [drawn, touched, step, isOpen]);
  const visit = async (view) => {
    try {
      go(view, { picture: (await put()).id });
    } catch (error) {
      fail(error);
    }
  };
  return { kept, keep: toggle, visit };
}
