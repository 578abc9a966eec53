// Opens the studio that the page uses: a server (server.js) or this tab itself (browser.js).

import { StudioError } from "./errors.js";
import { learn } from "./fields.js";

/** Read studio.json, and open the studio that it names. */
export async function openStudio() {
  const answer = await fetch("./studio.json");
  if (!answer.ok) throw new StudioError("this folder lacks studio.json: export it again");
  const about = await answer.json();
  learn(about.kinds);
  if (about.kind === "server") return new (await import("./server.js")).ServerStudio();
  return new (await import("./browser.js")).BrowserStudio(about);
}
