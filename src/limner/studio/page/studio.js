// What the page asks of whoever draws. Two answer: the server (server.js) and this very tab (browser.js).

import { StudioError } from "./errors.js";

/** Find out who draws here, and open them. */
export async function openStudio() {
  const answer = await fetch("./studio.json");
  if (!answer.ok) throw new StudioError("this folder lacks studio.json: export it again");
  const about = await answer.json();
  if (about.kind === "server") return new (await import("./server.js")).ServerStudio();
  return new (await import("./browser.js")).BrowserStudio(about);
}
