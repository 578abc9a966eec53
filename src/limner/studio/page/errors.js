// Errors of the page; imports nothing, so that everything may import it.

/** An error to show: `message` is one line; `status` is of the response; `unreachable`: there was no response. */
export class StudioError extends Error {
  constructor(message, { status = 0, unreachable = false } = {}) {
    super(message);
    this.name = "StudioError";
    this.status = status;
    this.unreachable = unreachable;
  }
}
