"""Scenes that are told question by question, and those that grow: draft after draft, stopped, and gone on from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from artists import climber, sketcher
from browsers import inaccessible
from draw_view import until
from limner.drawing.artist import Artist, load
from scene_artists import tiny
from toy import shapes

Asked = list[dict[str, Any]]


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    folder = tmp_path_factory.mktemp("ways")
    found = [load(climber(folder / "climber")), load(sketcher(folder / "sketcher"))]
    for name, artist in zip(("climber", "sketcher"), found, strict=True):
        artist.name = name
    return [*found, tiny("chatpainter", shapes(folder / "shapes", 32), folder)]


@pytest.fixture
def asked(page: Page) -> Asked:
    rows: Asked = []

    def note(one: Any) -> None:
        body = json.loads(one.post_data or "{}") if "/images/" in one.url else {}
        rows.extend(body.get("rows", [body] if body else []))

    page.on("request", note)
    return rows


def turns(page: Page, count: int) -> None:
    """Wait until the picture after so many turns is shown."""
    page.locator(f"#told-picture[data-drawn='{count}']").wait_for()
    page.locator(".scene-tell[aria-busy=false]").wait_for()


def test_a_dialogue_is_answered_and_changed_and_only_what_follows_is_drawn(
    page: Page, studio: str, asked: Asked
) -> None:
    page.goto(f"{studio}/#/scene")
    page.select_option("#artist", "chatpainter")
    page.locator("#told-picture[data-drawn='0']").wait_for()
    first = page.get_by_label("Answer: What is in the picture?")
    first.fill("a circle")
    first.press("Tab")
    turns(page, 0)
    questions = page.get_by_role("group", name="Suggested questions").locator("button")
    assert "what is the shape?" not in questions.all_inner_texts(), "that is said already"
    questions.filter(has_text="what is the colour?").click()
    page.locator("[data-answer=red]").click()
    turns(page, 1)
    assert "what is the colour?" not in questions.all_inner_texts(), "that was asked"
    page.locator("#own-question").fill("is it large?")
    page.locator("#own-answer").fill("yes")
    page.click("#send-answer")
    turns(page, 2)
    expect(page.locator(".thumb img[src]")).to_have_count(3)
    asked.clear()
    answer = page.get_by_label("Answer: is it large?")
    answer.fill("no")
    answer.press("Tab")
    until(page, lambda: len(asked) >= 1)
    turns(page, 2)
    told = [one["request"]["turns"] for one in asked]
    assert told == [[["what is the colour?", "red"], ["is it large?", "no"]]], "the pictures before it stay"
    assert len({one["seed"] for one in asked}) == 1
    assert inaccessible(page) == []
    page.get_by_role("button", name="Take it out: what is the colour?").click()
    until(page, lambda: len(asked) >= 2)
    turns(page, 1)
    assert asked[-1]["request"]["turns"] == [["is it large?", "no"]]
    page.reload()
    expect(page.get_by_label("Answer: is it large?")).to_have_value("no")


def test_a_climb_fills_a_strip_is_stopped_and_gone_on_from(page: Page, studio: str, asked: Asked) -> None:
    page.goto(f"{studio}/#/scene")
    page.select_option("#artist", "climber")
    stages = page.locator(".climbed li")
    expect(stages.last).to_contain_text("the picture")
    count = stages.count()
    assert count >= 4, "its drafts, and the picture"
    page.locator(".climbed button").nth(1).click()
    expect(page.locator("#climb-stop")).to_have_text("Stop at this draft")
    note = str(page.locator(".climbed button").nth(1).get_attribute("aria-label"))
    asked.clear()
    page.click("#climb-stop")
    expect(page.locator("#climb-told")).to_contain_text(f"Stopped after {note}")
    assert f"step {asked[-1]['seed'] and 2}" == note, "the second draft is shown"
    expect(page.locator("#keep-climb")).to_be_enabled()
    page.click("#keep-climb")
    expect(page.locator("#keep-climb")).to_have_attribute("aria-pressed", "true")
    kept = page.request.get(f"{studio}/v1/gallery/pictures").json()["data"][0]
    assert kept["recipe"]["stopped"] == 2
    again = page.request.post(f"{studio}/v1/gallery/pictures/{kept['id']}/again")
    assert again.headers["limner-difference"] == "0", "its recipe draws it again, as far as it had come"
    page.click("#climb-on")
    expect(stages).to_have_count(count)
    asked.clear()
    page.click("#climb-from-here")
    page.locator("#climb-from").wait_for()
    until(page, lambda: len(asked) >= 1)  # a short one may be over before anybody sees it busy
    expect(stages.last).to_contain_text("the picture")
    begun = asked[-1]["request"]
    assert begun["kind"] == "picture" and begun["pixels"] and begun["asked"]["text"] == "a red hat"
    page.click("#climb-words-here")
    expect(page.locator("#climb-words")).to_be_focused()
    before = len(asked)
    page.locator("#climb-words").fill("a blue hat")
    until(page, lambda: len(asked) > before)
    expect(stages.last).to_contain_text("the picture")
    assert asked[-1]["request"]["asked"]["text"] == "a blue hat" and asked[-1]["request"]["pixels"]
    assert inaccessible(page) == []
    page.get_by_role("button", name="Begin from nothing").click()
    expect(page.locator("#climb-from")).to_have_count(0)


def test_both_ways_of_an_artist_are_offered_on_a_phone_too(page: Page, studio: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.goto(f"{studio}/#/scene")
    page.select_option("#artist", "sketcher")
    page.locator("[data-way=tell]").click()
    page.locator("#own-answer").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert inaccessible(page) == []
    page.locator("[data-way=place]").click()
    page.locator(".ground").wait_for()
