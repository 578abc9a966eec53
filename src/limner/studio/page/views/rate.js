// Rate: people compare what several artists drew for the same text and do not learn which drew what.

import { html, say } from "../lang.js";
import { ErrorLine, Title, useShared } from "../parts.js";
import { Compare } from "../rating/compare.js";
import { NewStudy } from "../rating/create.js";
import { Results } from "../rating/results.js";
import { useEffect, useState } from "../vendor/preact.js";

export default function Rate({ route }) {
  const { studio } = useShared();
  const [studies, setStudies] = useState(null);
  const [error, setError] = useState(null);
  const [id, what] = route.rest.split("/");
  const load = () => studio.ratings?.get("studies").then(setStudies, setError);
  useEffect(() => void load(), [route.rest]);
  if (!studio.ratings) return html`<${Title} text="Rate">Ratings need a studio on a server: limner studio.<//>`;
  const study = studies?.find((one) => one.id === id);
  if (error) return html`<${Title} text="Rate" /><${ErrorLine} error=${error} />`;
  if (!studies) return html`<${Title} text="Rate" /><p class="soft">Opening ...</p>`;
  if (id === "new") return html`<${NewStudy} />`;
  if (id && !study) return html`<${Title} text="Rate" /><p class="error" role="alert">There is no such study.</p>`;
  if (study)
    return what === "results"
      ? html`<${Results} study=${study} />`
      : html`<${Compare} key=${id}
    study=${study} />`;
  return html`<${Studies} studies=${studies} />`;
}

function Studies({ studies }) {
  return html`<div class="stack">
    <${Title} text="Rate">Which artist draws better? Compare pictures without knowing who drew them.<//>
    <div><a id="new-study" class="button primary" href="#/rate/new">New study</a></div>
    ${
      studies.length === 0 &&
      html`<p class="empty">No studies yet. A study shows what several artists drew for the same texts.</p>`
    }
    <ul class="studies">
      ${studies.map(
        (one) => html`<li class="card row spread" key=${one.id}>
          <span>
            <strong>${one.name}</strong><br />
            <span class="soft">
              ${summary(one)}
            </span>
          </span>
          <span class="row">
            <a class="button" href=${`#/rate/${one.id}`}>Compare</a>
            <a class="button" href=${`#/rate/${one.id}/results`}>Results</a>
          </span>
        </li>`,
      )}
    </ul>
  </div>`;
}

/** Say in a line what a study asks, and how often it was answered. */
function summary({ together, questions, answers }) {
  const how = together === 2 ? "pairs" : say`rankings of ${together}`;
  return [how, Object.keys(questions).join(", "), `${answers} ${answers === 1 ? "answer" : "answers"}`].join(" · ");
}
