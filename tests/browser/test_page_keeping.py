"""What was seen is never lost: steps, links, hearts and the sheet, as a person at a browser has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import limner
from browsers import inaccessible
from draw_view import drawn, pixels
from draw_view import write as written
from limner.drawing.artist import Artist
from limner.studio.gallery.gallery import Gallery
from studio_live import live

FIRST, SECOND = "a man with curly red hair", "a woman with a blue hat"


@pytest.fixture(scope="module")
def artists() -> list[Artist]:
    return [limner.load("avatars")]


@pytest.fixture
def shown(page: Page, artists: list[Artist], tmp_path: Path) -> Iterator[Page]:
    """Show the draw view of a studio with an empty gallery, with a first picture."""
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(artists, gallery=gallery) as address:
        page.goto(f"{address}/#/draw")
        page.locator("#picture[data-drawn]").wait_for()
        yield page
        for one in page.context.pages:
            one.close()
    gallery.close()


def history(page: Page) -> int:
    """Return how many pictures the history of the gallery has."""
    found: int = page.evaluate("async () => (await (await fetch('./v1/gallery/pictures?shelf=drawn')).json()).total")
    return found


def write(page: Page, text: str) -> str:
    written(page, text)
    return pixels(page)


def test_each_surprise_is_kept_and_back_restores_it(shown: Page) -> None:
    seen = []
    for _ in range(6):
        before = shown.locator("#picture").get_attribute("src")
        shown.locator("#surprise").click()
        expect(shown.locator("#picture")).not_to_have_attribute("src", before or "")
        shown.wait_for_function("() => document.querySelector('#picture').decode().then(() => true)")
        seen.append((shown.locator("#prompt").input_value(), pixels(shown)))
    shown.wait_for_load_state("networkidle")
    assert history(shown) == 6
    expect(shown.locator(".seen li")).to_have_count(7)
    for text, picture in reversed(seen[:-1]):
        shown.locator("#back").click()
        drawn(shown, text)
        assert pixels(shown) == picture
    shown.locator("#forward").click()
    drawn(shown, seen[1][0])
    shown.locator(".seen button.open").last.click()
    drawn(shown, seen[5][0])
    shown.reload()
    drawn(shown, seen[5][0])
    expect(shown.locator(".seen li")).to_have_count(7)


def test_undo_walks_words_and_presses_alike(shown: Page) -> None:
    write(shown, FIRST)
    shown.get_by_role("tab", name="hair", exact=True).click()
    shown.locator("[data-tile='hair_colour=blue']").click()
    expect(shown.locator("#prompt")).to_have_value(re.compile("^a man with curly blue hair, "))
    pressed = shown.locator("#prompt").input_value()
    drawn(shown, pressed)
    shown.locator("#prompt").press("Control+z")
    drawn(shown, FIRST)
    shown.locator("#prompt").press("Control+Shift+z")
    drawn(shown, pressed)
    shown.locator("#prompt").fill("")
    shown.locator("#prompt").press_sequentially("a woman")
    drawn(shown, "a woman")
    shown.locator("#prompt").press("Control+z")
    shown.locator("#prompt").press("Control+z")
    expect(shown.locator("#prompt")).to_have_value(pressed)


def test_a_link_is_the_picture(shown: Page, context: BrowserContext) -> None:
    shown.locator("#seed").fill("7")
    picture = write(shown, FIRST)
    shown.wait_for_url(
        re.compile(r"#/draw\?artist=avatars&at=[0-9a-f]{12}&words=a\+man\+with\+curly\+red\+hair&seed=7$")
    )
    link, address = shown.url, shown.url.split("#")[0]
    write(shown, SECOND)
    with_knob = shown.locator("#knobs")
    with_knob.locator("summary").click()
    with_knob.locator("input").first.fill("0.5")
    shown.wait_for_url(re.compile("recipe="))
    shown.wait_for_load_state("networkidle")
    turned, turned_link = pixels(shown), shown.url
    other = context.new_page()
    for asked, same in ((link, picture), (f"{address}?prompt={FIRST}&seed=7", picture), (turned_link, turned)):
        other.goto("about:blank")
        other.goto(asked)
        drawn(other, SECOND if same is turned else FIRST)
        assert pixels(other) == same
    other.goto("about:blank")
    other.goto(f"{address}#/draw?artist=nobody&words=a+man&seed=1")
    expect(other.locator(".toast")).to_contain_text("nobody does not draw here")
    other.goto(f"{address}#/draw?recipe=zzzz")
    expect(other.locator(".toast").last).to_contain_text("this link is damaged")
    other.goto(f"{address}#/nowhere")
    expect(other.locator(".toast").last).to_contain_text("no page “nowhere”")


def test_the_browser_can_save_what_it_shows(shown: Page) -> None:
    write(shown, FIRST)
    width = shown.evaluate("""() => new Promise((done) => {
      const image = new Image();
      image.onload = () => done(image.naturalWidth);
      image.onerror = () => done(0);
      image.src = document.querySelector("#picture").src;
    })""")
    assert width == 64


def test_a_seed_that_is_none_is_refused_and_leaves_the_field(shown: Page) -> None:
    shown.locator("#seed").fill("7")
    write(shown, FIRST)
    shown.locator("#seed").fill("-3")
    expect(shown.locator("#no-seed")).to_contain_text("whole number from 0; 7 is drawn")
    shown.locator("#prompt").focus()
    expect(shown.locator("#seed")).to_have_value("7")
    expect(shown.locator("#no-seed")).to_have_count(0)


def test_all_hearts_are_of_one_set_and_what_loses_one_gets_it_back(shown: Page) -> None:
    write(shown, FIRST)
    shown.locator("#keep").click()
    expect(shown.locator("#keep")).to_have_attribute("aria-pressed", "true")
    shown.get_by_role("button", name="Morph").click()
    expect(shown.locator("#keep")).to_have_attribute("aria-pressed", "true")  # of the morph, as nothing moved yet
    shown.get_by_role("tab", name="hair", exact=True).click()
    slider = shown.locator("[data-attribute=hair_colour]")
    first = slider.input_value()
    slider.fill("3")
    shown.locator("#morphed[data-drawn='{\"hair_colour\":3}']").wait_for()
    slider.press("Control+z")
    expect(slider).to_have_value(first)
    slider.press("Control+Shift+z")
    expect(slider).to_have_value("3")
    slider.press("Control+z")
    shown.locator("#keep[aria-pressed=true]").wait_for()
    shown.locator("#keep").click()
    expect(shown.locator("#keep")).to_have_attribute("aria-pressed", "false")
    shown.locator(".toast button", has_text="Undo").click()
    expect(shown.locator("#keep")).to_have_attribute("aria-pressed", "true")
    shown.go_back()
    drawn(shown, FIRST)
    expect(shown.locator("#keep")).to_have_attribute("aria-pressed", "true")
    shown.locator("#picture").dblclick()
    expect(shown.locator("#keep")).to_have_attribute("aria-pressed", "false")


def test_the_sheet_keeps_its_place(shown: Page) -> None:
    shown.goto(f"{shown.url.split('#')[0]}#/gacha")
    shown.locator(".tile").nth(23).wait_for()
    shown.evaluate("scrollTo(0, 500)")
    shown.locator(".tile").nth(47).wait_for()
    shown.evaluate("scrollTo(0, 500)")
    shown.locator("#pause").dispatch_event("click")  # a click scrolls to it
    shown.wait_for_load_state("networkidle")
    count, top = int(shown.locator("#count").inner_text().split()[0]), shown.evaluate("scrollY")
    shown.mouse.click(590, 400, button="right")
    expect(shown.locator(".tile .heart[aria-pressed=true]")).to_have_count(1)
    title = shown.locator(".tile:has(.heart[aria-pressed=true]) .open").get_attribute("title") or ""
    shown.mouse.click(590, 400)
    drawn(shown, title)
    expect(shown.locator("#keep")).to_have_attribute("aria-pressed", "true")
    shown.go_back()
    expect(shown.locator(".tile .heart[aria-pressed=true]")).to_have_count(1)
    shown.wait_for_function("top => Math.abs(scrollY - top) < 40", arg=top)  # once its tiles are there again
    assert int(shown.locator("#count").inner_text().split()[0]) >= count >= 48 and top > 200


@pytest.mark.parametrize(
    ("locale", "title", "unsaid"), [("zh-CN", "画画", "给我惊喜"), ("ru-RU", "Рисовать", "Удиви меня")]
)
def test_the_page_speaks_the_language_of_the_browser(
    browser: Browser, shown: Page, locale: str, title: str, unsaid: str
) -> None:
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto(shown.url)
    expect(page.locator("h1")).to_have_text(title)
    expect(page.locator("#surprise")).to_contain_text(unsaid)
    assert page.locator("html").get_attribute("lang") == locale[:2]
    assert inaccessible(page) == []
    context.close()
