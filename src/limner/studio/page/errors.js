// What goes wrong in the page; imports nothing, so that everything may import it.

/** What a person can put right; `message` is one line to show as it is; `away`: nobody answered at all. */
export class StudioError extends Error {
  constructor(message, { status = 0, away = false } = {}) {
    super(message);
    this.name = "StudioError";
    this.status = status;
    this.away = away;
  }
}
