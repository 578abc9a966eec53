// Chips: the values of an artist's attributes as buttons, folded by the thing they belong to.

import { html } from "../lang.js";
import { useRetry, useShared } from "../parts.js";
import { useEffect, useMemo, useState } from "../vendor/preact.js";
import { isNot } from "../words/grammar.js";
import { paintOf } from "../words/paints.js";
import { Phrases } from "../words/phrases.js";

/** The phrases of an artist's values; null until its vocabulary is loaded. */
export function usePhrases(artist) {
  const { studio, fail } = useShared();
  const [known, setKnown] = useState(null);
  const [error, setError] = useState(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let here = true;
    const failed = (caught) => (caught.unreachable ? here && setError(caught) : fail(caught));
    studio.words(artist.id).then((words) => here && setKnown({ artist, words }), failed);
    return () => {
      here = false;
    };
  }, [artist, tries]);
  useRetry(error, () => setTries((n) => n + 1));
  const words = known?.artist === artist ? known.words : null;
  return useMemo(() => words && new Phrases(artist.attributes, words, artist.examples), [words]);
}

/**
 * All values as toggle buttons. `chosen` are those that are on, {attribute: value}; `onChoose(attribute, value)` is
 * called on a press, with null where a value was switched off. Values that mean "nothing" are shown only with
 * `nothing`: a text expresses them by leaving them out.
 */
export function Chips({ phrases, chosen, onChoose, nothing = false }) {
  const [open, setOpen] = useState(() => opened(phrases, chosen));
  const toggle = (name, isOpen) => {
    if (open.has(name) === isOpen) return;
    const next = new Set(open);
    if (isOpen) next.add(name);
    else next.delete(name);
    setOpen(next);
  };
  return html`<div id="chips" class="things">
    ${phrases.things.map((thing) => {
      const names = Object.values(thing.parts);
      const said = names.map((name) => chosen[name]).filter((value) => value !== undefined);
      return html`<details
        class="fold"
        key=${thing.name}
        open=${open.has(thing.name)}
        onToggle=${(event) => toggle(thing.name, event.target.open)}
      >
        <summary>${thing.name} ${said.length > 0 && html`<span class="picked">${said.join(", ")}</span>`}</summary>
        ${
          open.has(thing.name) &&
          names.map(
            (name) =>
              html`<${Values}
                key=${name}
                name=${name}
                values=${phrases.attributes[name]}
                chosen=${chosen[name]}
                nothing=${nothing}
                onChoose=${onChoose}
              />`,
          )
        }
      </details>`;
    })}
  </div>`;
}

/** Which things are unfolded at first: the first two, or where there are many places, those that are spoken of. */
function opened(phrases, chosen) {
  const isSaid = (thing) => Object.values(thing.parts).some((name) => name in chosen);
  const shown = phrases.things.some((thing) => thing.placed)
    ? phrases.things.filter(isSaid)
    : phrases.things.slice(0, 2);
  return new Set(shown.map((thing) => thing.name));
}

function Values({ name, values, chosen, nothing, onChoose }) {
  const shown = nothing ? values : values.filter((value) => !isNot(value));
  return html`<div class="chips" role="group" aria-label=${name.replaceAll("_", " ")}>
    ${shown.map((value) => {
      const on = value === chosen;
      return html`<button
        type="button"
        class="chip"
        key=${value}
        aria-pressed=${on}
        data-chip=${`${name}=${value}`}
        onClick=${() => onChoose(name, on ? null : value)}
      >
        <${Paint} name=${name} value=${value} />${value}
      </button>`;
    })}
  </div>`;
}

/** A dot in the colour that a value names. */
function Paint({ name, value }) {
  const paint = paintOf(name, value);
  return paint && html`<span class="paint" style=${{ background: paint }}></span>`;
}

/** Labels as toggle buttons, for artists that are asked for them by name. */
export function Labels({ labels, chosen, onChange }) {
  const press = (label) =>
    onChange(chosen.includes(label) ? chosen.filter((one) => one !== label) : [...chosen, label]);
  return html`<div id="chips" class="chips" role="group" aria-label="Labels">
    ${labels.map(
      (label) =>
        html`<button
          type="button"
          class="chip"
          key=${label}
          aria-pressed=${chosen.includes(label)}
          data-chip=${label}
          onClick=${() => press(label)}
        >
          ${label}
        </button>`,
    )}
  </div>`;
}
