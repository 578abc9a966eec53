"""The stage and the tray: the picture large, each value as this very picture with it, words that open their group."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect

import limner
from browsers import inaccessible
from draw_view import PIXELS, drawn, pixels, until, write
from limner.drawing.artist import Artist
from limner.studio.gallery.gallery import Gallery
from studio_live import live

TEXT = "a woman with curly red hair and round glasses"
CORNER = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d");
  pen.drawImage(document.querySelector("#picture"), 0, 0, 8, 8, 0, 0, 1, 1);
  const stage = document.querySelector(".stage").style.getPropertyValue("--corner");
  return [[...pen.getImageData(0, 0, 1, 1).data].slice(0, 3), stage.match(/\\d+/g).map(Number)];
}"""
PRESSES = """async (some) => {
  for (const one of some) {
    while (!document.querySelector(one)) await new Promise(requestAnimationFrame);
    document.querySelector(one).click();
  }
}"""
"""Press one thing after the other, faster than anything is drawn."""
MOVES = """() => {
  window.between = new Set();
  new MutationObserver(() => window.between.add(document.querySelector("#alive").dataset.between))
    .observe(document.querySelector("#alive"), { attributes: true, attributeFilter: ["data-between"] });
}"""


@pytest.fixture(scope="module")
def artists() -> list[Artist]:
    return [limner.load("avatars")]


@pytest.fixture
def shown(page: Page, artists: list[Artist], tmp_path: Path) -> Iterator[Page]:
    """Show a picture of `TEXT`, with the group of hair open."""
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(artists, gallery=gallery) as address:
        page.goto(address)
        page.get_by_role("tab", name="hair", exact=True).click()
        page.locator("#seed").fill("7")
        write(page, TEXT)
        yield page
        page.close()
    gallery.close()


def tile(page: Page, name: str) -> str:
    """Wait until a tile has its picture, of what is shown now, and return it."""
    image = page.locator(f"[data-tile='{name}'] img:not(.old)")
    image.wait_for()
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    return str(image.evaluate(PIXELS))


def rests(page: Page) -> None:
    """Wait until what is shown has been looked at, and the tiles have been drawn."""
    page.locator("[data-tile='hair_style=short'] img:not(.old)").wait_for()


def test_the_picture_is_as_large_as_the_window_allows_on_the_colour_of_its_corner(shown: Page) -> None:
    shown.set_viewport_size({"width": 1440, "height": 900})
    box = shown.locator("#picture").bounding_box()
    assert box and box["height"] >= 0.6 * 900 and abs(box["width"] - box["height"]) < 1
    for below in ("#keep", "#prompt", "#surprise"):
        place = shown.locator(below).bounding_box()
        assert place and place["y"] + place["height"] <= 900, "picture, tools and words are in sight together"
    shown.wait_for_function("() => document.querySelector('.stage').style.getPropertyValue('--corner')")
    corner, ground = shown.evaluate(CORNER)
    assert max(abs(a - b) for a, b in zip(corner, ground, strict=True)) < 8
    shown.locator("#prompt").press("Escape")
    shown.keyboard.press("f")
    shown.wait_for_function("() => document.fullscreenElement?.matches('.stage')")
    expect(shown.locator("#prompt")).to_be_hidden()
    shown.keyboard.press("f")
    shown.wait_for_function("() => !document.fullscreenElement")
    assert inaccessible(shown) == []


def test_a_tile_is_this_very_picture_with_its_value(shown: Page) -> None:
    rests(shown)
    preview = tile(shown, "hair_style=bob")
    assert tile(shown, "hair_style=curly") == pixels(shown)
    assert preview != pixels(shown)
    shown.locator("[data-tile='hair_style=bob']").click()
    expect(shown.locator("#prompt")).to_have_value(
        re.compile("^a woman with a red bob and round glasses, .*background")
    )
    drawn(shown, shown.locator("#prompt").input_value())
    assert pixels(shown) == preview
    assert shown.locator("#seed").input_value() == "7"


def test_two_tiles_pressed_before_anything_is_drawn_are_both_there(shown: Page) -> None:
    rests(shown)
    shown.evaluate("""() => {
        document.querySelector("[data-tile='hair_style=bob']").click();
        document.querySelector("[data-tile='hair_colour=blue']").click();
    }""")
    expect(shown.locator("#prompt")).to_have_value(
        re.compile("^a woman with a blue bob and round glasses, .*background")
    )
    shown.locator("#back").click()
    expect(shown.locator("#prompt")).to_have_value(re.compile("^a woman with a red bob and round glasses, "))


def test_a_tile_pressed_while_another_is_looked_at_does_not_undo_it(shown: Page) -> None:
    held: list[Route] | None = None

    def look(route: Route) -> None:
        route.continue_() if held is None else held.append(route)

    shown.route("**/v1/seen**", look)
    rests(shown)
    held = looks = []
    write(shown, f"{TEXT}, smiling")
    shown.get_by_role("tab", name="glasses").click()
    shown.locator("[data-tile='glasses=none']").click()
    shown.get_by_role("tab", name="hair", exact=True).click()
    shown.locator("[data-tile='hair_style=bob']").click()
    shown.wait_for_function("() => true")  # what was asked by then has been heard of
    held = None
    for route in looks:
        route.continue_()
    expect(shown.locator("#prompt")).to_have_value(re.compile("^a woman with a red bob, smiling, .*background"))
    assert "glasses" not in shown.locator("#prompt").input_value()


def test_what_hides_a_value_that_is_pressed_goes(shown: Page) -> None:
    write(shown, "a woman with happy eyes and raised eyebrows")
    shown.get_by_role("tab", name="glasses").click()
    shown.evaluate(PRESSES, ["[data-tile='glasses=sunglasses']", "#tab-mouth", "[data-tile='mouth=grinning']"])
    expect(shown.locator("#seen")).to_have_text(re.compile("^I see: (?!.*; not).*sunglasses"))
    expect(shown.locator("#prompt")).to_have_value(re.compile("grinning.*sunglasses"))
    shown.get_by_role("tab", name="glasses").click()
    shown.locator("#back").click()
    expect(shown.locator("#prompt")).not_to_have_value(re.compile("grinning"))
    drawn(shown, shown.locator("#prompt").input_value())
    after = pixels(shown)
    shown.locator("#back").click()
    same = f"image => image.naturalWidth && ({PIXELS})(image) === {json.dumps(after)}"
    sunglasses = shown.locator("[data-tile='glasses=sunglasses'] img")
    shown.wait_for_function(same, arg=sunglasses.element_handle())  # the tile is what a press brings


def test_a_press_that_is_tried_first_says_that_it_is_waited_for(shown: Page) -> None:
    """The words of sunglasses are drawn and looked at before they are asked: that may take some twenty pictures."""
    held: list[Route] | None = []

    def look(route: Route) -> None:
        route.continue_() if held is None else held.append(route)

    rests(shown)
    shown.route("**/v1/seen**", look)
    shown.get_by_role("tab", name="glasses").click()
    assert shown.locator("#picture").evaluate("image => image.parentElement.ariaBusy") == "false"
    shown.locator("[data-tile='glasses=sunglasses']").click()
    expect(shown.locator(".frame[aria-busy='true']")).to_be_visible()
    until(shown, lambda: bool(held))
    assert "sunglasses" not in shown.locator("#prompt").input_value()
    held, looks = None, held
    for route in looks:
        route.continue_()
    expect(shown.locator("#prompt")).to_have_value(re.compile("sunglasses"))
    expect(shown.locator(".frame[aria-busy='false']")).to_be_visible()


def test_what_is_drawn_beside_ends_when_one_types(shown: Page) -> None:
    rests(shown)
    ended: list[str] = []

    def is_tile(request: Request) -> bool:
        return "priority" in request.headers and "tongue out" in (request.post_data or "")

    def note(request: Request) -> None:
        if is_tile(request) and request.failure == "net::ERR_ABORTED":
            ended.append(request.url)

    shown.on("requestfailed", note)
    shown.route("**/v1/images/batch", lambda route: None if "priority" in route.request.headers else route.continue_())
    with shown.expect_request(is_tile):
        shown.get_by_role("tab", name="mouth").click()  # its tiles are asked for, and wait
    write(shown, f"{TEXT}, smiling")
    until(shown, lambda: bool(ended))  # nobody waits for tiles of what is no longer asked


def test_what_is_pinned_stays_whatever_chance_brings(shown: Page) -> None:
    shown.locator("#pin").click()
    expect(shown.locator("#pin")).to_have_attribute("aria-pressed", "true")
    for _ in range(4):
        before = shown.locator("#prompt").input_value()
        shown.locator("#surprise").click()
        expect(shown.locator("#prompt")).not_to_have_value(before)
        assert "curly red hair" in shown.locator("#prompt").input_value()
    shown.get_by_role("tab", name="skin", exact=True).click()
    shown.locator("#pin").click()
    write(shown, TEXT)
    expect(shown.locator("#seen")).to_contain_text("I see: woman")
    shown.locator("[data-sibling='3'] img:not(.old)").wait_for()
    shown.locator("[data-sibling='3']").click()
    expect(shown.locator("#prompt")).to_have_value(re.compile(f"^{TEXT}, [a-z]+ skin$"))


def test_brothers_and_sisters_are_gone_on_from_and_filmed(shown: Page, tmp_path: Path) -> None:
    images = shown.locator("[data-sibling] img:not(.old)")
    expect(images).to_have_count(8)
    shown.wait_for_function("() => document.querySelector('[data-sibling=\"2\"] img').naturalWidth > 0")
    first = pixels(shown)
    sister = str(shown.locator("[data-sibling='2'] img").evaluate(PIXELS))
    shown.locator("[data-sibling='0']").focus()
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("Enter")
    expect(shown.locator("#seed")).not_to_have_value("7")
    until(shown, lambda: pixels(shown) == sister != first)
    shown.locator("#film-it").click()
    expect(shown.locator("#save-gif")).to_be_enabled()
    with shown.expect_download() as saving:
        shown.locator("#save-gif").click()
    with Image.open(Path(saving.value.path())) as film:
        assert film.n_frames == 2 * 24  # type: ignore[attr-defined]
    assert inaccessible(shown) == []


def test_heard_words_are_underlined_and_open_their_group(shown: Page) -> None:
    marks = shown.locator(".mirror u")
    assert marks.all_inner_texts() == ["woman", "curly red hair", "round glasses"]
    field, word = shown.locator("#prompt").bounding_box(), marks.nth(2).bounding_box()
    assert field and word and field["y"] < word["y"] < field["y"] + field["height"]
    shown.mouse.click(word["x"] + word["width"] / 2, word["y"] + word["height"] / 2)
    expect(shown.get_by_role("tab", name="glasses")).to_have_attribute("aria-selected", "true")
    expect(shown.locator("#prompt")).to_be_focused()
    shown.locator("#prompt").evaluate("field => field.setSelectionRange(15, 15)")
    shown.keyboard.press("Alt+ArrowDown")
    expect(shown.locator("[data-tile='hair_style=curly']")).to_be_focused()
    shown.keyboard.press("ArrowRight")
    expect(shown.locator("[data-tile='hair_style=dreadlocks']")).to_be_focused()
    shown.keyboard.press("ArrowUp")
    focused = shown.evaluate("document.activeElement.dataset.tile")
    assert focused not in ("hair_style=dreadlocks", "hair_style=curly") and focused.startswith("hair_style=")
    shown.keyboard.press("Enter")
    expect(shown.locator(f"[data-tile='{focused}']")).to_have_attribute("aria-pressed", "true")
    shown.get_by_role("button", name="round glasses", exact=True).click()  # of what is seen
    expect(shown.get_by_role("tab", name="glasses")).to_have_attribute("aria-selected", "true")


def lies_between(request: Request) -> bool:
    """Tell whether a request is for the six pictures between two chances."""
    rows = json.loads(request.post_data or "{}").get("rows", []) if "/batch" in request.url else []
    return len(rows) == 6 and all(isinstance(row["seed"], list) for row in rows)


def test_a_change_is_seen_to_happen_unless_one_wants_no_motion(shown: Page) -> None:
    rests(shown)
    shown.evaluate(MOVES)
    with shown.expect_request(lies_between):
        shown.locator("#another").click()
    shown.wait_for_function("() => window.between.size > 0 && document.querySelector('#alive').hidden")
    shown.emulate_media(reduced_motion="reduce")
    rests(shown)
    shown.evaluate("window.between.clear()")
    before = shown.locator("#picture").get_attribute("src")
    shown.locator("#another").click()
    expect(shown.locator("#picture")).not_to_have_attribute("src", before or "")
    shown.wait_for_timeout(400)
    assert shown.evaluate("window.between.size") == 0


def test_the_page_opens_on_faces_and_pressing_one_goes_on_with_it(shown: Page) -> None:
    page = shown.context.browser.new_context(locale="en-GB").new_page()  # type: ignore[union-attr]
    page.goto(shown.url.split("#")[0])
    faces = page.locator("#first-faces button")
    expect(faces).to_have_count(48)
    page.wait_for_function("() => document.querySelector('.typed').textContent.length > 3")
    image = page.locator("#first-faces img").nth(7)
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    face, text = str(image.evaluate(PIXELS)), (faces.nth(7).get_attribute("aria-label") or "").split(": ", 1)[1]
    assert inaccessible(page) == []
    faces.nth(7).click(position={"x": 4, "y": 4})
    expect(page.locator("#first-faces")).to_have_count(0)
    drawn(page, text)
    assert pixels(page) == face
    page.reload()
    drawn(page, text)
    expect(page.locator("#first-faces")).to_have_count(0)
    page.context.close()
