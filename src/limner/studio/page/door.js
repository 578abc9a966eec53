// The way in where a studio asks for a token: the token itself, or the short word of a class.

import { cameIn } from "./classroom.js";
import { html } from "./lang.js";
import { ErrorLine, Icon } from "./parts.js";
import { parse } from "./routes.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const PLAIN = "\\s*[!-~]+\\s*"; // what a header can bear

/** Ask a person for either; `opened` is called when there is something to try. */
export function Door({ studio, wrong, opened }) {
  const { view, query } = parse(location.hash);
  const isJoining = view === "join";
  const field = useRef(null);
  useEffect(() => field.current.focus(), []);
  const enter = (event) => {
    event.preventDefault();
    studio.token = new FormData(event.target).get("token").trim();
    opened();
  };
  const token = html`<form class="card stack" onSubmit=${enter}>
    <h1><${Icon} name="lock" /> This studio asks for a token</h1>
    <${ErrorLine} error=${wrong && new Error("This is not the studio's token.")} />
    <p class="soft">Whoever started it knows the token.</p>
    <label class="row">
      Token
      <input name="token" type="password" autocomplete="current-password" required
        pattern=${PLAIN} title="Letters, digits and signs without accents" ref=${isJoining ? undefined : field} />
    </label>
    <div><button class="primary">Enter</button></div>
  </form>`;
  const join = html`<${Join} studio=${studio} word=${query.word ?? ""} opened=${opened} field=${isJoining ? field : undefined} />`;
  return html`<main class="stack">${isJoining ? [join, token] : [token, join]}</main>`;
}

/** Come into a class. */
function Join({ studio, word, opened, field }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const enter = async (event) => {
    event.preventDefault();
    const said = new FormData(event.target);
    setBusy(true);
    try {
      studio.token = await studio.classroom.enter(said.get("word"), said.get("name"));
      cameIn();
      location.replace("#/draw");
      opened();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  return html`<form class="card stack" id="join" onSubmit=${enter}>
    <h2>Come into a class</h2>
    <${ErrorLine} error=${error} />
    <label class="row">The word of the class
      <input name="word" type="text" value=${word} required maxlength="60" autocomplete="off" autocapitalize="none"
        spellcheck="false" ref=${word ? undefined : field} />
    </label>
    <label class="row">Your name on the wall
      <input name="name" type="text" maxlength="40" autocomplete="nickname" ref=${word ? field : undefined} />
    </label>
    <div><button class="primary" id="come-in" disabled=${busy}>Come in</button></div>
  </form>`;
}
