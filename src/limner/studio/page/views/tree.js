// The tree of a picture: what it was made of above it, what was made of it below; press one, or an arrow, to walk there.

import { useEntry } from "../drawn.js";
import { html, say } from "../lang.js";
import { ErrorLine, GalleryPicture, Icon, Title, useArtist, useShared } from "../parts.js";
import { Begin } from "../picker.js";
import { nameOf } from "../requests.js";
import { go, to } from "../routes.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const AGES = 3; // generations above
const MOST = 24; // children, or siblings, that are shown

export default function Tree({ route }) {
  const { picture } = route.query;
  const { entry, error } = useEntry(picture);
  const here = useArtist();
  return html`<div class="stack" id="tree">
    <${Title} text="Tree">What a picture was made of, and what was made of it.<//>
    <${ErrorLine} error=${error} />
    ${
      !picture &&
      html`<${Begin} artist=${here} onPick=${({ id }) => walk(id)}>Choose the picture whose family you want to see.<//>`
    }
    ${entry && html`<${Family} key=${entry.id} entry=${entry} />`}
  </div>`;
}

function walk(id) {
  go("tree", { picture: id });
}

function Family({ entry }) {
  const ages = useAncestors(entry);
  const children = useChildren(entry.id);
  const siblings = useSiblings(entry);
  const now = useRef(null);
  useEffect(() => {
    now.current.focus({ preventScroll: true });
  }, []);
  const [parents = []] = ages;
  const keys = (event) => {
    const next = {
      ArrowUp: parents[0],
      ArrowDown: children[0],
      ArrowLeft: siblings.before,
      ArrowRight: siblings.after,
    }[event.key];
    if (!next) return;
    event.preventDefault();
    walk(next.id);
  };
  return html`<div class="stack family" onKeyDown=${keys}>
    ${[...ages].reverse().map((some, i) => html`<${Row} key=${i} label=${ageName(ages.length - i)} entries=${some} />`)}
    <section class="age" aria-label="This picture">
      <${Row} label="Its siblings" entries=${siblings.others} isSmall />
      <div class="here" ref=${now} tabindex="-1">
        <${GalleryPicture} entry=${entry} />
        <p class="soft cut">${nameOf(entry.recipe)}</p>
        <div class="row">
          <a class="button primary" href=${to("draw", { picture: entry.id })}><${Icon} name="pencil" /> Draw on</a>
          <a class="button" href=${to("mix", { picture: entry.id })}><${Icon} name="mix" /> Mix</a>
        </div>
      </div>
    </section>
    <${Row} label=${children.length ? say`Its children` : say`It has no children yet`} entries=${children} id="children" />
    <p class="soft small">Arrow keys walk: up to a parent, down to a child, left and right to siblings.</p>
  </div>`;
}

function ageName(age) {
  if (age === 1) return say`Its parents`;
  return age === 2 ? say`Its grandparents` : say`Before them`;
}

function Row({ label, entries, id, isSmall = false }) {
  if (!entries.length && !id) return null;
  return html`<section class=${isSmall ? "age small-age" : "age"} id=${id} aria-label=${label}>
    <h2>${label}</h2>
    <ul class="row">
      ${entries.map(
        (one) => html`<li key=${one.id}>
          <a class="relative" href=${to("tree", { picture: one.id })} title=${nameOf(one.recipe)}>
            <${GalleryPicture} entry=${one} />
          </a>
        </li>`,
      )}
    </ul>
  </section>`;
}

/** Return the parents of a picture, their parents, and so on: a list for each generation that is still there. */
function useAncestors(entry) {
  const { studio } = useShared();
  const [ages, setAges] = useState([]);
  useEffect(() => {
    let here = true;
    const climb = async () => {
      const found = [];
      const seen = new Set([entry.id]);
      for (let some = [entry]; found.length < AGES; ) {
        const ids = [...new Set(some.flatMap(({ parents }) => parents))].filter((id) => !seen.has(id));
        const read = ids.map((id) => studio.gallery.get(id).catch(() => null)); // it may be gone by now
        some = (await Promise.all(read)).filter(Boolean);
        if (!some.length || !here) break;
        for (const { id } of some) seen.add(id);
        found.push(some);
      }
      if (here) setAges(found);
    };
    climb();
    return () => {
      here = false;
    };
  }, [entry.id]);
  return ages;
}

/** Return what was made from a picture, the newest first. */
function useChildren(id) {
  const { studio, fail } = useShared();
  const [children, setChildren] = useState([]);
  useEffect(() => {
    let here = true;
    if (id)
      studio.gallery
        .page({ shelf: "drawn", parent: id, limit: MOST })
        .then(({ data }) => here && setChildren(data), fail);
    return () => {
      here = false;
    };
  }, [id]);
  return children;
}

/** Return the other children of a picture's first parent, and those that stand before and after it among them. */
function useSiblings(entry) {
  const all = useChildren(entry.parents[0] ?? null);
  const at = all.findIndex(({ id }) => id === entry.id);
  return { others: all.filter((_, i) => i !== at), before: all[at - 1], after: at < 0 ? null : all[at + 1] };
}
