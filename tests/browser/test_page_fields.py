"""The page's form is made of the fields of a request: kinds that it never heard of, boxes, turns, labels, values."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from artists import arranger, painter, sketcher, writer
from browsers import inaccessible
from draw_view import is_wanted
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist, load
from toy import shapes

MIDDLE = """node => {
    const canvas = document.createElement("canvas");
    canvas.width = node.naturalWidth; canvas.height = node.naturalHeight;
    const pen = canvas.getContext("2d");
    pen.drawImage(node, 0, 0);
    return [...pen.getImageData(node.naturalWidth / 2, node.naturalHeight / 2, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "shapes")


@pytest.fixture(scope="module")
def artists(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    folder = tmp_path_factory.mktemp("fakes")
    made = {"painter": painter(folder / "painter"), "sketcher": sketcher(folder / "sketcher")}
    made |= {"writer": writer(folder / "writer", data), "arranger": arranger(folder / "arranger", data)}
    found = [load(place) for place in made.values()]
    for name, artist in zip(made, found, strict=True):
        artist.name = name
    return found


@pytest.fixture
def asked(page: Page, studio: str) -> Callable[[], dict[str, Any]]:
    """Return what was drawn last: the body of the last request for pictures."""
    bodies: list[dict[str, Any]] = []
    page.on("request", lambda one: bodies.append(json.loads(one.post_data or "{}")) if is_wanted(one) else None)
    return lambda: dict(bodies[-1]["rows"][0]["request"])


def test_a_new_kind_of_request_is_asked_for_by_its_fields(page: Page, studio: str, asked: Any) -> None:
    """The page knows nothing of paints: `fake_kind.py` is all there is of them."""
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "painter")
    page.select_option("[data-field=colour] select", "blue")
    page.locator("#picture[data-drawn*=blue]").wait_for()
    assert asked() == {"kind": "paint", "colour": "blue", "light": 1, "brand": ""}
    assert page.locator("#picture").evaluate(MIDDLE) == [0, 0, 255]
    page.fill("#prompt", "Ultramarine")
    page.locator("[data-field=light] input").fill("0.5")
    page.locator("#picture[data-drawn='blue, 0.5, Ultramarine']").wait_for()
    assert asked() == {"kind": "paint", "colour": "blue", "light": 0.5, "brand": "Ultramarine"}
    assert page.locator("#picture").evaluate(MIDDLE) == [64, 64, 191]
    with page.expect_response(
        lambda one: is_wanted(one.request)
    ) as drawn:  # a heart is that of the picture shown by then
        page.click("#surprise")
    drawn.value.finished()
    page.wait_for_load_state("networkidle")
    page.click("#keep")
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{studio}/#/favourites")
    page.locator(".tile button.open").first.click()
    page.click("#open-draw")
    page.locator("[data-field=colour] select").wait_for()
    assert not inaccessible(page)
    page.goto(f"{studio}/#/gacha")
    expect(page.locator("#gacha .tile").first).to_be_visible()


def test_boxes_are_placed_and_a_dialogue_is_held(page: Page, studio: str, asked: Any) -> None:
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "sketcher")
    page.locator("#picture[src]").wait_for()
    for _ in range(len(asked()["boxes"])):
        page.get_by_role("button", name="Take box 1 out").click()
    page.get_by_role("button", name="Add a box").click()
    page.get_by_label("Label of box 1").select_option("table")
    for side, share in (("width", "0.5"), ("height", "0.5"), ("x", "0.25"), ("y", "0.25")):
        page.get_by_label(f"{side} of box 1", exact=True).fill(share)
        page.get_by_label(f"{side} of box 1", exact=True).blur()
        expect(page.get_by_label(f"{side} of box 1", exact=True)).to_have_value(share)
    for _ in range(1200):  # the newest wish is drawn last
        if asked()["boxes"] == [["table", 0.25, 0.25, 0.5, 0.5]]:
            break
        page.wait_for_timeout(100)
    assert asked()["boxes"] == [["table", 0.25, 0.25, 0.5, 0.5]]
    page.wait_for_load_state("networkidle")
    assert page.locator("#picture").evaluate(MIDDLE) == [255, 255, 255]
    assert not inaccessible(page)
    page.select_option("#kind", "dialogue")
    page.fill("#prompt", "two cups")
    page.get_by_role("button", name="Add a question").click()
    page.get_by_label("Question 1").fill("how many?")
    page.get_by_label("Answer 1").fill("two")
    page.locator("#picture[data-drawn*='A: two']").wait_for()
    assert asked() == {"kind": "dialogue", "caption": "two cups", "turns": [["how many?", "two"]]}
    assert page.locator("#picture").evaluate(MIDDLE) == [64, 64, 64]


def test_labels_are_ticked_and_text_is_read(page: Page, studio: str, asked: Any) -> None:
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "arranger")
    page.locator("#picture[src]").wait_for()
    page.locator("#tray [aria-pressed=false]").first.click()
    page.locator("#picture[src]").wait_for()
    assert asked()["kind"] == "labelset"
    page.select_option("#artist", "writer")
    page.select_option("#kind", "nothing")
    expect(page.locator("#answer")).not_to_be_empty()
    page.select_option("#kind", "attributes")
    page.locator("[data-tile='colour=red']").click()
    page.locator("#picture[data-drawn*='colour: red']").wait_for()
    expect(page.locator("#answer")).not_to_be_empty()
    assert asked() == {"kind": "attributes", "values": {"colour": "red"}}


def test_the_page_asks_nowhere_which_kind_it_is() -> None:
    """Only `fields.js` knows what lies between two; the rest goes by the types of fields."""
    import re

    from limner.studio.page_files import FOLDER

    kinds = "caption|story|dialogue|attributes|labelset|layout|nothing|blend"
    asks = re.compile(rf"(kind|takes) *[!=]== *[\"'](?:{kinds})|case [\"'](?:{kinds})", re.IGNORECASE)
    files = [path for path in sorted(Path(FOLDER).rglob("*.js")) if "vendor" not in path.parts]
    found = {path.name: asks.findall(path.read_text(encoding="utf-8")) for path in files}
    assert {name: len(some) for name, some in found.items() if some} == {"fields.js": 1}
