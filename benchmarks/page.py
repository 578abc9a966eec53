"""What the studio's page promises, measured in a real browser on a studio that is started here.

    python benchmarks/page.py avatars                   # all three parts
    python benchmarks/page.py avatars --part presses

first     visits of which the first picture shows all its words, as the judge sees it below the picture
presses   random presses (tiles, dice, surprises); how many Back restores, words and pixels
morph     pictures a second while a slider is dragged from end to end

One line is appended to results/page.jsonl. Chromium is looked for on the path; LIMNER_BROWSER names another.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

from independent import record
from playwright.sync_api import Browser, Page, sync_playwright
from studio import studio

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from browsers import launched
from draw_view import pixels

PARTS = ("first", "presses", "morph")
DRAG_SECONDS = 3.0
TILE = "[data-tile]"
COUNT = """() => {
  window.changes = 0;
  const watch = new MutationObserver((all) => { window.changes += all.length; });
  watch.observe(document.querySelector("#morphed"), { attributes: true, attributeFilter: ["src"] });
}"""


def first(browser: Browser, url: str, visits: int) -> dict[str, float]:
    """Visit as somebody new, and read what the judge sees of the first sentence."""
    right = 0
    for _ in range(visits):
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(url)
        page.wait_for_function("() => document.querySelector('#seen')?.textContent.includes('I see')", timeout=60_000)
        right += "not:" not in page.locator("#seen").inner_text()
        context.close()
    return {"visits": visits, "first pictures with all words": right}


def pressed(page: Page, dice: random.Random) -> None:
    """Press something by chance, and wait for its picture."""
    before = shown(page)
    kind = dice.choice(["#dice", "#surprise", TILE])
    tiles = page.locator(TILE)
    (tiles.nth(dice.randrange(tiles.count())) if kind == TILE else page.locator(kind)).dispatch_event("click")
    page.wait_for_function("(src) => document.querySelector('#picture').src !== src", arg=before, timeout=60_000)
    settled(page)


def settled(page: Page) -> None:
    """Wait until the picture that is shown is decoded and is that of the words."""
    page.wait_for_function(
        """() => {
          const picture = document.querySelector("#picture");
          const isOf = (picture.dataset.drawn ?? "").trim() === document.querySelector("#prompt").value.trim();
          return isOf && picture.src && picture.complete && !document.querySelector(".frame").matches(".waits");
        }""",
        timeout=60_000,
    )
    page.evaluate("() => document.querySelector('#picture').decode()")


def shown(page: Page) -> str:
    """Return the address of the picture that is shown; empty where there is none yet."""
    return str(page.evaluate("() => document.querySelector('#picture').src"))


def presses(browser: Browser, url: str, count: int) -> dict[str, float]:
    """Press, remember, and go back through all."""
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(url)
    page.locator("#tray").wait_for()
    page.fill("#prompt", "a woman with curly red hair")
    settled(page)
    dice, seen = random.Random(0), []
    for _ in range(count):
        pressed(page, dice)
        seen.append((page.input_value("#prompt"), page.input_value("#seed"), pixels(page)))
    restored = 1
    for text, seed, picture in reversed(seen[:-1]):
        before = shown(page)
        page.locator("#back").dispatch_event("click")
        page.wait_for_function("(src) => document.querySelector('#picture').src !== src", arg=before, timeout=60_000)
        settled(page)
        restored += (page.input_value("#prompt"), page.input_value("#seed"), pixels(page)) == (text, seed, picture)
    page.wait_for_load_state("networkidle")
    asked = "async () => (await (await fetch('./v1/gallery/pictures?shelf=drawn')).json()).total"
    page.wait_for_timeout(3_000)  # what rests enters it
    different = len({(text, seed) for text, seed, _ in seen})
    return {"presses": count, "restored": restored, "different": different, "in the history": page.evaluate(asked)}


def morph(browser: Browser, url: str) -> dict[str, float]:
    """Drag the slider of an attribute with many values from end to end."""
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(url)
    page.locator("#picture[data-drawn]").wait_for()
    page.get_by_role("button", name="Morph").click()
    page.locator("#morphed[data-drawn]").wait_for()
    page.evaluate(COUNT)
    page.get_by_role("tab", name="hair", exact=True).click()
    slider = page.locator("[data-attribute=hair_colour]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    began = time.perf_counter()
    while (share := (time.perf_counter() - began) / DRAG_SECONDS) < 1:
        page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)
    page.mouse.up()
    return {"pictures a second of a drag": round(page.evaluate("() => window.changes") / DRAG_SECONDS, 1)}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--part", choices=PARTS, help="one of them")
    parser.add_argument("--threads", type=int, default=1, help="cores that the studio's artist draws with")
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--visits", type=int, default=10)
    options = parser.parse_args()
    numbers = {"artist": options.artist, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    with studio(options.artist, "--threads", str(options.threads)) as server, sync_playwright() as playwright:
        browser = launched(playwright)
        if options.part in (None, "first"):
            numbers |= first(browser, server.url, options.visits)
        if options.part in (None, "presses"):
            numbers |= presses(browser, server.url, options.presses)
        if options.part in (None, "morph"):
            numbers |= morph(browser, server.url)
        browser.close()
    record("page", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
