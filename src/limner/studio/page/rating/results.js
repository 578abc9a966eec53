// What answers come to: mean rank and spread, share of pairs won, and the Bradley-Terry order with its interval.

import { html, say } from "../lang.js";
import { download, ErrorLine, Icon, Title, useShared, useWork } from "../parts.js";
import { percent } from "../requests.js";
import { useEffect, useState } from "../vendor/preact.js";

const COLUMNS = ["Artist", "Mean rank", "Pairs won", "Strength", "Answers"];

/** The results of a study, and its files. */
export function Results({ study }) {
  const { studio } = useShared();
  const [, busyWhile] = useWork();
  const [results, setResults] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => void studio.ratings.get(`studies/${study.id}/results`).then(setResults, setError), [study.id]);
  const save = busyWhile(async (name) => {
    download(await (await studio.ask(`v1/ratings/studies/${study.id}/${name}`)).blob(), name);
  });
  return html`<div class="stack">
    <${Title} text=${study.name}>${study.answers} ${study.answers === 1 ? "answer" : "answers"} so far.<//>
    <${ErrorLine} error=${error} />
    ${Object.entries(results ?? {}).map(
      ([question, rows]) => html`<${Question} key=${question} name=${question} asked=${study.questions[question]}
        rows=${rows} />`,
    )}
    <p class="soft">
      Strength is Bradley-Terry: one artist is preferred to another with odds exp(a - b). The bar spans its 95 %
      interval. Rank 1 is best; ± is the standard deviation over answers.
    </p>
    <div class="row">
      <a class="button" href=${`#/rate/${study.id}`}>Compare</a>
      <a class="button" href="#/rate">All studies</a>
      <button type="button" id="save-results" onClick=${() => save("results.jsonl")}>
        <${Icon} name="save" /> Results, JSONL
      </button>
      <button type="button" id="save-answers" onClick=${() => save("answers.jsonl")}>
        <${Icon} name="save" /> Answers, JSONL
      </button>
    </div>
  </div>`;
}

function Question({ name, asked, rows }) {
  const ends = rows.flatMap(({ low, high, strength }) => [low ?? strength, high ?? strength]);
  const reach = Math.max(1, ...ends.map(Math.abs));
  return html`<section class="card" data-question=${name}>
    <h2>${asked}</h2>
    <div class="wide" tabindex="0" role="region" aria-label=${asked}>
      <table>
        <thead>
          <tr>
            ${COLUMNS.map((one) => html`<th key=${one} scope="col">${one}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (one) => html`<tr key=${one.system}>
              <th scope="row">${one.system}</th>
              <td class="rank">${one.mean_rank.toFixed(2)} <span class="soft">± ${one.spread.toFixed(2)}</span></td>
              <td>${percent(one.wins)}</td>
              <td class="strength"><${Interval} one=${one} reach=${reach} /> ${one.strength.toFixed(2)}</td>
              <td>${one.answers}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** A strength and its interval on a line from -reach to reach. */
function Interval({ one, reach }) {
  const x = (value) => 60 + (56 * value) / reach;
  const [low, high] = [one.low ?? one.strength, one.high ?? one.strength];
  const label = one.low === null ? say`no interval` : say`from ${low.toFixed(2)} to ${high.toFixed(2)}`;
  return html`<svg class="interval" viewBox="0 0 120 20" width="120" height="20" role="img" aria-label=${label}>
    <line class="axis" x1="60" y1="2" x2="60" y2="18" />
    <line x1=${x(low)} y1="10" x2=${x(high)} y2="10" />
    <circle cx=${x(one.strength)} cy="10" r="4" />
  </svg>`;
}
