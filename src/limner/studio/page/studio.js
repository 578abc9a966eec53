// What the page asks of whoever draws. Two answer: the server (server.js) and this very tab (browser.js).

/** What a person can put right; `message` is one line to show as it is. */
export class StudioError extends Error {
  constructor(message, { status = 0, retryAfter = 0 } = {}) {
    super(message);
    this.name = "StudioError";
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Find out who draws here, and open them. */
export async function openStudio() {
  const answer = await fetch("./studio.json");
  if (!answer.ok) throw new StudioError("this folder lacks studio.json: export it again");
  const about = await answer.json();
  if (about.kind === "server") return new (await import("./server.js")).ServerStudio(about);
  return new (await import("./browser.js")).BrowserStudio(about);
}
