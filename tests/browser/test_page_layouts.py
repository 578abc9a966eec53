"""What is placed is moved, stretched, added, relabelled and taken out by mouse and by keys, and drawn with one seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from artists import scenes, sketcher
from browsers import inaccessible
from draw_view import LIGHT, is_wanted
from limner.drawing.artist import Artist, load


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    folder = tmp_path_factory.mktemp("placing")
    found = [load(scenes(folder / "scenes")), load(sketcher(folder / "sketcher"))]
    for name, artist in zip(("scenes", "sketcher"), found, strict=True):
        artist.name = name
    return found


@pytest.fixture
def asked(page: Page) -> Callable[[Callable[[dict[str, Any]], bool]], dict[str, Any]]:
    """Wait until a picture is asked for that is as it should be; return its row."""
    rows: list[dict[str, Any]] = []

    def note(one: Any) -> None:
        if is_wanted(one):
            rows.append(json.loads(one.post_data or "{}")["rows"][0])

    page.on("request", note)

    def wait(fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for _ in range(600):
            if rows and fits(rows[-1]["request"]):
                page.wait_for_load_state("networkidle")
                return rows[-1]
            page.wait_for_timeout(100)
        raise AssertionError(f"last asked: {rows[-1:]}")

    return wait


def at(ground: Locator, x: float, y: float) -> tuple[float, float]:
    """Return a place of the ground, in shares of it, as a place on the screen."""
    box = ground.bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Page, ground: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    ground.scroll_into_view_if_needed()
    page.mouse.move(*at(ground, *start))
    page.mouse.down()
    page.mouse.move(*at(ground, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    page.mouse.move(*at(ground, *end))
    page.mouse.up()


def near(box: list[Any], label: str, *sides: float) -> bool:
    return box[0] == label and all(abs(one - other) < 0.015 for one, other in zip(box[1:], sides, strict=True))


def test_what_was_drawn_is_edited_by_mouse_and_keys_with_the_same_seed(page: Page, studio: str, asked: Any) -> None:
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "scenes")
    page.select_option("#kind", "caption")
    page.fill("#prompt", "a cup")
    seed = asked(lambda request: request == {"kind": "caption", "text": "a cup"})["seed"]
    page.locator("#picture[data-drawn='a cup']").wait_for()
    page.click("#edit-layout")
    row = asked(lambda request: request["kind"] == "layout")
    (drawn,) = row["request"]["boxes"]
    assert row["seed"] == seed and row["request"]["caption"] == "a cup" and row["request"]["masks"][0]
    ground = page.get_by_role("group", name="Where the boxes lie")
    box = ground.get_by_role("button", name="Box 1: cup")
    drag(page, ground, (drawn[1] + 0.25, drawn[2] + 0.15), (0.25, 0.15))
    row = asked(lambda request: near(request["boxes"][0], "cup", 0, 0, 0.5, 0.5))
    assert row["seed"] == seed and row["request"]["masks"], "its shape goes along"
    picture = page.locator("#picture")
    expect(picture).to_have_js_property("naturalWidth", 32)
    for _ in range(600):  # until what was asked for is what is shown
        if picture.evaluate(LIGHT, [0.1, 0.1]) > 100:
            break
        page.wait_for_timeout(100)
    assert picture.evaluate(LIGHT, [0.1, 0.1]) > 100 > picture.evaluate(LIGHT, [0.1, 0.4])
    box.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        box.press(key)
    asked(lambda request: near(request["boxes"][0], "cup", 0.02, 0.01, 0.5, 0.5))
    for _ in range(10):
        box.press("Shift+ArrowLeft")
    asked(lambda request: near(request["boxes"][0], "cup", 0.02, 0.01, 0.4, 0.5))
    drag(page, ground, (0.395, 0.485), (0.295, 0.385))
    asked(lambda request: near(request["boxes"][0], "cup", 0.02, 0.01, 0.3, 0.4))
    drag(page, ground, (0.6, 0.6), (0.9, 0.95))
    asked(lambda request: len(request["boxes"]) == 2 and near(request["boxes"][1], "cup", 0.6, 0.6, 0.3, 0.35))
    page.get_by_label("Label of box 2").select_option("table")
    row = asked(lambda request: request["boxes"][1][0] == "table")
    page.get_by_label("Label of box 1").select_option("table")
    row = asked(lambda request: request["boxes"][0][0] == "table")
    assert row["request"]["masks"] == [""], "another thing has another shape"
    assert not inaccessible(page)
    box = ground.get_by_role("button", name="Box 1: table")
    box.press("Delete")
    row = asked(lambda request: len(request["boxes"]) == 1)
    assert near(row["request"]["boxes"][0], "table", 0.6, 0.6, 0.3, 0.35) and row["seed"] == seed


def test_a_click_on_the_ground_places_nothing_and_a_box_stays_in_the_picture(
    page: Page, studio: str, asked: Any
) -> None:
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "scenes")
    page.select_option("#kind", "caption")
    page.fill("#prompt", "a cup")
    page.locator("#picture[data-drawn='a cup']").wait_for()
    page.click("#edit-layout")
    asked(lambda request: request["kind"] == "layout")
    ground = page.get_by_role("group", name="Where the boxes lie")
    ground.scroll_into_view_if_needed()
    page.mouse.click(*at(ground, 0.95, 0.95))
    drag(page, ground, (0.4, 0.3), (1.3, 1.4))
    row = asked(lambda request: near(request["boxes"][0], "cup", 0.5, 0.5, 0.5, 0.5))
    assert len(row["request"]["boxes"]) == 1


def test_key_points_are_moved(page: Page, studio: str, asked: Any) -> None:
    page.goto(f"{studio}/#/draw")
    page.select_option("#artist", "sketcher")
    page.get_by_role("button", name="Add a point").click()
    asked(lambda request: request.get("points") == [["nose", 0.5, 0.5]])
    ground = page.get_by_role("group", name="Where the points lie")
    drag(page, ground, (0.5, 0.5), (0.2, 0.7))
    asked(lambda request: near(request["points"][0], "nose", 0.2, 0.7))
    point = ground.get_by_role("button", name="Point: nose")
    point.press("ArrowUp")
    asked(lambda request: near(request["points"][0], "nose", 0.2, 0.69))
    point.press("Delete")
    asked(lambda request: not request.get("points"))
