// What the page asks of whoever draws. Two answer: the server (server.js) and this very tab (browser.js).

/** What a person can put right; `message` is one line to show as it is; `away`: nobody answered at all. */
export class StudioError extends Error {
  constructor(message, { status = 0, away = false } = {}) {
    super(message);
    this.name = "StudioError";
    this.status = status;
    this.away = away;
  }
}

/** Find out who draws here, and open them. */
export async function openStudio() {
  const answer = await fetch("./studio.json");
  if (!answer.ok) throw new StudioError("this folder lacks studio.json: export it again");
  const about = await answer.json();
  if (about.kind === "server") return new (await import("./server.js")).ServerStudio();
  return new (await import("./browser.js")).BrowserStudio(about);
}
