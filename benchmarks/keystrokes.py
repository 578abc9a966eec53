"""From a key to the picture, in a real browser: a person types into the page's prompt and waits for each picture.

    python benchmarks/keystrokes.py avatars             # the page of a studio, which runs as a process of its own
    python benchmarks/keystrokes.py avatars --web DIR   # a folder that `limner export avatars --web DIR` wrote

Measured within the page, from the keydown to the moment at which the picture of just this text is decoded, so that the
next frame shows it. The next key is pressed after that. One line is appended to results/keystrokes.jsonl. Chromium is
looked for on the path; LIMNER_BROWSER names another.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from independent import record
from playwright.sync_api import Page, sync_playwright
from studio import SENTENCES, percentiles, studio

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from browsers import launched

WATCH = """() => {
  const words = (text) => text.trim().replace(/\\s+/g, " ");
  let began = 0;
  addEventListener("keydown", () => { began = performance.now(); window.took = null; }, true);
  const look = async () => {
    const picture = document.querySelector("img#picture");
    const prompt = document.querySelector("textarea#prompt");
    const wanted = prompt && words(prompt.value);
    if (!picture || !wanted || words(picture.dataset.drawn ?? "") !== wanted) return;
    const pressed = began;
    await picture.decode();
    if (pressed === began && window.took === null) window.took = performance.now() - pressed;
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


class Files(http.server.SimpleHTTPRequestHandler):
    """Sends files as any static host does."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def static(folder: str) -> Iterator[str]:
    """Serve a folder on a free port of this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


@contextlib.contextmanager
def served(options: argparse.Namespace) -> Iterator[str]:
    """Serve what is measured, and yield the address."""
    if options.web:
        with static(options.web) as url:
            yield url
    else:
        with studio(options.artist, "--threads", str(options.threads)) as server:
            yield server.url


def typed(page: Page, sentence: str) -> list[float]:
    """Type a sentence, and return the milliseconds to the picture for each letter; a space changes no picture."""
    found = []
    page.fill("textarea#prompt", "")
    page.focus("textarea#prompt")
    for letter in sentence:
        page.keyboard.press("Space" if letter == " " else letter)
        if letter != " ":
            page.wait_for_function("() => typeof window.took === 'number'", polling=5)
            found.append(float(page.evaluate("() => window.took")))
    return found


def measured(options: argparse.Namespace) -> list[float]:
    """Open the page, type all sentences once to warm it, and then as often as is asked."""
    with served(options) as url, sync_playwright() as playwright:
        browser = launched(playwright)
        page = browser.new_page()
        page.goto(f"{url}/#/draw")
        page.wait_for_selector("textarea#prompt", timeout=60_000)
        page.evaluate(WATCH)
        for sentence in SENTENCES:
            typed(page, sentence)
        found = [one for _ in range(options.rounds) for sentence in SENTENCES for one in typed(page, sentence)]
        browser.close()
    return found


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--web", metavar="DIR", help="an exported page, to be measured instead of a studio")
    parser.add_argument("--threads", type=int, default=1, help="cores that the studio's artist draws with")
    parser.add_argument("--rounds", type=int, default=3, help="times that each sentence is typed")
    options = parser.parse_args()
    found = measured(options)
    about = {"artist": options.artist, "page": "export" if options.web else "studio", "cores": os.cpu_count()}
    numbers = about | {"threads_of_the_artist": options.threads, "keystrokes": len(found), **percentiles("", found)}
    record("keystrokes", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
