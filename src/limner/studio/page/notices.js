// Lines that come up at the foot of the page and go, read out by screen readers, some with a way back.

import { html } from "./lang.js";
import { useEffect, useState } from "./vendor/preact.js";

const SECONDS = 7;

/** What the page has to say. */
export class Notices {
  #shown = [];
  #changed = () => {};
  #last = 0;

  /** Say something; with `action` and `run`, offer to do something about it. */
  notify = (text, { action, run } = {}) => {
    const notice = { id: ++this.#last, text, action, run };
    this.#set([...this.#shown.slice(-2), notice]);
    setTimeout(() => this.#drop(notice), 1000 * SECONDS);
  };

  /** Say what went wrong; that a person went on to something else is nothing wrong. */
  fail = (error) => {
    if (error?.name !== "AbortError") this.notify(error?.message ?? String(error));
  };

  Toasts = () => {
    const [shown, setShown] = useState(this.#shown);
    useEffect(() => {
      this.#changed = setShown;
    }, []);
    const act = (notice) => {
      this.#drop(notice);
      Promise.resolve(notice.run()).catch(this.fail);
    };
    return html`<div class="toasts" role="status" aria-live="polite">
      ${shown.map(
        (one) => html`<div class="toast" key=${one.id}>
          <span>${one.text}</span>
          ${one.action && html`<button onClick=${() => act(one)}>${one.action}</button>`}
        </div>`,
      )}
    </div>`;
  };

  #drop(notice) {
    this.#set(this.#shown.filter((one) => one !== notice));
  }

  #set(shown) {
    this.#shown = shown;
    this.#changed(shown);
  }
}
