// Comparing: pictures without names, one question after the other, by mouse or by keyboard.

import { html, say } from "../lang.js";
import { ErrorLine, PngImage, Title, useShared, useStored } from "../parts.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

/** Ask a person about one comparison after the other, until they have seen all of a study. */
export function Compare({ study }) {
  const { studio } = useShared();
  const rater = useRater();
  const [asked, setAsked] = useState(null);
  const [error, setError] = useState(null);
  const next = () => studio.ratings.post(`studies/${study.id}/next`, { rater }).then(setAsked, setError);
  useEffect(() => void next(), []);
  const send = async (answers) => {
    try {
      const path = `v1/ratings/comparisons/${asked.comparison}/answer`;
      await studio.ask(path, { method: "POST", body: { rater, answers } });
      setError(null);
      await next();
    } catch (caught) {
      setError(caught);
    }
  };
  return html`<div class="stack compare">
    <${Title} text=${study.name} />
    <${ErrorLine} error=${error} />
    ${asked?.comparison === null && html`<${Done} study=${study} />`}
    ${asked?.comparison && html`<${Comparison} key=${asked.comparison} asked=${asked} onDone=${send} />`}
  </div>`;
}

/** A name by which the same person is known again, on this device. */
function useRater() {
  const first = useRef(crypto.getRandomValues(new Uint32Array(4)).join("").padEnd(8, "0"));
  const [rater, setRater] = useStored("rater", first.current);
  useEffect(() => setRater(rater), []);
  return rater;
}

function Done({ study }) {
  return html`<section class="card stack" role="status">
    <p id="all-seen">You have seen everything. Thank you.</p>
    <div><a class="button primary" href=${`#/rate/${study.id}/results`}>Results</a></div>
  </section>`;
}

/** One text and its pictures; `onDone` hears the tiers for each question. */
function Comparison({ asked, onDone }) {
  const names = Object.keys(asked.questions);
  const ids = asked.images.map(({ id }) => id);
  const [answers, setAnswers] = useState({});
  const [tiers, setTiers] = useState([]);
  const [level, setLevel] = useState(false);
  const [sent, setSent] = useState(false);
  const question = names[Object.keys(answers).length];
  const send = (all) => {
    setSent(true);
    onDone(all).finally(() => setSent(false));
  };
  const answer = (done) => {
    const all = { ...answers, [question]: done };
    setAnswers(all);
    setTiers([]);
    setLevel(false);
    if (Object.keys(all).length === names.length) send(all);
  };
  const left = ids.filter((id) => !tiers.flat().includes(id));
  const pick = (id) => {
    if (sent || !question || !left.includes(id)) return;
    const next = level && tiers.length ? [...tiers.slice(0, -1), [...tiers.at(-1), id]] : [...tiers, [id]];
    const rest = left.filter((one) => one !== id);
    setLevel(false);
    if (rest.length === 0) answer(next);
    else if (rest.length === 1 && ids.length === 2) answer([...next, rest]);
    else setTiers(next);
  };
  const equal = () => !sent && question && answer([...tiers, left]);
  const undo = () => {
    if (tiers.length) setTiers([]);
    else setAnswers((old) => Object.fromEntries(Object.entries(old).slice(0, -1)));
  };
  const many = ids.length > 2;
  useAnswerKeys({ pick: (i) => pick(ids[i]), equal, undo, level: () => many && tiers.length && setLevel(!level) });
  return html`<section class="stack" aria-label="Comparison">
    <${Progress} asked=${asked} />
    <blockquote class="text">${asked.text.split("\n").map((line, i) => html`<p key=${i}>${line}</p>`)}</blockquote>
    <p class="question" role="status" id="question">
      ${asked.questions[question] ?? (sent ? say`Sending ...` : say`Not sent.`)}
    </p>
    <${Pictures} images=${asked.images} tiers=${tiers} onPick=${pick} ready=${Boolean(question) && !sent} />
    <div class="row">
      <button type="button" id="equal" disabled=${!question}
        onClick=${equal}>${tiers.length ? say`The rest are equal` : say`Equal`}</button>
      ${
        many &&
        html`<button type="button" disabled=${!tiers.length} aria-pressed=${level}
        onClick=${() => setLevel(!level)}>Next is as good as the last</button>`
      }
      ${
        !question &&
        !sent &&
        html`<button type="button" class="primary"
        onClick=${() => send(answers)}>Send again</button>`
      }
      <button type="button" disabled=${sent || (!tiers.length && !Object.keys(answers).length)}
        onClick=${undo}>Back</button>
    </div>
    <p class="soft keys">
      <kbd>1</kbd> to <kbd>${ids.length}</kbd> ${many ? say`pick, best first` : say`pick the better one`},
      ${" "}<kbd>=</kbd> equal${many && html`, <kbd>+</kbd> as good as the last`}, <kbd>Backspace</kbd> back.
    </p>
  </section>`;
}

function Progress({ asked }) {
  const all = asked.answered + asked.left;
  return html`<label class="progress">
    <span class="soft">${asked.answered + 1} of ${all}</span>
    <progress max=${all} value=${asked.answered}></progress>
  </label>`;
}

function Pictures({ images, tiers, onPick, ready }) {
  const place = (id) => tiers.findIndex((tier) => tier.includes(id));
  return html`<ol class=${`compared compared-${images.length}`}>
    ${images.map(
      ({ id }, i) => html`<li key=${id} class="tile">
        <button type="button" class="open" disabled=${!ready || place(id) >= 0} onClick=${() => onPick(id)}>
          <${Anonymous} id=${id} alt=${say`Picture ${i + 1}`} />
          <span class="label">${i + 1}${place(id) >= 0 ? ` · place ${place(id) + 1}` : ""}</span>
        </button>
      </li>`,
    )}
  </ol>`;
}

/** A picture that says nothing of who drew it. */
function Anonymous({ id, alt }) {
  const { studio, fail } = useShared();
  const [png, setPng] = useState(null);
  useEffect(() => {
    let here = true;
    const got = studio.ask(`v1/ratings/images/${id}.png`).then((answer) => answer.blob());
    got.then((found) => here && setPng(found), fail);
    return () => {
      here = false;
    };
  }, [id]);
  return html`<${PngImage} png=${png} alt=${alt} drawn=${id} />`;
}

/** Keys that answer, wherever the focus is, but in a field. */
function useAnswerKeys(doing) {
  const now = useRef(doing);
  now.current = doing;
  useLayoutEffect(() => {
    // at once: a key may come as soon as the question is seen
    const pressed = (event) => {
      if (event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
      const { pick, equal, undo, level } = now.current;
      const digit = Number(event.key);
      if (digit >= 1) pick(digit - 1);
      else if (event.key === "=" || event.key === "0") equal();
      else if (event.key === "+") level();
      else if (event.key === "Backspace") undo();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
