"""The size of pictures, as a person at a browser chooses it: where the artist can, and kept with the picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import limner
from artists import TEXTS, published, storyteller
from enlargers import with_enlarger
from limner.drawing.artist import Artist
from limner.studio.gallery.gallery import Gallery
from studio_live import live


@pytest.fixture(scope="module")
def drawers(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    folder = tmp_path_factory.mktemp("artists")
    large = with_enlarger(published(folder / "hats"), folder / "large")
    teller = with_enlarger(storyteller(folder / "tales"), folder / "teller", factor=2)
    return [limner.load(large), limner.load(teller), limner.load("avatars")]


@pytest.fixture
def sized(drawers: list[Artist], tmp_path: Path) -> Iterator[tuple[str, Gallery]]:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(drawers, gallery=gallery) as address:
        yield address, gallery
    gallery.close()


def shows(page: Page, side: int) -> None:
    """Wait until a picture of so many pixels is shown."""
    expect(page.locator("#picture")).to_have_js_property("naturalWidth", side)


def test_a_size_is_chosen_and_comes_back_with_the_picture(page: Page, sized: tuple[str, Gallery]) -> None:
    address, gallery = sized
    page.goto(address)
    page.locator("#prompt").fill(TEXTS[1])
    shows(page, 8)
    expect(page.locator("#size option")).to_have_text(["8 x 8", "32 x 32"])
    page.locator("#size").select_option("32")
    shows(page, 32)
    page.locator("#keep").click()
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")
    (kept,) = gallery.page("kept").pictures
    assert kept.recipe["size"] == 32 and kept.width == 32
    page.locator("#size").select_option("8")
    shows(page, 8)
    page.goto(f"{address}/#/draw?picture={kept.id}")
    shows(page, 32)
    expect(page.locator("#size")).to_have_value("32")


def test_a_story_is_told_at_a_size(page: Page, sized: tuple[str, Gallery]) -> None:
    page.goto(f"{sized[0]}/#/story")
    frames = page.locator("section[aria-label='The story'] canvas")
    expect(frames.first).to_have_attribute("width", "16")
    page.locator("#size").select_option("32")
    expect(frames.first).to_have_attribute("width", "32")


def test_there_is_no_choice_where_there_is_but_one_size(page: Page, drawers: list[Artist], tmp_path: Path) -> None:
    plain = published(tmp_path / "plain")
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live([limner.load(plain)], gallery=gallery) as address:
        page.goto(address)
        shows(page, 8)
        expect(page.locator("#size")).to_have_count(0)
    gallery.close()
