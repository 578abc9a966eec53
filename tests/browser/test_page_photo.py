"""From a photo: what is seen in its square presets the attributes, and the likeness is kept as far as one likes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import limner
from browsers import inaccessible
from limner.drawing.artist import Artist
from limner.evaluation import seen
from scene_artists import tiny
from toy import shapes

TEXT = "a smiling woman with curly red hair and round glasses against a yellow background"


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    folder = tmp_path_factory.mktemp("photo")
    reads = tiny("attribute2image", shapes(folder / "shapes", 16), folder)
    for name, count in reads.system.named_buffers():
        if name.endswith("num_batches_tracked"):
            count.fill_(1)  # it looks at pictures as one that was trained does; what it sees does not matter here
    return [limner.load("avatars"), reads]


def photo(path: Path) -> Path:
    """Write one that is wider than high, so that there is something to choose."""
    picture = Image.new("RGB", (120, 60), "#2040c0")
    picture.paste("#d02020", (0, 0, 60, 60))
    picture.save(path)
    return path


def test_values_are_read_with_their_certainty_and_likeness_is_kept_as_one_likes(
    page: Page, studio: str, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = []
    reads: list[dict[str, Any]] = []
    page.on(
        "request", lambda one: rows.extend(json.loads(one.post_data or "{}")["rows"]) if "/batch" in one.url else None
    )
    page.on("response", lambda one: reads.append(one.json()) if "/v1/attributes" in one.url else None)
    page.goto(f"{studio}/#/photo")
    page.select_option("#artist", "attribute2image")
    expect(page.locator("#photo-where")).to_contain_text("and is not kept")
    page.locator("#photo-file").set_input_files(photo(tmp_path / "photo.png"))
    page.locator("#photo-picture[data-drawn]").wait_for()
    named = reads[-1]["attributes"]
    assert named and set(reads[-1]["certainty"]) == set(named)
    for name, value in named.items():
        row = page.locator(f"[data-read={name}]")
        expect(row.locator("select")).to_have_value(value)
        expect(row).to_contain_text(f"{round(100 * reads[-1]['certainty'][name])} % sure")
    assert rows[-1]["request"] == {"kind": "attributes", "values": named} and rows[-1]["seed"]["noise"]
    likeness = page.locator("#likeness")
    likeness.fill("0.4")
    page.locator("#photo-picture[data-drawn$=',0.4]']").wait_for()
    chance, style, share = rows[-1]["seed"]
    assert isinstance(chance, int) and style["noise"] and share == 0.4
    likeness.fill("0")
    page.locator("#photo-picture[data-drawn$=',0]']").wait_for()
    assert rows[-1]["seed"] == chance
    other = next(one for one in ("red", "blue") if one != named.get("colour"))
    page.locator("[data-read=colour] select").select_option(other)
    page.locator(f"#photo-picture[data-drawn*='{other}']").wait_for()
    assert rows[-1]["request"]["values"]["colour"] == other
    expect(page.locator("[data-read=colour]")).to_contain_text("as you say")
    assert inaccessible(page) == []
    count = len(reads)
    page.locator("#crop").press("ArrowLeft")
    expect(page.locator("[aria-label='The picture'][aria-busy=true]")).to_have_count(1)
    expect(page.locator("[aria-label='The picture'][aria-busy=false]")).to_have_count(1)
    assert len(reads) > count, "another square is looked at anew"


def test_a_judge_reads_for_an_artist_that_does_not(
    page: Page, studio: str, artists: list[Artist], tmp_path: Path
) -> None:
    (drawn,) = artists[0].draw(TEXT, seed=7)
    page.goto(f"{studio}/#/draw")
    page.locator("#picture[data-drawn]").wait_for()
    page.locator("#uploads summary").click()
    page.click("#to-photo")
    drawn.save(tmp_path / "drawn.png")
    page.locator("#photo-file").set_input_files(tmp_path / "drawn.png")
    page.locator("#photo-picture[data-drawn]").wait_for()
    expect(page.locator("#photo-where")).to_contain_text("of a photograph it guesses")
    expect(page.locator("#no-likeness")).to_be_visible()
    judge = seen.judge_of(artists[0].system.schema)
    assert judge is not None
    ((named, sure),) = seen.see_with_certainty(judge, [drawn], artists[0].system.schema)
    assert named["hair_colour"] == "red" and 0.5 < sure["hair_colour"] <= 1
    for name in ("hair_colour", "presentation", "glasses"):
        expect(page.locator(f"[data-read={name}] select")).to_have_value(named[name])
    expect(page.locator("[data-read=hair_colour]")).to_contain_text("% sure")
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    assert inaccessible(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_what_is_no_picture_is_refused_in_a_line(page: Page, studio: str, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("no picture")
    page.goto(f"{studio}/#/photo")
    page.locator("#photo-file").set_input_files(tmp_path / "note.png")
    expect(page.get_by_role("alert")).to_contain_text("note.png is no picture that this browser reads")
