"""Pictures as files and shelves as one works with them: saved large and named, brought back, chosen by keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import limner
from browsers import Faults, inaccessible
from draw_view import drawn, is_wanted, pixels, write
from limner.drawing.artist import Artist
from limner.requests import Caption
from limner.studio.gallery.gallery import Gallery
from studio_live import live

TEXT = "a man with curly red hair"


@pytest.fixture(scope="module")
def artists() -> list[Artist]:
    return [limner.load("avatars")]


@pytest.fixture
def kept(page: Page, artists: list[Artist], tmp_path: Path) -> Iterator[tuple[Page, str]]:
    """Open a studio with five favourites; yield the page and the address."""
    gallery = Gallery(tmp_path / "gallery.sqlite")
    for picture in artists[0].rows([(Caption(f"a man with {n} hats"), n) for n in range(5)], batch=5):
        gallery.add(picture, keep=True)
    with live(artists, gallery=gallery) as address:
        page.goto(address)
        page.locator("#picture[data-drawn]").wait_for()
        yield page, address
        for one in page.context.pages:
            one.close()
    gallery.close()


def test_a_picture_is_saved_large_named_after_its_words_and_brought_back(
    kept: tuple[Page, str], tmp_path: Path
) -> None:
    page, _ = kept
    page.locator("#seed").fill("7")
    write(page, TEXT)
    before = pixels(page)
    for side, size in (("1024", 1024), ("512", 512), ("256", 256), ("0", 64)):
        page.locator("#side").select_option(side)
        with page.expect_download() as saved:
            page.locator("#save").click()
        assert saved.value.suggested_filename == "man-with-curly-red-hair-7.png"
        saved.value.save_as(tmp_path / f"{side}.png")
        picture = Image.open(tmp_path / f"{side}.png")
        assert picture.size == (size, size) and json.loads(picture.info["limner"])["seed"] == 7
    large, small = (Image.open(tmp_path / f"{side}.png").convert("RGB") for side in ("1024", "256"))
    shrunk = large.resize((256, 256), Image.Resampling.BOX)
    far = [abs(a - b) for a, b in zip(shrunk.tobytes(), small.tobytes(), strict=True)]
    assert sum(far) / len(far) < 2, "enlarged, it is the same picture"
    write(page, "a woman")
    drop(page, tmp_path / "1024.png")
    drawn(page, TEXT)
    assert page.locator("#seed").input_value() == "7"
    page.locator("#size").select_option("64")
    page.wait_for_function("() => document.querySelector('#picture').naturalWidth === 64")
    assert pixels(page) == before
    Image.new("RGB", (8, 8)).save(tmp_path / "strange.png")
    drop(page, tmp_path / "strange.png")
    expect(page.locator(".toast").last).to_contain_text("strange.png has no recipe")


def drop(page: Page, file: Path) -> None:
    """Drop a file on the page, beside any field."""
    page.evaluate(
        """([bytes, name]) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
          document.querySelector("main").dispatchEvent(
            new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true }));
        }""",
        [list(file.read_bytes()), file.name],
    )


def test_a_picture_that_waits_says_so_and_a_busy_studio_is_asked_again(kept: tuple[Page, str], faults: Faults) -> None:
    page, _ = kept
    asked: list[Any] = []

    def answer(route: Any) -> None:
        if is_wanted(route.request):
            asked.append(route)
        if is_wanted(route.request) and len(asked) == 1:
            body = json.dumps({"error": {"message": "too many requests"}})
            route.fulfill(status=429, headers={"Retry-After": "1"}, content_type="application/json", body=body)
        else:
            route.continue_()

    page.route("**/v1/images/batch", answer)
    with faults.expected("429"):
        page.locator("#prompt").fill(TEXT)
        expect(page.locator(".frame.waits")).to_have_attribute("aria-busy", "true")
        drawn(page, TEXT)
        expect(page.locator(".frame.waits")).to_have_count(0)
    assert len(asked) >= 2 and page.locator(".easel .error").count() == 0


def test_a_shelf_is_worked_with_by_keys(kept: tuple[Page, str], tmp_path: Path) -> None:
    page, address = kept
    page.goto(f"{address}/#/favourites")
    boxes = page.locator(".tile .chosen")
    boxes.nth(1).check()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(page.locator("#selected")).to_contain_text("3 chosen")
    with page.expect_download() as saved:
        page.locator("#save-chosen").click()
    assert saved.value.suggested_filename == "pictures.zip"
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_have_count(0)
    page.keyboard.press("Control+a")
    expect(page.locator("#selected")).to_contain_text("5 chosen")
    page.keyboard.press("Delete")
    expect(page.locator(".tile")).to_have_count(0)
    page.locator(".toast button", has_text="Undo").click()
    expect(page.locator(".tile")).to_have_count(5)
    boxes.first.check()
    page.locator("#delete").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".tile")).to_have_count(4)
    page.wait_for_function("() => document.activeElement.matches('.tile .open')")
    page.locator(".tile .open").nth(1).click()
    text = page.locator("#card").get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#card")).not_to_have_attribute("aria-label", text or "")
    page.locator("#before").click()
    expect(page.locator("#card")).to_have_attribute("aria-label", text or "")
    assert inaccessible(page) == []


def test_rest_makes_the_picture_crisp_and_a_key_takes_no_longer(kept: tuple[Page, str]) -> None:
    page, _ = kept
    write(page, TEXT)
    expect(page.locator("#crisp")).to_have_js_property("naturalWidth", 256)
    expect(page.locator("#picture")).to_have_js_property("naturalWidth", 64)
    page.locator("#prompt").press_sequentially("!")
    expect(page.locator("#crisp")).to_have_count(0)
