"""Draw, gacha and favourites, as a person at a browser has them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch.nn.functional as F
from PIL import Image
from playwright.sync_api import Page, expect
from torch import Tensor

import limner
from artists import cascade
from browsers import inaccessible
from draw_view import drawn, keep, pixels, until, write
from fake_cascade import STAGES
from limner.drawing.artist import Artist
from limner.requests import Caption
from limner.studio.gallery.gallery import Gallery
from studio_live import live

TEXT = "a man with curly red hair"


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    """Load an artist that draws in stages, and looks at words while it does."""
    found = limner.load(cascade(tmp_path_factory.mktemp("artists") / "balls"))

    class Styled(type(found.system)):  # type: ignore[misc]
        def style(self, images: Tensor) -> Tensor:
            return F.adaptive_avg_pool2d(images, STAGES[0]).flatten(1)

    found.system.__class__ = Styled
    return found


@pytest.fixture
def looked(looking: Artist, tmp_path: Path) -> Iterator[str]:
    """Serve it; yield the address."""
    gallery = Gallery(tmp_path / "looked.sqlite")
    with live([looking], gallery=gallery) as address:
        yield address
    gallery.close()


def test_the_picture_follows_every_key_and_is_there_after_a_reload(page: Page, studio: str) -> None:
    page.goto(studio)
    write(page, TEXT)
    first = pixels(page)
    page.locator("#prompt").press_sequentially(" and sunglases")
    drawn(page, f"{TEXT} and sunglases")
    assert pixels(page) != first
    expect(page.locator("#unknown")).to_contain_text("“sunglases” is read as “sunglasses”")
    seed = page.locator("#seed").input_value()
    last = pixels(page)
    page.reload()
    drawn(page, f"{TEXT} and sunglases")
    assert (page.locator("#seed").input_value(), pixels(page)) == (seed, last)
    write(page, TEXT)
    assert pixels(page) == first


def test_the_picture_is_what_the_artist_draws(page: Page, studio: str, artists: list[Artist], tmp_path: Path) -> None:
    page.goto(studio)
    page.locator("#seed").fill("7")
    write(page, TEXT)
    expect(page.locator("#keep")).to_be_enabled()
    page.locator("#side").select_option("0")  # as drawn
    with page.expect_download() as saved:
        page.locator("#save").click()
    saved.value.save_as(tmp_path / "saved.png")
    picture = Image.open(tmp_path / "saved.png")
    assert json.loads(picture.info["limner"])["seed"] == 7
    same = next(artists[0].rows([(Caption(TEXT), 7)] * 4, batch=4))  # a pass of the studio has four rows
    assert (np.asarray(picture) == np.asarray(same)).all()


def test_tiles_write_words_and_words_press_tiles(page: Page, studio: str) -> None:
    page.goto(studio)
    page.get_by_role("tab", name="hair", exact=True).click()
    write(page, TEXT)
    red = page.locator("[data-tile='hair_colour=red']")
    expect(red).to_have_attribute("aria-pressed", "true")
    page.locator("[data-tile='hair_colour=blue']").click()
    expect(page.locator("#prompt")).to_have_value(re.compile("^a man with curly blue hair, .*background$"))
    drawn(page, page.locator("#prompt").input_value())
    expect(red).to_have_attribute("aria-pressed", "false")
    page.get_by_role("tab", name="hat", exact=True).click()
    page.locator("[data-tile='hat=beanie']").click()
    expect(page.locator("#prompt")).to_have_value(re.compile("beanie"))
    page.locator("[data-tile='hat_colour=red']").click()
    expect(page.locator("#prompt")).to_have_value(re.compile("red beanie"))
    page.locator("[data-tile='hat=beanie']").click()
    expect(page.locator("#prompt")).not_to_have_value(re.compile("beanie"))
    drawn(page, page.locator("#prompt").input_value())


def test_seed_lock_dice_and_shortcuts(page: Page, studio: str) -> None:
    page.goto(studio)
    write(page, TEXT)
    seed = page.locator("#seed").input_value()
    page.locator("#prompt").press_sequentially(" dlk?")
    drawn(page, f"{TEXT} dlk?")
    assert page.locator("#seed").input_value() == seed
    page.locator("#prompt").press("Escape")
    page.keyboard.press("d")
    expect(page.locator("#seed")).not_to_have_value(seed)
    page.keyboard.press("l")
    expect(page.locator("#lock")).to_have_attribute("aria-pressed", "false")
    seed = page.locator("#seed").input_value()
    write(page, TEXT)
    assert page.locator("#seed").input_value() != seed
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.get_by_label("Use them").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.locator("#lock")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("/")
    expect(page.locator("#prompt")).not_to_be_focused()


def test_what_one_stays_with_is_history_and_what_one_keeps_a_favourite(page: Page, studio: str) -> None:
    page.goto(studio)
    keep(page, TEXT)
    with page.expect_response(lambda answer: answer.request.method == "POST" and "gallery" in answer.url):
        write(page, "a woman with a blue hat")  # and she stays
    page.goto(f"{studio}/#/favourites")
    expect(page.locator(".tile")).to_have_count(1)
    page.locator("[data-shelf=drawn]").click()
    expect(page.locator(".tile")).to_have_count(2)
    page.locator("#search").fill("hat")
    expect(page.locator(".tile")).to_have_count(1)
    page.reload()
    expect(page.locator("#search")).to_have_value("hat")
    expect(page.locator(".tile")).to_have_count(1)


def test_a_favourite_is_noted_drawn_again_deleted_and_brought_back(page: Page, studio: str) -> None:
    page.goto(studio)
    keep(page, TEXT)
    last = pixels(page)
    page.goto(f"{studio}/#/favourites")
    page.locator(".tile .open").click()
    page.locator("#note").fill("my friend")
    page.locator("#again").click()
    expect(page.locator("#same")).to_have_text("The same, to the bit.")
    page.keyboard.press("Escape")
    expect(page.locator(".tile")).to_contain_text("my friend")
    page.locator(".tile .chosen").check()
    page.locator("#delete").click()
    expect(page.locator(".empty")).to_be_visible()
    page.locator(".toast button", has_text="Undo").click()
    expect(page.locator(".tile")).to_contain_text("my friend")
    page.locator(".tile .open").click()
    page.locator("#open-draw").click()
    drawn(page, TEXT)
    assert pixels(page) == last
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")


def test_favourites_travel_as_a_zip(page: Page, studio: str, tmp_path: Path) -> None:
    page.goto(studio)
    keep(page, TEXT)
    page.goto(f"{studio}/#/favourites")
    with page.expect_download() as saved:
        page.locator("#export").click()
    saved.value.save_as(tmp_path / "kept.zip")
    page.locator(".tile .chosen").check()
    page.locator("#delete").click()
    expect(page.locator(".tile")).to_have_count(0)
    page.locator("#import").set_input_files(tmp_path / "kept.zip")
    expect(page.locator(".tile")).to_have_count(1)
    page.locator(".tile .heart").click()
    expect(page.locator(".tile")).to_have_count(0)


def test_the_bin_gives_back(page: Page, studio: str) -> None:
    page.goto(studio)
    keep(page, TEXT)
    page.goto(f"{studio}/#/favourites")
    page.locator(".tile .chosen").check()
    page.locator("#delete").click()
    page.locator("[data-shelf=deleted]").click()
    page.locator(".tile .chosen").check()
    page.get_by_role("button", name="Put back").click()
    expect(page.locator(".tile")).to_have_count(0)
    page.locator("[data-shelf=kept]").click()
    expect(page.locator(".tile")).to_have_count(1)


def test_the_gacha_goes_on_until_it_is_paused(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/gacha")
    page.locator(".tile").nth(23).wait_for()
    many = page.locator(".tile").count()
    page.locator("#more").scroll_into_view_if_needed()
    page.locator(".tile").nth(many).wait_for()
    page.locator("#pause").click()
    page.wait_for_load_state("networkidle")  # what was asked for before still comes
    paused = page.locator("#count").inner_text()
    page.mouse.wheel(0, 3000)
    page.wait_for_timeout(300)
    assert page.locator("#count").inner_text() == paused
    page.locator("#more").click()
    expect(page.locator("#count")).not_to_have_text(paused)


def test_the_gacha_keeps_to_what_is_said(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/gacha")
    page.locator(".tile").first.wait_for()
    page.locator("#prompt").fill("red beanie")
    page.locator(".tile .open[title^='red beanie']").nth(7).wait_for()
    assert all("red beanie" in (one.get_attribute("title") or "") for one in page.locator(".tile .open").all())
    page.locator(".tile .heart").first.click()
    expect(page.locator(".tile .heart").first).to_have_attribute("aria-pressed", "true")
    text = page.locator(".tile .open").first.get_attribute("title") or ""
    page.locator(".tile .open").first.click()
    drawn(page, text)
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")


def test_words_show_where_they_are_looked_at(page: Page, looked: str) -> None:
    page.goto(looked)
    write(page, "a red ball on sand")
    page.locator("#looks").check()
    word = page.locator(".word", has_text="ball")
    word.focus()
    expect(page.locator("#overlay")).to_be_visible()
    page.locator("#prompt").focus()
    expect(page.locator("#overlay")).to_have_count(0)
    word.hover()
    expect(page.locator("#overlay")).to_be_visible()


def test_drafts_are_shown_as_they_come(page: Page, looked: str) -> None:
    page.goto(looked)
    write(page, "a red ball on sand")
    page.locator("#drafts li").nth(1).wait_for()
    expect(page.locator("#drafts li").last).to_contain_text("the picture")


def test_a_picture_of_ones_own_lends_its_style_and_its_words(
    page: Page, looked: str, looking: Artist, tmp_path: Path
) -> None:
    page.goto(looked)
    write(page, "a red ball on sand")
    before, source = pixels(page), page.locator("#picture").get_attribute("src")
    (picture,) = looking.draw(Caption("a blue ball"), seed=3)
    picture.save(tmp_path / "mine.png")
    page.locator("#uploads summary").click()
    page.locator("#style").set_input_files(tmp_path / "mine.png")
    expect(page.locator("#seed")).to_contain_text("the style of")
    expect(page.locator("#picture")).not_to_have_attribute("src", source)
    until(page, lambda: pixels(page) != before)
    page.locator("#dice").click()
    expect(page.locator("input#seed")).to_be_visible()
    page.locator("#caption").set_input_files(tmp_path / "mine.png")
    drawn(page, "a blue ball")


def test_a_story_teller_draws_a_line(page: Page, studio: str) -> None:
    page.goto(studio)
    page.locator("#artist").select_option("clevr-stories")
    page.locator("#tray").wait_for()
    write(page, "a large red metal cube, far left in front")
    page.get_by_role("link", name="tell a whole one").wait_for()
    page.get_by_role("tab", name="far left front").click()
    page.locator("[data-tile='far left front colour=blue']").click()
    drawn(page, "a large blue metal cube, far left front")


def test_prompts_are_words_and_never_markup(page: Page, studio: str) -> None:
    page.goto(studio)
    hostile = "<img src=x onerror=alert(1)>"
    keep(page, hostile)
    page.goto(f"{studio}/#/favourites")
    expect(page.locator(".tile .under")).to_have_text(hostile)
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["draw", "gacha", "favourites"])
def test_nothing_shuts_people_out(page: Page, studio: str, view: str, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(studio)
    keep(page, TEXT)
    page.goto(f"{studio}/#/{view}")
    page.locator("#picture[data-drawn], .tile").first.wait_for()
    assert inaccessible(page) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
