// Systems: what there is to train, by the year of its paper, and a page for each.

import { Face } from "../faces.js";
import { html, say } from "../lang.js";
import { ErrorLine, Icon, Title, useShared } from "../parts.js";
import { useEffect, useState } from "../vendor/preact.js";

const GIVES = {
  images: "pictures",
  attention: "where it looks at words",
  drafts: "drafts",
  text: "text",
  layout: "labelled boxes",
};

export default function Systems({ route }) {
  const { studio } = useShared();
  const [systems, setSystems] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => void studio.systems().then(setSystems, setError), [studio]);
  const one = systems?.find(({ name }) => name === route.rest);
  if (error) return html`<${Title} text="Systems" /><${ErrorLine} error=${error} />`;
  if (!systems) return html`<${Title} text="Systems" /><p class="soft">Opening ...</p>`;
  if (one) return html`<${System} key=${one.name} system=${one} systems=${inYears(systems)} />`;
  return html`<div class="stack">
    <${Title} text="Systems">Every way to draw that Limner can train, by the year of its paper.<//>
    ${route.rest && html`<p class="error" role="alert">There is no system called ${route.rest}.</p>`}
    <${Timeline} systems=${inYears(systems)} />
  </div>`;
}

function inYears(systems) {
  return [...systems].sort((a, b) => a.year - b.year || a.name.localeCompare(b.name));
}

function Timeline({ systems }) {
  const years = [...new Set(systems.map(({ year }) => year))];
  return html`<ol class="years">
    ${years.map(
      (year) => html`<li key=${year}>
        <h2>${year}</h2>
        <ul>
          ${systems
            .filter((one) => one.year === year)
            .map((one) => html`<li key=${one.name}><${Summary} system=${one} /></li>`)}
        </ul>
      </li>`,
    )}
  </ol>`;
}

function Summary({ system }) {
  return html`<a class="card summary" href=${`#/systems/${system.name}`}>
    <strong>${system.name}</strong>
    <${Drawing} system=${system} />
    <span>${system.about}</span>
    <span class="soft">
      Draws from ${system.draws_from} ${system.artists.length > 0 && `· here: ${system.artists.join(", ")}`}
    </span>
  </a>`;
}

/** What an artist of a system drew, where there is one here that takes words. */
function Drawing({ system }) {
  const { artists } = useShared();
  const artist = artists.find(({ id }) => system.artists.includes(id));
  return artist ? html`<span class="drawing"><${Face} artist=${artist} /></span>` : null;
}

/** The page of a system. */
function System({ system, systems }) {
  const { name, title, authors, year, venue, arxiv, about } = system;
  const place = systems.indexOf(system);
  const [before, after] = [systems[place - 1], systems[place + 1]];
  return html`<article class="stack system">
    <nav class="row spread" aria-label="Systems">
      <a href="#/systems"><${Icon} name="back" /> All systems</a>
      <span class="row">
        ${before && html`<a href=${`#/systems/${before.name}`}>← ${before.name}</a>`}
        ${after && html`<a href=${`#/systems/${after.name}`}>${after.name} →</a>`}
      </span>
    </nav>
    <${Title} text=${name}>${about}<//>
    <div class="facts">
      <section class="card">
        <h2>Paper</h2>
        <p class="paper"><cite>${title}</cite></p>
        <p>${authors}</p>
        <p class="soft">
          ${venue} ${year}
          ${arxiv && html` · <a href=${`https://arxiv.org/abs/${arxiv}`} rel="noreferrer">arXiv ${arxiv}</a>`}
        </p>
      </section>
      <section class="card">
        <h2>Draws</h2>
        <${Drawing} system=${system} />
        <dl>
          <dt>From</dt>
          <dd>${system.draws_from}</dd>
          <dt>Gives</dt>
          <dd>${system.gives.map((one) => GIVES[one] ?? one).join(", ")}</dd>
          <dt>Artists here</dt>
          <dd><${Artists} names=${system.artists} story=${system.story} /></dd>
        </dl>
      </section>
    </div>
    <${Training} system=${system} />
    <${Settings} id="settings" title="Settings" fields=${system.config} about="Set with --set name=value." />
    <${Settings} id="knobs" title="Settings of drawing" fields=${system.knobs} about="Set when it draws, with --knob name=value." />
  </article>`;
}

function Artists({ names, story }) {
  const { choose } = useShared();
  if (!names.length) return html`<span class="soft">none: train one</span>`;
  return names.map(
    (one) => html`<a key=${one} class="button" href=${story ? "#/story" : "#/draw"} onClick=${() => choose(one)}>
      <${Icon} name="pencil" /> Draw with ${one}
    </a>`,
  );
}

/** Presets, and the command that trains the chosen one. */
function Training({ system }) {
  const { notify, fail } = useShared();
  const presets = Object.entries(system.presets);
  const [preset, setPreset] = useState(system.default_preset || (presets[0]?.[0] ?? ""));
  const command = `limner train ${system.name} --data my-pictures --preset ${preset} --run runs/mine`;
  const copy = () => navigator.clipboard.writeText(command).then(() => notify(say`Copied.`), fail);
  return html`<section class="card stack">
    <h2>Train it</h2>
    <fieldset>
      <legend>Preset</legend>
      ${presets.map(
        ([one, sets]) => html`<label key=${one} class="preset">
          <input type="radio" name="preset" value=${one} checked=${one === preset} onChange=${() => setPreset(one)} />
          <span><strong>${one}</strong> <span class="soft">${changes(sets) || "the defaults"}</span></span>
        </label>`,
      )}
    </fieldset>
    <div class="row command"><code id="command">${command}</code>${
      navigator.clipboard && html`<button type="button" onClick=${copy}>Copy</button>`
    }</div>
  </section>`;
}

function Settings({ id, title, fields, about }) {
  if (!fields.length) return null;
  return html`<section class="card" id=${id}>
    <h2>${title}</h2>
    <p class="soft">${about}</p>
    <div class="wide" tabindex="0" role="region" aria-label=${title}>
      <table class="settings">
        <thead>
          <tr><th scope="col">Name</th><th scope="col">Default</th><th scope="col">Meaning</th></tr>
        </thead>
        <tbody>
          ${fields.map(
            (field) => html`<tr key=${field.name}>
              <th scope="row"><code>${field.name}</code></th>
              <td><code>${field.required ? "" : written(field.default)}</code></td>
              <td>${marked(field.about)} <span class="soft kind">${kind(field.kind)}</span></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** Say what a preset sets. */
function changes(sets) {
  return Object.entries(sets)
    .map(([name, value]) => `${name}=${written(value)}`)
    .join(", ");
}

/** Write a value as `--set name=value` has it. */
function written(value) {
  if (value === null) return "none";
  if (Array.isArray(value)) return value.map(written).join(",") || "()";
  return typeof value === "object" ? Object.values(value).map(written).join(":") : String(value);
}

/** Set what stands between backticks as code. */
function marked(text) {
  return text.split("`").map((part, i) => (i % 2 ? html`<code key=${i}>${part}</code>` : part));
}

/** Say a type in words where it is a choice. */
function kind(type) {
  const choice = type.match(/^Literal\[(.*)\]$/);
  return choice ? `One of ${choice[1].replaceAll("'", "")}.` : type;
}
