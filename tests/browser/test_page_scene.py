"""Scene, the layout editor: each step can be changed and held, and only what follows is drawn again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from artists import scenes, sketcher
from browsers import inaccessible
from draw_view import LIGHT, until
from limner.drawing.artist import Artist, load
from scene_artists import PLACING, tiny
from toy import shapes

Asked = list[dict[str, Any]]
CHANCE = "crypto.getRandomValues = (numbers) => numbers.fill(1604795771); Math.random = () => 0.5;"
"""By which artists that nobody trained place boxes with shapes: by others they leave a picture empty."""


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    folder = tmp_path_factory.mktemp("scenes")
    found = [load(scenes(folder / "scenes")), load(sketcher(folder / "sketcher"))]
    for name, artist in zip(("scenes", "sketcher"), found, strict=True):
        artist.name = name
    data = shapes(folder / "shapes", 32)
    return [*found, *(tiny(name, data, folder) for name in PLACING)]


@pytest.fixture
def asked(page: Page) -> Asked:
    """Collect the rows that are asked for."""
    rows: Asked = []

    def note(one: Any) -> None:
        if "/images/batch" in one.url:
            rows.extend(json.loads(one.post_data or "{}")["rows"])

    page.on("request", note)
    return rows


@pytest.fixture
def scene(page: Page, studio: str, asked: Asked) -> Page:
    """Open the view with a cup that the artist placed."""
    page.goto(f"{studio}/#/scene")
    page.locator("#scene-words").fill("a cup")
    shown(page, lambda row: row["request"] == {"kind": "caption", "text": "a cup"})
    return page


def shown(page: Page, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the picture of a row that fits is shown, and nothing is drawn any more; return the row."""
    said: Any = None
    for _ in range(2400):
        said = json.loads(page.locator("#scene-picture").get_attribute("data-drawn") or "null")
        if said and fits(said) and page.locator(".scene-place[aria-busy=false]").count():
            return dict(said)
        page.wait_for_timeout(50)
    raise AssertionError(f"shown last: {said}")


def boxes(row: dict[str, Any]) -> list[list[Any]]:
    return list(row["request"].get("boxes", []))


def near(box: list[Any], label: str, *sides: float) -> bool:
    return box[0] == label and all(abs(one - other) < 0.011 for one, other in zip(box[1:], sides, strict=True))


def at(ground: Locator, x: float, y: float) -> tuple[float, float]:
    box = ground.bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    ground = page.locator(".ground")
    ground.scroll_into_view_if_needed()
    page.mouse.move(*at(ground, *start))
    page.mouse.down()
    page.mouse.move(*at(ground, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    page.mouse.move(*at(ground, *end))
    page.mouse.up()


def step(page: Page, name: str) -> None:
    page.locator(f"[data-step={name}]").click()


def placed(page: Page) -> list[Any]:
    """Return where the first box lies on the ground, in shares of it."""
    return list(
        page.locator("[data-box='0']").evaluate(
            "node => [node.style.left, node.style.top, node.style.width, node.style.height].map(parseFloat)"
        )
    )


def test_a_box_is_moved_and_stretched_by_hand_with_the_chance_of_the_picture(scene: Page, asked: Asked) -> None:
    seed = asked[-1]["seed"]
    left, top, *_ = placed(scene)
    drag(scene, (left / 100 + 0.25, top / 100 + 0.2), (0.25, 0.2))
    row = shown(scene, lambda row: bool(boxes(row)) and near(boxes(row)[0], "cup", 0, 0, 0.5, 0.5))
    assert row["seed"] == seed and row["request"]["caption"] == "a cup"
    picture = scene.locator("#scene-picture")
    assert picture.evaluate(LIGHT, [0.1, 0.1]) > 60 > picture.evaluate(LIGHT, [0.1, 0.4])
    ends = {"se": (0.1, 0.1), "nw": (0.06, 0.04), "e": (0.1, 0), "s": (0, 0.1), "n": (0, -0.02), "w": (-0.03, 0)}
    ends |= {"ne": (0.05, 0.03), "sw": (0.02, -0.05)}
    sides = {"n": (0, 1, 0, -1), "s": (0, 0, 0, 1), "w": (1, 0, -1, 0), "e": (0, 0, 1, 0)}
    at_ = [0.0, 0.0, 0.5, 0.5]
    for side, (right, down) in ends.items():
        handle = scene.locator(f"[data-box='0'] .handle.{side}").bounding_box()
        ground = scene.locator(".ground").bounding_box()
        assert handle and ground
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        scene.mouse.move(x, y)
        scene.mouse.down()
        scene.mouse.move(x + right * ground["width"], y + down * ground["height"], steps=3)
        scene.mouse.up()
        for letter in side:
            by = right if letter in "we" else down
            at_ = [one + times * by for one, times in zip(at_, sides[letter], strict=True)]
        row = shown(scene, lambda row, sides=at_: near(boxes(row)[0], "cup", *sides))  # type: ignore[misc]
    assert row["seed"] == seed
    assert inaccessible(scene) == []


def test_arrows_move_by_a_hundredth_and_keys_copy_order_and_take_out(scene: Page) -> None:
    step(scene, "boxes")
    box = scene.locator("[data-box='0']")
    box.focus()
    left, top, *_ = [one / 100 for one in placed(scene)]
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        box.press(key)
    shown(scene, lambda row: bool(boxes(row)) and near(boxes(row)[0], "cup", left + 0.02, top - 0.01, 0.5, 0.5))
    for _ in range(10):
        box.press("Shift+ArrowLeft")
    for _ in range(5):
        box.press("Alt+ArrowDown")
    shown(scene, lambda row: near(boxes(row)[0], "cup", left + 0.02, top + 0.04, 0.4, 0.45))
    box.press("Control+d")
    row = shown(scene, lambda row: len(boxes(row)) == 2)
    assert near(boxes(row)[1], "cup", left + 0.06, top + 0.08, 0.4, 0.45)
    expect(scene.locator("[data-box='1']")).to_be_focused()
    scene.keyboard.press("F2")
    name = scene.get_by_label("What box 2 is")
    expect(name).to_be_focused()
    name.select_option("table")
    shown(scene, lambda row: [one[0] for one in boxes(row)] == ["cup", "table"])
    expect(scene.locator("[data-box='1']")).to_be_focused()
    scene.keyboard.press("PageDown")
    shown(scene, lambda row: [one[0] for one in boxes(row)] == ["table", "cup"])
    expect(scene.locator("[data-box='0']")).to_be_focused()
    scene.keyboard.press("Delete")
    shown(scene, lambda row: [one[0] for one in boxes(row)] == ["cup"])
    scene.click("#scene-undo")
    shown(scene, lambda row: [one[0] for one in boxes(row)] == ["table", "cup"])


def test_a_double_click_names_a_box_and_the_ground_takes_one_more(scene: Page) -> None:
    scene.locator("[data-box='0']").dblclick(position={"x": 20, "y": 60})
    scene.get_by_label("What box 1 is").select_option("table")
    shown(scene, lambda row: [one[0] for one in boxes(row)] == ["table"])
    left, top, *_ = [one / 100 for one in placed(scene)]
    drag(scene, (left + 0.25, top + 0.2), (0.25, 0.2))
    shown(scene, lambda row: near(boxes(row)[0], "table", 0, 0, 0.5, 0.5))
    drag(scene, (0.6, 0.6), (0.9, 0.95))
    shown(scene, lambda row: len(boxes(row)) == 2 and near(boxes(row)[1], "table", 0.6, 0.6, 0.3, 0.35))
    ground = scene.locator(".ground")
    scene.mouse.click(*at(ground, 0.95, 0.05))
    step(scene, "boxes")
    scene.click("[data-add=cup]")
    shown(scene, lambda row: [one[0] for one in boxes(row)] == ["table", "table", "cup"])


def test_only_what_follows_is_drawn_again(scene: Page, asked: Asked) -> None:
    first = asked[-1]["seed"]
    assert len({json.dumps(one) for one in asked if one["request"].get("text") == "a cup"}) == 1
    step(scene, "picture")
    asked.clear()
    scene.click("#another-picture")
    row = shown(scene, lambda row: row["seed"] != first)
    (drawn,) = boxes(row)
    assert [one["request"]["kind"] for one in asked] == ["layout"], "the boxes are there"
    assert row["request"]["masks"][0], "and their shapes"
    step(scene, "shapes")
    asked.clear()
    scene.click("#other-shapes")
    until(scene, lambda: bool(asked))
    shown(scene, lambda one: one["seed"] == row["seed"])
    assert {one["request"]["kind"] for one in asked} == {"layout"} and all(boxes(one) == [drawn] for one in asked)
    step(scene, "boxes")
    asked.clear()
    scene.click("#another-layout")
    other = shown(scene, lambda one: bool(boxes(one)) and boxes(one) != [drawn])
    assert asked[0]["request"] == {"kind": "caption", "text": "a cup"}
    assert other["seed"] == row["seed"], "the chance of the picture stays"
    scene.locator("[data-hold=boxes]").click()
    step(scene, "words")
    asked.clear()
    scene.locator("#scene-words").fill("two cups")
    held = shown(scene, lambda one: one["request"].get("caption") == "two cups")
    assert boxes(held) == boxes(other) and all("boxes" in one["request"] for one in asked), "boxes are held"
    scene.locator("[data-hold=boxes]").click()
    until(scene, lambda: {"kind": "caption", "text": "two cups"} in [one["request"] for one in asked])
    shown(scene, lambda one: one["request"].get("caption", one["request"].get("text")) == "two cups")
    scene.locator("[data-hold=words]").click()
    expect(scene.locator("#scene-words")).to_have_js_property("readOnly", True)
    expect(scene.locator("#scene-surprise")).to_be_disabled()


def test_a_shape_is_painted_and_let_go(scene: Page) -> None:
    step(scene, "shapes")
    scene.locator("[data-box='0']").focus()
    screen = scene.get_by_label("The shape of cup: paint on it")
    scene.click("[data-shape=whole]")
    whole = shown(scene, lambda row: bool(row["request"].get("masks")))["request"]["masks"]
    expect(scene.locator("[data-hold=shapes]")).to_have_attribute("aria-pressed", "true")
    scene.get_by_role("button", name="Erase").click()
    place = screen.bounding_box()
    assert place
    for row in range(0, 128, 8):
        scene.mouse.move(place["x"], place["y"] + row)
        scene.mouse.down()
        scene.mouse.move(place["x"] + 60, place["y"] + row, steps=10)
        scene.mouse.up()
    row = shown(scene, lambda row: row["request"].get("masks", whole) != whole)
    _, x, y, width, height = boxes(row)[0]
    ends = [[x + share * width, y + 0.5 * height] for share in (0.2, 0.8)]
    picture = scene.locator("#scene-picture")

    def rubbed_out() -> bool:
        left, right = (picture.evaluate(LIGHT, place) for place in ends)
        return bool(left < 60 < right)

    until(scene, rubbed_out)  # the left half, and no more; each stroke draws
    scene.click("[data-shape=open]")
    shown(scene, lambda row: not any(row["request"].get("masks", [])))


def test_the_place_of_a_box_lights_up_in_the_picture(scene: Page) -> None:
    left, _, width, _ = placed(scene)
    expect(scene.locator("#lit")).to_have_count(0)
    scene.locator("[data-box='0']").hover()
    lit = scene.locator("#lit")
    assert lit.evaluate("node => [node.style.left, node.style.width].map(parseFloat)") == [left, width]
    assert lit.locator(".mask").count() == 1, "in the tint of its label"
    scene.mouse.move(0, 0)
    expect(lit).to_have_count(0)
    scene.locator("[data-box='0']").focus()
    expect(lit).to_have_count(1)


def test_a_picture_of_the_gallery_is_opened_with_its_places(scene: Page, studio: str) -> None:
    step(scene, "boxes")
    scene.locator("[data-box='0']").press("ArrowRight")
    row = shown(scene, lambda row: row["request"]["kind"] == "layout")
    scene.click("#keep-scene")
    expect(scene.locator("#keep-scene")).to_have_attribute("aria-pressed", "true")
    scene.click("[data-step=words]")
    scene.locator("#scene-words").fill("a table")
    shown(scene, lambda row: row["request"].get("caption") == "a table")
    scene.goto(f"{studio}/#/favourites")
    scene.locator(".tile .open").first.click()
    scene.click("#to-scene")
    again = shown(scene, lambda row: row["request"].get("caption") == "a cup")
    assert boxes(again) == boxes(row) and again["seed"] == row["seed"]
    expect(scene.locator("[data-hold=boxes]")).to_have_attribute("aria-pressed", "true")


def test_points_are_placed_and_dragged(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/scene")
    page.select_option("#artist", "sketcher")
    page.locator("[data-way=place]").click()
    expect(page.locator("[data-step=words]")).to_have_count(0)
    page.click("[data-point=nose]")
    shown(page, lambda row: row["request"].get("points") == [["nose", 0.5, 0.5]])
    point = page.get_by_role("group", name="Point: nose")
    while page.locator("[data-box]").count():  # that a box lies over it is no matter of this test
        page.locator("[data-box='0']").press("Delete")
    drag(page, (0.5, 0.5), (0.2, 0.7))
    shown(page, lambda row: [round(one, 2) for one in row["request"]["points"][0][1:]] == [0.2, 0.7])
    point.press("ArrowUp")
    shown(page, lambda row: round(row["request"]["points"][0][2], 2) == 0.69)


@pytest.mark.parametrize("name", PLACING)
def test_every_system_that_places_things_is_edited(page: Page, studio: str, asked: Asked, name: str) -> None:
    page.add_init_script(CHANCE)
    page.goto(f"{studio}/#/scene")
    page.select_option("#artist", name)
    if name == "layout-vae":
        page.locator("[data-chip]").first.click()
    page.locator("#scene-picture[data-drawn*=seed]").wait_for()
    step(page, "boxes")
    box = page.locator("[data-box='0']")
    if not box.count():
        page.locator("[data-add]").first.click()
    box.focus()
    before = placed(page)
    box.press("Shift+ArrowLeft" if before[0] + before[2] > 98 else "ArrowRight")
    row = shown(page, lambda row: row["request"]["kind"] == "layout")
    assert abs(100 * boxes(row)[0][1] - before[0]) > 0.5 or abs(100 * boxes(row)[0][3] - before[2]) > 0.5
    assert page.locator("#scene .error").count() == 0
    has_shapes = name in ("semantic-layout", "objgan")
    expect(page.locator("[data-step=shapes]")).to_have_count(int(has_shapes))
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce", forced_colors="none")
    assert inaccessible(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
