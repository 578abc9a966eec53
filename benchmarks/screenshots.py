"""The pictures of the studio that README and docs show, taken in a real browser from a studio that is started here.

    python benchmarks/screenshots.py
    python benchmarks/screenshots.py --placing runs/layouts     # Scene, by an artist of yours

They go to docs/images/studio-*.png, in 256 colours. The seeds are fixed, so another run takes the same pictures.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from studio import studio

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from browsers import launched  # noqa: E402 (the tests know where a browser is)

FIRST = "a smiling woman with curly red hair, round glasses and a blue hoodie against a yellow background"
SECOND = "a serious man with a long black beard and a green sweater against a purple background"
SUNNY = "a man with sunglasses and a yellow hoodie against a blue background"
CHANCE = """
let n = 0;
const next = () => (n = (Math.imul(n, 1664525) + 1013904223) >>> 0);
crypto.getRandomValues = (to) => to.map(next);
Math.random = () => next() / 2 ** 32;
"""
"""Chance that is the same each time."""
WIDE, PHONE = (1280, 860), (390, 844)


def main() -> None:
    """Take them all, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--only", choices=[name for name, *_ in (*SHOTS, *PLACED)], help="take one of them")
    parser.add_argument("--placing", help="an artist that is told where things lie, for the pictures of Scene")
    asked = parser.parse_args()
    artists, shots = ([asked.placing], PLACED) if asked.placing else ([], SHOTS)
    with studio(*artists, "--threads", "1") as server, sync_playwright() as playwright:
        browser = launched(playwright)
        for name, size, dark, take in shots:
            if asked.only in (None, name):
                shoot(browser, server.url, size, dark, take, asked.out / f"studio-{name}.png")
        browser.close()


def shoot(
    browser: Browser, address: str, size: tuple[int, int], dark: bool, take: Callable[[Page, str], None], file: Path
) -> None:
    """Take one picture, of a person who comes for the first time."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", locale="en-GB"
    )
    page = context.new_page()
    page.add_init_script(CHANCE)
    take(page, address)
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    print(file)
    context.close()


def make(page: Page, address: str) -> None:
    """Type a sentence, and look at its hair."""
    draw(page, address)
    page.get_by_role("tab", name="hair", exact=True).click()
    page.locator("#crisp").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.side img.shown:not(.old)').length >= 24")


def draw(page: Page, address: str, text: str = FIRST, seed: int = 7) -> None:
    """Type a sentence."""
    page.goto(f"{address}/#/draw")
    page.fill("#seed", str(seed))
    page.fill("#prompt", text)
    page.wait_for_function("text => document.querySelector('#picture')?.dataset.drawn === text", arg=text)


def kept(page: Page, address: str, text: str, seed: int) -> str:
    """Draw and keep a picture, and return its id."""
    draw(page, address, text, seed)
    page.wait_for_timeout(500)  # until the heart knows what an earlier picture kept
    if page.get_attribute("#keep", "aria-pressed") != "true":
        page.click("#keep")
    page.locator("#keep[aria-pressed=true]").wait_for()
    found = page.request.get(f"{address}/v1/gallery/pictures", params={"shelf": "kept", "q": text.split(" with")[0]})
    return str(found.json()["data"][0]["id"])


def gacha(page: Page, address: str) -> None:
    """Let some thirty come."""
    page.goto(f"{address}/#/gacha")
    page.wait_for_function("() => document.querySelectorAll('main .tile img').length >= 32")
    page.wait_for_timeout(1500)


def morph(page: Page, address: str) -> None:
    """Put two sliders on their way."""
    page.goto(f"{address}/#/morph?picture={kept(page, address, FIRST, 7)}")
    for group, name, value in (("clothing", "clothing colour", 6.4), ("hair", "hair colour", 2.5)):
        page.get_by_role("tab", name=group, exact=True).click()
        page.get_by_role("slider", name=re.compile(f"^{name}")).fill(str(value))
    page.wait_for_timeout(2500)


def mix(page: Page, address: str) -> None:
    """Mix two characters."""
    first, second = kept(page, address, FIRST, 7), kept(page, address, SECOND, 3)
    page.goto(f"{address}/#/mix?picture={first}&with={second}")
    page.wait_for_timeout(2500)


def story(page: Page, address: str) -> None:
    """Tell an example."""
    page.goto(f"{address}/#/story")
    page.wait_for_timeout(2500)


def attention(page: Page, address: str) -> None:
    """Point at a word."""
    page.goto(f"{address}/#/draw")
    page.select_option("#artist", "avatars-attngan")
    page.fill("#seed", "7")
    page.fill("#prompt", SUNNY)
    page.wait_for_function("text => document.querySelector('#picture')?.dataset.drawn === text", arg=SUNNY)
    if not page.is_checked("#looks"):
        page.check("#looks")
    page.locator("button.word, .word", has_text="sunglasses").first.hover()
    page.wait_for_timeout(2500)


def systems(page: Page, address: str) -> None:
    """Read of a system."""
    page.goto(f"{address}/#/systems/attngan")
    page.wait_for_timeout(800)


def beside(page: Page, address: str) -> None:
    """Give all artists the same words."""
    page.goto(f"{address}/#/beside")
    page.fill("#same-words", SUNNY)
    page.wait_for_timeout(3500)


def tree(page: Page, address: str) -> None:
    """Keep two children of two characters, and walk to the first."""
    first, second = kept(page, address, FIRST, 7), kept(page, address, SECOND, 3)
    page.goto(f"{address}/#/mix?picture={first}&with={second}")
    for share in ("0.3", "0.7"):
        page.fill("#words-share", share)
        page.wait_for_function("t => document.querySelector('#child')?.dataset.drawn?.includes(t)", arg=share)
        page.click("#keep-child")
        page.locator("#keep-child[aria-pressed=true]").wait_for()
    child = page.request.get(f"{address}/v1/gallery/pictures", params={"shelf": "kept"}).json()["data"][0]
    page.goto(f"{address}/#/tree?picture={child['id']}")
    page.wait_for_timeout(2500)


def photo(page: Page, address: str) -> None:
    """Read the attributes of a drawn picture, as no photo ships."""
    kept(page, address, FIRST, 7)
    found = page.request.get(f"{address}/v1/gallery/pictures", params={"shelf": "kept"}).json()["data"][0]
    png = page.request.get(f"{address}{found['url']}").body()
    page.goto(f"{address}/#/photo")
    page.set_input_files("#photo-file", {"name": "photo.png", "mimeType": "image/png", "buffer": png})
    page.locator("#photo-picture[data-drawn]").wait_for()
    page.wait_for_timeout(1500)


def scene(page: Page, address: str) -> None:
    """Choose a box of what an artist placed that was given with --placing."""
    page.goto(f"{address}/#/scene")
    page.locator("[data-box='0']").wait_for()
    page.click("[data-step=boxes]")
    page.locator("[data-box='0']").focus()
    page.wait_for_timeout(2000)


SHOTS: list[tuple[str, tuple[int, int], bool, Callable[[Page, str], None]]] = [
    ("draw", WIDE, False, make),
    ("gacha", WIDE, False, gacha),
    ("morph", WIDE, False, morph),
    ("mix", WIDE, False, mix),
    ("story", WIDE, False, story),
    ("attention", WIDE, False, attention),
    ("systems", WIDE, False, systems),
    ("beside", WIDE, False, beside),
    ("tree", WIDE, False, tree),
    ("photo", WIDE, False, photo),
    ("phone", PHONE, True, draw),
]

PLACED: list[tuple[str, tuple[int, int], bool, Callable[[Page, str], None]]] = [("scene", WIDE, False, scene)]
"""With `--placing`."""

if __name__ == "__main__":
    main()
