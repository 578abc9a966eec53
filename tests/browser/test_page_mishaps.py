"""What comes in a person's way: a studio that stops and comes back, tokens, links to nothing, a lost focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import limner
from artists import published
from browsers import Faults
from limner.drawing.artist import Artist
from limner.requests import Caption, LabelSet
from limner.studio.gallery.gallery import Gallery
from limner.studio.server import Settings
from studio_live import live

TEXT = "a man with curly red hair"
TOKEN = "a-token-of-a-test"


@pytest.fixture
def shelf(artists: list[Artist], tmp_path: Path) -> list[str]:
    """Fill a gallery with more favourites than are fetched at once; return their ids."""
    gallery = Gallery(tmp_path / "gallery.sqlite")
    pictures = artists[0].rows([(Caption(TEXT), seed) for seed in range(60)], batch=20)
    found = [gallery.add(picture, keep=True).id for picture in pictures]
    gallery.close()
    return found


def focus(page: Page, selector: str) -> None:
    """Expect that the focus is on what `selector` names."""
    expect(page.locator(f"{selector}:focus")).to_have_count(1)


def test_the_page_goes_on_when_the_studio_is_back(page: Page, faults: Faults, studio: str) -> None:
    page.goto(studio)
    page.locator("#prompt").fill(TEXT)
    expect(page.locator("#picture")).to_have_attribute("data-drawn", TEXT)
    with faults.expected("ERR_CONNECTION_REFUSED"):
        page.context.route("**/*", lambda route: route.abort("connectionrefused"))
        page.locator("#prompt").press_sequentially(" and a hat")
        expect(page.locator(".easel .error")).to_contain_text("does not answer")
        page.get_by_role("link", name="How it works").click()
        expect(page.locator("main .error")).to_contain_text("did not load")
        page.get_by_role("link", name="Make", exact=True).click()
        expect(page.locator(".easel .error")).to_contain_text("does not answer")
        page.context.unroute("**/*")
        expect(page.locator("#picture")).to_have_attribute("data-drawn", f"{TEXT} and a hat")
        page.locator("#tray").wait_for()
        expect(page.locator(".easel .error")).to_have_count(0)


def test_who_has_the_wrong_token_can_try_another(
    page: Page, faults: Faults, artists: list[Artist], tmp_path: Path
) -> None:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(artists, Settings(token=TOKEN), gallery) as address, faults.expected("401"):
        page.goto(f"{address}/#/story")
        field = page.get_by_label("Token")
        focus(page, "[name=token]")
        field.fill("ключ")  # what no header can bear
        field.press("Enter")
        assert not field.evaluate("field => field.validity.valid")
        field.fill("another")
        field.press("Enter")
        expect(page.locator(".error")).to_have_text("This is not the studio's token.")
        page.get_by_label("Token").fill(f" {TOKEN} ")
        page.get_by_label("Token").press("Enter")
        expect(page.locator("h1")).to_have_text("Story")


@pytest.mark.parametrize("view", ["morph", "mix", "walk", "favourites"])
def test_a_link_to_no_picture_says_so(page: Page, studio: str, view: str) -> None:
    page.goto(f"{studio}/#/{view}?picture=../nowhere")
    expect(page.locator(".error, .toast").first).to_contain_text("there is no such picture in the gallery")


def test_a_card_gives_back_the_focus_and_is_not_opened_again(page: Page, shelf: list[str], studio: str) -> None:
    page.goto(f"{studio}/#/favourites")
    page.locator(".tile .open").nth(3).press("Enter")
    page.locator("#card").get_by_label("Close").press("Enter")
    focus(page, ".tile:nth-child(4) .open")
    expect(page).to_have_url(f"{studio}/#/favourites")
    page.go_back()
    expect(page.locator("#card")).to_have_count(0)


def test_who_deletes_keeps_their_place_and_undoes_from_another_shelf(page: Page, shelf: list[str], studio: str) -> None:
    page.goto(f"{studio}/#/favourites")
    page.locator(".tile").last.scroll_into_view_if_needed()
    expect(page.locator(".tile")).to_have_count(60)
    page.locator(".tile .chosen").last.check()
    page.locator("#delete").click()
    expect(page.locator(".tile")).to_have_count(59)
    page.locator("[data-shelf=deleted]").click()
    expect(page.locator(".tile")).to_have_count(1)
    page.locator(".toast button", has_text="Undo").click()
    expect(page.locator(".tile")).to_have_count(0)
    page.locator("[data-shelf=kept]").click()
    expect(page.locator("#total")).to_have_text("60 pictures")


def test_who_chooses_a_picture_is_told_where_they_are(page: Page, shelf: list[str], studio: str) -> None:
    page.goto(f"{studio}/#/morph")
    page.locator(".picker .open").first.press("Enter")
    page.locator("#morphed").wait_for()
    focus(page, "h1")


def test_a_surprise_is_never_nothing(page: Page, tmp_path: Path) -> None:
    artist = limner.load(published(tmp_path / "fake"))
    fakes = type(artist.system)

    class Labelled(fakes):  # type: ignore[misc, valid-type]
        takes = LabelSet

        def encode(self, requests: Sequence[LabelSet]) -> Any:
            return super().encode([Caption(" ".join(request.labels)) for request in requests])

        def unknown_words(self, requests: Sequence[LabelSet]) -> dict[str, str | None]:
            return {}

    system = Labelled(artist.system.config, replace(artist.system.schema, labels=("hat", "cat"))).eval()
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live([Artist(system, artist.record, "labelled", artist.folder)], gallery=gallery) as address:
        page.goto(address)
        expect(page.locator("#tray .option").first).to_be_visible()
        page.evaluate("Math.random = () => 0.9")  # no label is chosen besides the one that always is
        page.locator("#surprise").click()
        expect(page.locator("#tray .option[aria-pressed=true]")).to_have_count(1)
        expect(page.locator("#keep")).to_be_enabled()
    gallery.close()


@pytest.mark.parametrize("font", ["sans-serif", "wide"])
def test_the_head_is_one_line_of_choices_on_a_phone(page: Page, studio: str, font: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(studio)
    if font == "wide":  # a stand-in for a machine with other fonts: letters half as wide again
        widen = "s => document.querySelectorAll(s).forEach((one) => { one.style.letterSpacing = '0.3em' })"
        page.evaluate(widen, ".brand, .top select")
    boxes = [page.locator(name).bounding_box() for name in (".brand", "#artist", "#theme")]
    middles = [box["y"] + box["height"] / 2 for box in boxes if box]
    assert len(middles) == 3 and max(middles) - min(middles) < 4, "name and choosers stand in one line"
    assert boxes[2] and boxes[2]["x"] + boxes[2]["width"] <= 360
