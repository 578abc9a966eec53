// The tray: one group of values is open, each shown as this very picture with that value.

import { html, say } from "../lang.js";
import { IconButton, useShared, useStored } from "../parts.js";
import { same } from "../requests.js";
import { useRef } from "../vendor/preact.js";
import { byArrows } from "./arrows.js";
import { chosenOf, groupsOf, isChosen, saidWith } from "./groups.js";
import { Options } from "./options.js";
import { canSee } from "./sight.js";
import { kindIn, meant } from "./state.js";
import { fittingOf } from "./tried.js";

/**
 * The state of the tray of an artist: {open, show, visit, pins, pin, choose}: which group is open, with the focus or
 * without, which are held, and what a press of a value does. `rested` is what `useRested` returns.
 */
export function useTray(artist, phrases, all, rested) {
  const { studio } = useShared();
  const [open, show] = useStored(`group.${artist.id}`, null);
  const [pins, setPins] = useStored(`pins.${artist.id}`, []);
  const newest = useRef(null);
  newest.current = { all, rested };
  const pin = (name) => setPins((old) => (old.includes(name) ? old.filter((one) => one !== name) : [...old, name]));
  const look = async () => {
    const { all, rested } = newest.current;
    const [now, isNow] = rested;
    if (isNow && now.seen) return { row: now.drawn.row, seen: now.seen };
    const { drawn, isCurrent } = all;
    if (!isCurrent || !canSee(artist, drawn)) return null;
    return { row: drawn.row, seen: await studio.seen(artist.id, drawn.picture.png).catch(() => null) };
  };
  const choose = (name, value) => {
    const looked = look(); // at what is shown as it is pressed, while presses before it take their turn
    newest.current.all.press(async (before) => {
      const found = await looked;
      const saidOf = (state) => {
        const { request } = meant(artist, state, phrases);
        const seen = found && same(found.row, { request, seed: state.seed }) ? found.seen : null;
        return saidWith(kindIn(artist, state), phrases, state, { name, value }, seen);
      };
      const said = saidOf(before);
      const fit = await fittingOf(studio, artist, phrases, { ...before, asked: null, said }, { name, value }).catch(
        () => said, // the picture that is asked for tells what is wrong
      );
      return (now) => ({ said: same(saidOf(now), said) ? fit : saidOf(now), seed: now.seed });
    });
  };
  const visit = (name) => {
    show(name);
    setTimeout(() => document.querySelector("#group [data-tile][tabindex='0']")?.focus()); // once it is there
  };
  return { open, show, visit, pins, pin, choose };
}

/** Groups and options. */
export function Tray({ artist, phrases, all, tray, rested }) {
  const kind = kindIn(artist, all.state);
  const groups = groupsOf(kind, phrases);
  if (!groups.length) return null;
  const open = groups.find(({ name }) => name === tray.open) ?? groups[0];
  const chosen = chosenOf(kind, phrases, all.state.said);
  const isSaid = ({ parts }) => parts.some(({ name, values }) => values.some((one) => isChosen(chosen, name, one)));
  const isOne = groups.length === 1;
  return html`<section class="stack" id="tray" aria-label="What can be chosen">
    ${!isOne && html`<${Groups} groups=${groups} open=${open} pins=${tray.pins} isSaid=${isSaid} onShow=${tray.show} />`}
    <div class="stack" id="group" role=${isOne ? undefined : "tabpanel"} aria-labelledby=${isOne ? undefined : tabId(open)}>
      ${open.name !== null && html`<${Head} group=${open} tray=${tray} />`}
      ${open.parts.map(
        (part) => html`<${Options} key=${part.name} artist=${artist} phrases=${phrases} kind=${kind} part=${part}
          chosen=${chosen} rested=${rested} onChoose=${tray.choose} />`,
      )}
    </div>
  </section>`;
}

/** The names of groups, one of which is open: `onShow(name)` hears of another, `isSaid(group)` tells what is spoken of. */
export function Groups({ groups, open, pins = [], isSaid, onShow }) {
  return html`<div class="groups" role="tablist" aria-label="Groups" onKeyDown=${byArrows}>
    ${groups.map((group) => {
      const isOpen = group === open;
      return html`<button type="button" role="tab" id=${tabId(group)} key=${group.name} aria-selected=${isOpen}
        aria-controls=${isOpen ? "group" : undefined} tabindex=${isOpen ? 0 : -1} class=${isSaid(group) ? "said" : ""}
        onFocus=${() => onShow(group.name)} onClick=${() => onShow(group.name)}>
        ${group.title}${pins.includes(group.name) && html`<span class="hidden"> (pinned)</span>`}
      </button>`;
    })}
  </div>`;
}

function Head({ group, tray }) {
  const label = say`Pin ${group.title}: it stays, whatever chance brings`;
  return html`<div class="row spread head">
    <h2>${group.title}</h2>
    <${IconButton} id="pin" name="pin" label=${label} aria-pressed=${tray.pins.includes(group.name)}
      onClick=${() => tray.pin(group.name)} />
  </div>`;
}

/** Return the id of the tab of a group. */
export function tabId({ name }) {
  return `tab-${name.replace(/[^\p{L}\p{N}]+/gu, "-")}`;
}
