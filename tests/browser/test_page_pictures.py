"""The form for a picture to begin from: a picture, a mask, what is asked beside them, and what is no picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from artists import climber
from browsers import inaccessible
from draw_view import is_wanted
from limner.drawing.artist import Artist, load
from limner.pictures import square
from studio_live import decoded

PIXELS = """node => {
    const canvas = document.createElement("canvas");
    canvas.width = node.naturalWidth; canvas.height = node.naturalHeight;
    const pen = canvas.getContext("2d");
    pen.drawImage(node, 0, 0);
    return [...pen.getImageData(0, 0, canvas.width, canvas.height).data];
}"""


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    artist = load(climber(tmp_path_factory.mktemp("fakes") / "climber"))
    artist.name = "climber"
    return [artist]


@pytest.fixture
def asked(page: Page, studio: str) -> Callable[[], dict[str, Any]]:
    """Return what was drawn last: the body of the last request for pictures."""
    bodies: list[dict[str, Any]] = []
    page.on("request", lambda one: bodies.append(json.loads(one.post_data or "{}")) if is_wanted(one) else None)
    return lambda: dict(bodies[-1]["rows"][0]["request"])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise[:30, :40]).save(tmp_path / "face.png")
    Image.fromarray(noise).save(tmp_path / "large.jpg")
    mask = Image.new("L", (40, 30), 0)
    mask.paste(255, (0, 0, 40, 15))
    mask.save(tmp_path / "mask.png")
    mask.crop((0, 0, 20, 20)).save(tmp_path / "other.png")
    (tmp_path / "words.png").write_text("hello")
    return tmp_path


def test_a_picture_is_completed(page: Page, studio: str, asked: Any, files: Path) -> None:
    page.goto(f"{studio}/#/draw")
    page.select_option("#kind", "picture")
    page.set_input_files("#file-pixels", files / "face.png")
    page.locator("#picture[data-drawn='from a picture']").wait_for()
    page.set_input_files("#file-known", files / "mask.png")
    page.locator("#picture[data-drawn='from a picture, part of it as it is']").wait_for()
    page.get_by_label("What else you ask").select_option("caption")
    page.locator("[data-field=asked] input").fill("a red hat")
    page.locator("#picture[data-drawn$='a red hat']").wait_for()
    request = asked()
    assert request["asked"] == {"kind": "caption", "text": "a red hat"}
    assert np.array_equal(np.asarray(decoded(request["pixels"])), np.asarray(Image.open(files / "face.png")))
    small = np.asarray(square(Image.open(files / "face.png"), 8))
    shown = np.array(page.locator("#picture").evaluate(PIXELS)).reshape(8, 8, 4)[..., :3]
    assert np.array_equal(shown[:4], small[:4]) and not np.array_equal(shown[4:], small[4:])
    assert not inaccessible(page)
    with page.expect_response(
        lambda one: is_wanted(one.request)
    ) as drawn:  # a heart is that of the picture shown by then
        page.click("#surprise")
    drawn.value.finished()
    page.wait_for_load_state("networkidle")
    assert asked()["pixels"] == request["pixels"]
    page.click("#keep")
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{studio}/#/favourites")
    page.locator(".tile button.open").first.click()
    page.click("#open-draw")
    page.locator("#picture[data-drawn$='a red hat']").wait_for()
    assert np.array_equal(np.asarray(decoded(asked()["pixels"])), small)
    page.get_by_role("button", name="Take it out").last.click()
    page.locator("#picture[data-drawn='from a picture, a red hat']").wait_for()
    page.reload()
    page.locator("#picture[data-drawn='from a picture, a red hat']").wait_for()


def test_a_large_picture_is_sent_smaller_and_what_is_none_is_refused(
    page: Page, studio: str, asked: Any, files: Path, faults: Any
) -> None:
    page.goto(f"{studio}/#/draw")
    page.select_option("#kind", "picture")
    page.set_input_files("#file-pixels", files / "words.png")
    expect(page.get_by_role("alert")).to_contain_text("words.png is no picture")
    page.set_input_files("#file-pixels", files / "large.jpg")
    page.locator("#picture[data-drawn='from a picture']").wait_for()
    assert decoded(asked()["pixels"]).size == (512, 384)
    page.set_input_files("#file-known", files / "other.png")
    expect(page.get_by_text("its picture has 512 x 384")).to_be_visible()
    faults.errors.clear()
