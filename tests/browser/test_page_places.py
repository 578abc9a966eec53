"""The places of the page by plain names, and what is within them: the tree of a family, artists side by side, faces."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

import limner
from artists import scenes, storyteller
from browsers import inaccessible
from draw_view import until
from limner.drawing.artist import Artist, load
from limner.studio.gallery.gallery import Gallery
from studio_live import live

ASK = httpx.Client(timeout=300)
TEXT = "a woman with red hair"


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    return [limner.load("avatars"), limner.load("faces")]


def put(studio: str, seed: Any, parents: list[str] | None = None, text: str = TEXT) -> str:
    """Draw a picture into the history, with its parents; return its id."""
    row = {"request": {"kind": "caption", "text": text}, "seed": seed}
    (drawn,) = ASK.post(f"{studio}/v1/images/batch", json={"rows": [row], "response_format": "b64_json"}).json()["data"]
    body = {"png": drawn["b64_json"], "keep": True, "parents": parents or []}
    answer = ASK.post(f"{studio}/v1/gallery/pictures", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def places(page: Page) -> list[str]:
    return [one.strip() for one in page.locator("nav.tabs a").all_inner_texts()]


def test_places_have_plain_names_and_those_that_nobody_serves_are_not_there(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/draw")
    page.locator("#picture[data-drawn]").wait_for()
    assert places(page) == ["Make", "Endless", "Family", "Mine", "How it works"]
    for view, says in {"story": "an artist that tells them", "scene": "told where things lie"}.items():
        page.goto(f"{studio}/#/{view}")
        expect(page.locator("#main")).to_contain_text(says)
        assert page.locator("#main .error").count() == 0
    page.goto(f"{studio}/#/walk")
    expect(page.locator("nav.tabs [aria-current]")).to_have_text("Family")
    within = page.get_by_role("navigation", name="Family")
    assert within.locator("a").all_inner_texts() == ["Mix", "Tree", "Morph", "Film"]
    within.get_by_role("link", name="Tree").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tree")
    page.locator("nav.tabs").get_by_role("link", name="How it works").click()
    page.get_by_role("navigation", name="How it works").get_by_role("link", name="Rate").click()
    page.locator("#new-study").wait_for()


def test_all_places_are_there_where_somebody_serves_them(page: Page, tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    able = [limner.load("avatars"), load(storyteller(tmp_path / "tells")), load(scenes(tmp_path / "sets"))]
    with live(able, gallery=gallery) as address:
        page.goto(address)
        page.locator("#picture[data-drawn]").wait_for()
        assert places(page) == ["Make", "Endless", "Family", "Story", "Scene", "Mine", "How it works"]
        page.close()
    gallery.close()


def test_a_tree_is_walked_up_down_and_beside_by_arrows(page: Page, studio: str) -> None:
    old = put(studio, 1)
    first, second = put(studio, 2, [old]), put(studio, 3)
    child = put(studio, [2, 3, 0.5], [first, second])
    sibling = put(studio, [2, 3, 0.25], [first, second])
    page.goto(f"{studio}/#/tree?picture={child}")
    sections = {name: page.get_by_role("region", name=name) for name in ("Its parents", "Its grandparents")}
    expect(sections["Its parents"].locator("a")).to_have_count(2)
    expect(sections["Its grandparents"].locator("a")).to_have_count(1)
    expect(page.locator("#children a")).to_have_count(0)
    expect(page.get_by_role("region", name="Its siblings").locator("a")).to_have_count(1)
    expect(page.locator(".here")).to_be_focused()
    assert inaccessible(page) == []

    def walked(key: str, *names: str) -> None:
        page.locator(".here").press(key)
        page.wait_for_url(re.compile("|".join(f"picture={name}" for name in names)))
        page.locator(".here img[src]").wait_for()

    walked("ArrowLeft", sibling)
    expect(page.get_by_role("region", name="Its siblings").locator("a")).to_have_count(1)
    walked("ArrowRight", child)
    expect(sections["Its parents"].locator("a")).to_have_count(2)
    walked("ArrowUp", first)
    expect(page.locator("#children a")).to_have_count(2)
    walked("ArrowDown", sibling)
    page.go_back()
    page.wait_for_url(f"**picture={first}")
    assert ASK.get(f"{studio}/v1/gallery/pictures", params={"shelf": "drawn", "parent": old}).json()["total"] == 1


def test_the_same_words_are_drawn_side_by_side_and_studies_stand_last(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/beside")
    page.locator("#same-words").fill(TEXT)
    for name in ("avatars", "faces"):
        page.locator(f"#beside [data-artist={name}] img[data-drawn='7 {TEXT}']").wait_for()
    assert [one.get_attribute("data-artist") for one in page.locator("#beside [data-artist]").all()] == [
        "avatars",
        "faces",
    ]
    expect(page.locator("[data-artist=faces]")).to_contain_text("of 100 things it is told, 31 come out right")
    assert inaccessible(page) == []
    page.locator("[data-artist=faces]").get_by_role("button", name="Draw with faces").click()
    page.locator(f"#picture[data-drawn='{TEXT}']").wait_for()
    expect(page.locator("#artist")).to_have_value("faces")


def test_artists_have_faces_and_studies_stand_apart(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/systems")
    page.click("#artists")
    dialog = page.get_by_role("dialog", name="All artists")
    expect(dialog.locator(".face img[src]")).to_have_count(2)
    studies = dialog.get_by_role("region", name="Studies")
    assert [one.get_attribute("data-artist") for one in studies.locator(".face").all()] == ["faces"]
    assert inaccessible(page) == []
    studies.locator(".face").press("Enter")
    expect(page.locator("#artist")).to_have_value("faces")
    expect(dialog).to_be_hidden()
    page.locator(".summary .drawing img[src]").first.wait_for()


def test_chance_is_tame_or_wild_and_no_knob_is_named(page: Page, studio: str) -> None:
    bodies: list[dict[str, Any]] = []
    page.on("request", lambda one: bodies.append(json.loads(one.post_data or "{}")) if "/batch" in one.url else None)
    page.goto(f"{studio}/#/gacha")
    page.locator(".tile img[src]").first.wait_for()
    wild = page.get_by_role("slider", name="From tame to wild")
    expect(wild).to_have_attribute("aria-valuetext", "as it learnt")
    assert bodies[-1]["knobs"] == {}
    wild.fill("0")
    expect(wild).to_have_attribute("aria-valuetext", "very tame")
    page.locator(".tile img[src]").first.wait_for()
    until(page, lambda: bodies[-1]["knobs"] == {"spread": 0})
    page.goto(f"{studio}/#/draw")
    page.locator("#knobs summary").click()
    expect(page.locator("#knobs")).to_contain_text("From tame to wild")
    expect(page.locator("#knobs")).not_to_contain_text("spread")
