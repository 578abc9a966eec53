// Words that are tried before they are asked: what one would write is drawn, and a judge looks at it.

import { recalled, remember } from "../drawn.js";
import { withWords, wordsField, wordsIn } from "../fields.js";
import { useShared } from "../parts.js";
import { useEffect } from "../vendor/preact.js";
import { fitting } from "../words/fitting.js";
import { isNot } from "../words/grammar.js";
import { arePaints } from "../words/paints.js";
import { settled } from "../words/settled.js";
import { kindIn, meant } from "./state.js";

const REMEMBERED = 1000;
const fits = new Map();

/**
 * Return what of what is seen may be written down, as a promise: what one would write is drawn and looked at, while
 * nothing else is wanted.
 */
export async function settledOf(studio, artist, phrases, { state, seen }, signal) {
  if (!canTry(artist, phrases, state)) return seen;
  const steps = settled(phrases, wordsIn(kindIn(artist, state), state.said), seen);
  return tried(studio, artist, phrases, state, steps, { signal, aside: true });
}

/**
 * Return what a state says, where a value was just written into its words, so that a judge sees that value: a promise
 * of `said`. `options` are those of `studio.draw`.
 */
export async function fittingOf(studio, artist, phrases, state, option, options = {}) {
  if (!mayHide(artist, phrases, state, option)) return state.said;
  const key = keyOf(artist, state, option);
  if (!fits.has(key)) {
    const text = wordsIn(kindIn(artist, state), state.said);
    fits.set(key, await tried(studio, artist, phrases, state, fitting(phrases, text, option), options));
    if (fits.size > REMEMBERED) fits.delete(fits.keys().next().value);
  }
  return fitOf(artist, state, option);
}

/** Return what a state says, so that its value is seen, as far as that is known by now. */
export function fitOf(artist, state, option) {
  const text = fits.get(keyOf(artist, state, option));
  return text === undefined ? state.said : withWords(kindIn(artist, state), state.said, text);
}

/**
 * Find out while `isFree` what some, [{state, option}], are to say so that their values are seen, for `fitOf`; those
 * without an option, and null, need it not. `onFound()` hears of each that is to say something else.
 */
export function useFits(artist, phrases, some, isFree, onFound) {
  const { studio } = useShared();
  useEffect(() => {
    if (!isFree) return undefined;
    const stop = new AbortController();
    const find = async () => {
      for (const { state, option } of some.filter((one) => one?.option)) {
        if (stop.signal.aborted) return;
        const said = await fittingOf(studio, artist, phrases, state, option, { signal: stop.signal, aside: true });
        if (said !== state.said) onFound();
      }
    };
    find().catch(() => {}); // then a press tries it
    return () => stop.abort();
  }, [some, isFree]);
}

/** Can words hide a value that they name: a plain text, of an artist whose pictures a judge knows? */
function mayHide(artist, phrases, state, { name, value }) {
  if (!canTry(artist, phrases, state) || !artist.can.seen || isNot(value)) return false;
  const isPainted = arePaints(name, phrases.attributes[name]);
  return !isPainted && phrases.valuesIn(wordsIn(kindIn(artist, state), state.said))[name] === value;
}

function canTry(artist, phrases, state) {
  return (
    wordsField(kindIn(artist, state))?.type === "text" && !state.asked && !phrases.things.some(({ placed }) => placed)
  );
}

function keyOf(artist, { said, seed, knobs }, { name }) {
  return JSON.stringify([artist.checkpoint, said, seed, knobs, name]);
}

/** Run a generator that yields texts, in place of those of a state, and is sent what a judge sees in their pictures. */
async function tried(studio, artist, phrases, state, steps, options) {
  const { knobs, seed, said } = state;
  const kind = kindIn(artist, state);
  for (let step = steps.next(); ; ) {
    if (step.done) return step.value;
    const rows = step.value.map((text) => ({
      request: meant(artist, { ...state, said: withWords(kind, said, text) }, phrases).request,
      seed,
    }));
    const missing = rows.filter((row) => !recalled(artist, row, knobs));
    const drawn = missing.length ? await studio.draw(artist.id, missing, { knobs, ...options }) : [];
    const pictures = new Map(missing.map((row, place) => [row, drawn[place]]));
    for (const [row, picture] of pictures) remember(artist, row, knobs, picture);
    const found = [];
    for (const row of rows) {
      const { png } = pictures.get(row) ?? recalled(artist, row, knobs);
      found.push(await studio.seen(artist.id, png, { signal: options.signal }));
    }
    step = steps.next(found);
  }
}
