"""A class: opened by whoever has the token, entered by a short word, with a wall of what everybody made."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import limner
from browsers import TIMEOUT, Faults, inaccessible
from draw_view import write
from limner.drawing.artist import Artist
from limner.studio import server
from limner.studio.classroom import routes
from limner.studio.gallery.gallery import Gallery
from studio_live import live

TOKEN = "t" * 24


@pytest.fixture(scope="module")
def artists() -> list[Artist]:
    return [limner.load("avatars")]


@pytest.fixture
def school(artists: list[Artist], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(routes, "own_host", lambda: "10.0.0.5")  # tests run without the network
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(artists, server.Settings(token=TOKEN), gallery) as address:
        yield address
    gallery.close()


def test_a_class_comes_in_by_a_word_and_shows_what_it_makes(
    page: Page, faults: Faults, browser: Browser, school: str
) -> None:
    with faults.expected("401"):
        page.goto(f"{school}/#/class")
        page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Enter").click()
    page.click("#open-class")
    word = page.locator("#class-word").inner_text()
    assert re.fullmatch(r"([bdfghjklmnprstvz][aeiou]){3}\d{3}", word)
    qr = str(page.locator("#qr").get_attribute("src"))
    picture = base64.b64decode(qr.partition(",")[2])
    assert picture.startswith(b"<svg") and f"word={word}" in str(page.locator("#qr").get_attribute("alt"))
    assert inaccessible(page) == []
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    context.set_default_timeout(TIMEOUT)
    pupil = context.new_page()
    pupil.goto(f"{school}/#/join?word={word}")
    expect(pupil.get_by_label("Your name on the wall")).to_be_focused()
    assert inaccessible(pupil) == []
    pupil.get_by_label("The word of the class").fill("wrong")
    pupil.get_by_label("Your name on the wall").fill("Ada")
    pupil.click("#come-in")
    expect(pupil.get_by_role("alert")).to_contain_text("not the word of a class that is open")
    pupil.get_by_label("The word of the class").fill(f"{word[:6].upper()} {word[6:]}")
    pupil.click("#come-in")
    pupil.locator("#picture[data-drawn]").wait_for()
    write(pupil, "a bald man with round glasses")
    expect(page.locator(".wall .tile")).to_contain_text("Ada")
    page.locator(".wall .tile img[src]").wait_for()
    expect(page.locator(".wall img")).to_have_attribute("alt", "Ada: a bald man with round glasses")
    pupil.goto(f"{school}/#/class")
    expect(pupil.locator(".wall img[src]")).to_have_count(1)
    expect(pupil.locator("#open-class, #end-class")).to_have_count(0)
    page.emulate_media(media="print")
    expect(page.locator(".door")).to_be_hidden()
    expect(page.locator("#print-wall")).to_be_hidden()
    columns = page.locator(".wall").evaluate("node => getComputedStyle(node).gridTemplateColumns.split(' ').length")
    assert columns == 4
    page.emulate_media(media="screen")
    page.click("#end-class")
    expect(page.locator("#open-class")).to_be_visible()
    pupil.reload()
    expect(pupil.get_by_role("heading", name="This studio asks for a token")).to_be_visible()
    context.close()
