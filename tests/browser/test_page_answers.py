"""A dialogue is held, labels are ticked, a layout is seen while it is drawn, a caption is written on a button."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from artists import arranger, sketcher, writer
from browsers import inaccessible
from draw_view import is_wanted
from limner.data.dataset import Dataset
from limner.data.schema import Schema
from limner.drawing.artist import Artist, load
from toy import shapes

SHOTS = os.environ.get("LIMNER_SHOTS", "")
"""A folder for screenshots, for whoever wants to look."""
COLOUR = """node => {
    const canvas = document.createElement("canvas");
    canvas.width = node.naturalWidth; canvas.height = node.naturalHeight;
    const pen = canvas.getContext("2d");
    pen.drawImage(node, 0, 0);
    return pen.getImageData(0, 0, 1, 1).data[0];
}"""


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    from limner import catalogue, checkpoint

    folder = tmp_path_factory.mktemp("answers")
    data: Dataset = shapes(folder / "shapes")
    torch.manual_seed(0)
    system = catalogue.create("layout-vae", "tiny", Schema(size=16, things=("table", "cup", "lamp")))
    made = {"sketcher": sketcher(folder / "sketcher"), "arranger": arranger(folder / "arranger", data)}
    made["layouts"] = checkpoint.save(system.eval(), folder / "layouts", trained={"data": "tests", "images": 16})
    made["writer"] = writer(folder / "writer", data)
    found = [load(place) for place in made.values()]
    for name, artist in zip(made, found, strict=True):
        artist.name = name
    return found


def shot(page: Page, name: str) -> None:
    """Keep a screenshot, where somebody wants them."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def last_asked(page: Page) -> list[dict[str, Any]]:
    """Return the requests for pictures, as they come in."""
    asked: list[dict[str, Any]] = []
    page.on("request", lambda one: asked.append(json.loads(one.post_data or "{}")) if is_wanted(one) else None)
    return asked


def test_a_dialogue_is_held_turn_after_turn(page: Page, studio: str) -> None:
    asked = last_asked(page)
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "sketcher")
    page.select_option("#kind", "dialogue")
    page.fill("#prompt", "two cups on a table")
    picture, seen = page.locator("#picture"), []
    page.locator("#picture[data-drawn='two cups on a table']").wait_for()
    seen.append(picture.evaluate(COLOUR))
    for number, (question, answer) in enumerate((("what colour is it?", "red"), ("is it full?", "no")), start=1):
        page.get_by_role("button", name="Add a question").click()
        page.get_by_label(f"Question {number}").fill(question)
        page.get_by_label(f"Answer {number}").fill(answer)
        page.locator(f"#picture[data-drawn$='Q: {question} A: {answer}']").wait_for()
        page.wait_for_load_state("networkidle")
        seen.append(picture.evaluate(COLOUR))
    assert seen[0] < seen[1] < seen[2], "each turn changes the picture"
    assert asked[-1]["rows"][0]["request"] == {
        "kind": "dialogue",
        "caption": "two cups on a table",
        "turns": [["what colour is it?", "red"], ["is it full?", "no"]],
    }
    shot(page, "dialogue")
    page.get_by_role("button", name="Take turn 1 out").click()
    page.locator("#picture[data-drawn='two cups on a table, Q: is it full? A: no']").wait_for()
    assert not inaccessible(page)


def test_labels_are_ticked_and_the_layout_is_seen_while_it_is_drawn(page: Page, studio: str) -> None:
    asked = last_asked(page)
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "layouts")
    page.locator("#picture[src]").wait_for()
    for name in page.locator("#tray [aria-pressed=false]").all_inner_texts():  # fewer match after each click
        page.locator("#tray").get_by_role("button", name=name, exact=True).click()
    page.locator("#picture[data-drawn*=table][data-drawn*=cup][data-drawn*=lamp]").wait_for()
    assert sorted(asked[-1]["rows"][0]["request"]["labels"]) == ["cup", "lamp", "table"]
    expect(page.locator("#picture")).to_have_js_property("naturalWidth", 256)  # boxes, drawn with their labels
    expect(page.locator("#drafts li")).not_to_have_count(0)
    drafts = page.locator("#drafts li")
    expect(drafts.last).to_contain_text("the picture")
    assert drafts.count() > 3, "the counts, and a draft for each box"
    shot(page, "layout")
    assert not inaccessible(page)


def test_a_caption_is_written_on_a_button(page: Page, studio: str) -> None:
    asked = last_asked(page)
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "sketcher")
    page.select_option("#kind", "dialogue")
    page.fill("#prompt", "")
    page.get_by_role("button", name="Write me a caption").click()
    expect(page.locator("#prompt")).not_to_be_empty()
    written = page.locator("#prompt").input_value()
    page.locator(f"#picture[data-drawn='{written}']").wait_for()
    by = next(one for one in asked if one["model"] == "writer")
    assert by["rows"][0]["request"] == {"kind": "nothing"} and asked[-1]["model"] == "sketcher"
    shot(page, "caption")
    page.select_option("#artist", "writer")
    page.locator("#answer").wait_for()
    assert not page.get_by_role("button", name="Write me a caption").is_visible()
