"""How the page looks where it is not as usual: on a phone, with forced colours, on paper; and what it says it sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import limner
from browsers import inaccessible
from draw_view import drawn, until, write
from limner.drawing.artist import Artist
from limner.evaluation import seen
from limner.requests import Caption
from limner.studio.gallery.gallery import Gallery
from studio_live import live

TEXT = "a woman with curly red hair and round glasses"
ROOM = 160
"""Least pixels of the picture on a phone with its keyboard up."""
FINGER = 44
LINE = 56
"""Pixels of the field with a line of words."""
PRESSED = """([on, off]) => [on, off].map((tile) => getComputedStyle(document.querySelector(tile)).backgroundColor)"""
BOXES = "() => ['#picture', '#prompt'].map((id) => document.querySelector(id).getBoundingClientRect().toJSON())"
FREE = """() => [...document.querySelectorAll("#first-faces button")]
  .map((face) => [face, face.getBoundingClientRect()])
  .filter(([face, box]) => face.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)))
  .map(([, box]) => box.toJSON())"""
"""Faces whose middle lies under nothing."""
TILES = ["[data-tile='hair_style=curly']", "[data-tile='hair_style=bob']"]


@pytest.fixture(scope="module")
def artists() -> list[Artist]:
    return [limner.load("avatars"), limner.load("faces")]


@pytest.fixture
def shown(page: Page, artists: list[Artist], tmp_path: Path) -> Iterator[Page]:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(artists, gallery=gallery) as address:
        page.goto(address)
        page.get_by_role("tab", name="hair", exact=True).click()
        write(page, TEXT)
        yield page
        for one in page.context.pages:
            one.close()
    gallery.close()


def test_a_judge_says_what_is_there_and_what_is_not(shown: Page, artists: list[Artist]) -> None:
    shown.locator("#seed").fill("7")
    schema = artists[0].system.schema
    judge = seen.judge_of(schema)
    assert judge == "avatars"
    (picture,) = artists[0].draw(Caption(TEXT), seed=7)
    (named,) = seen.see(judge, [picture], schema)
    assert (named["presentation"], named["hair_colour"]) == ("woman", "red"), "the artist draws what it is told"
    expect(shown.locator("#seen")).to_contain_text("I see: woman, curly red hair, round glasses")
    assert "not:" not in shown.locator("#seen").inner_text()
    expect(shown.locator("#picture")).to_have_attribute("alt", re.compile(r"^woman, curly red hair, .*background$"))
    shown.locator("#artist").select_option("faces")
    expect(shown.locator("#study")).to_contain_text("faces is a study: of what it is told it draws 31 in 100.")
    write(shown, "a woman with sunglasses and a beanie")
    expect(shown.locator("#seen")).to_contain_text("not: ")
    assert shown.locator("#artist optgroup option").all_inner_texts() == ["faces"]
    shown.get_by_role("button", name="Draw with avatars").click()
    expect(shown.locator("#study")).to_have_count(0)


def test_what_is_not_to_be_there_is_not_named(shown: Page) -> None:
    shown.locator("#prompt").fill("a man without a beard")
    drawn(shown, "a man")
    expect(shown.locator("#unknown")).to_contain_text("Left out, as it is not to be there: beard")
    shown.locator("#prompt").fill("красная шляпа")
    expect(shown.locator("#unknown")).to_have_text("these words are not known: pictures are asked for in English")


def in_sight(page: Page, height: int, least: int = 1000) -> bool:
    """Tell whether picture and field are in sight one below the other, of the field `least` pixels, or all of it."""
    picture, prompt = page.evaluate(BOXES)
    below = picture["y"] + picture["height"]
    end = prompt["y"] + min(prompt["height"], least)
    return bool(picture["width"] >= ROOM and picture["y"] >= 0 and below <= prompt["y"] and end <= height)


def test_picture_and_words_are_in_sight_together_on_a_phone(shown: Page) -> None:
    shown.set_viewport_size({"width": 390, "height": 390})  # what a keyboard leaves
    shown.locator("#prompt").focus()
    shown.locator("#prompt").press("End")
    until(shown, lambda: in_sight(shown, 390))  # the stage takes its new size in its own time
    shown.set_viewport_size({"width": 390, "height": 844})
    tabs = shown.locator(".tabs a")
    assert all((tab.bounding_box() or {"x": 999})["x"] + 1 < 390 for tab in tabs.all()), "all views are in sight"
    small = shown.evaluate(
        """(least) => [...document.querySelectorAll("button, select, summary, .tabs a, .button, textarea")]
          .filter((one) => !one.matches("p button")) // words of a sentence
          .map((one) => [one, one.getBoundingClientRect()])
          .filter(([, box]) => box.width && (box.height < least - 0.5 || box.width < least - 0.5))
          .map(([one]) => one.outerHTML.slice(0, 90))""",
        FINGER,
    )
    assert small == []
    shown.locator("#tray").scroll_into_view_if_needed()
    box = shown.locator("#picture").bounding_box()
    assert box and 0 <= box["y"] < 20, "the picture stays in sight while one chooses"
    assert inaccessible(shown) == []


@pytest.mark.parametrize(("height", "least"), [(844, 30), (390, 10)])
def test_a_phone_opens_on_faces_too(shown: Page, browser: Browser, height: int, least: int) -> None:
    context = browser.new_context(viewport={"width": 390, "height": height}, has_touch=True, locale="en-GB")
    page = context.new_page()
    page.goto(shown.url.split("#")[0])
    page.locator("#first-faces img[src]").first.wait_for()
    page.wait_for_function("() => document.querySelector('#picture').naturalWidth > 0")
    until(page, lambda: in_sight(page, height, LINE))
    faces = page.evaluate(FREE)
    assert len(faces) >= least, "faces that one can press lie around the picture"
    assert all(side >= FINGER - 0.5 for face in faces for side in (face["width"], face["height"]))
    assert inaccessible(page) == []
    text = (page.locator("#first-faces button").first.get_attribute("aria-label") or "").split(": ", 1)[1]
    page.locator("#first-faces button").first.tap()
    drawn(page, text)
    expect(page.locator("#first-faces")).to_have_count(0)
    context.close()


def looks(page: Page) -> tuple[str, str]:
    """Return how a pressed and a plain tile look, once what changes by and by has changed."""
    until(page, lambda: len(set(page.evaluate(PRESSED, TILES))) == 2)
    on, off = page.evaluate(PRESSED, TILES)
    return on, off


def test_what_is_pressed_shows_it_where_colours_are_forced_or_fewer(shown: Page, browser: Browser) -> None:
    on, off = looks(shown)
    assert on != off
    shown.emulate_media(forced_colors="active")
    on, off = looks(shown)
    assert on != off
    context = browser.new_context()  # a browser that does not know light-dark()

    def without(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("light-dark(", "unheard-of("))

    context.route("**/*.css", without)
    old = context.new_page()
    expect(shown).to_have_url(re.compile("words=.*red"))  # an address follows what is written
    old.goto(shown.url)
    old.get_by_role("tab", name="hair", exact=True).click()
    old.locator(TILES[0]).wait_for()
    on, off = looks(old)
    assert on != off and "0, 0, 0, 0" not in on + off
    context.close()


def test_paper_has_pictures_and_nothing_to_press(shown: Page) -> None:
    shown.emulate_media(media="print")
    expect(shown.locator("#picture")).to_be_visible()
    for hidden in (".top", "#surprise", "#save", "#tray", "#prompt", ".seen"):
        expect(shown.locator(hidden).first).to_be_hidden()
