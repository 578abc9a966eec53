"""What a key waits for: no frame before its words are asked for, and no colour of the ground while one types."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

import limner
from draw_view import write
from limner.studio.gallery.gallery import Gallery
from studio_live import live

ORDER = """() => {
  window.order = [];
  const ask = window.fetch;
  window.fetch = (address, ...rest) => {
    if (String(address).includes("images/batch")) window.order.push("asked");
    return ask(address, ...rest);
  };
  addEventListener("input", () => {
    window.order = [];
    requestAnimationFrame(() => window.order.push("frame"));
  }, true);
}"""
GROUNDS = """() => {
  window.grounds = 0;
  new MutationObserver(() => window.grounds++)
    .observe(document.querySelector(".stage"), { attributes: true, attributeFilter: ["style"] });
}"""
LETTERS = """async (letters) => {
  const field = document.querySelector("#prompt");
  const frame = () => new Promise(requestAnimationFrame);
  const shown = document.querySelector("#picture");
  for (let end = 1; end <= letters.length; end++) {
    field.value = letters.slice(0, end);
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    while (shown.dataset.drawn !== letters.slice(0, end).trim()) await frame();
  }
}"""


@pytest.fixture
def typing(page: Page, tmp_path: Path):
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live([limner.load("avatars")], gallery=gallery) as address:
        page.goto(address)
        write(page, "a man")
        page.wait_for_function("() => document.querySelector('.stage').style.getPropertyValue('--corner')")
        yield page
        page.close()
    gallery.close()


def test_what_a_key_writes_is_asked_for_before_the_page_is_painted(typing: Page) -> None:
    typing.evaluate(ORDER)
    typing.locator("#prompt").press("s")
    typing.wait_for_function("() => window.order.length === 2")
    assert typing.evaluate("() => window.order") == ["asked", "frame"]


def test_the_ground_keeps_its_colour_while_one_types(typing: Page) -> None:
    """The whole stage would be painted anew, frame after frame, for each letter."""
    typing.evaluate(GROUNDS)
    typing.evaluate("() => { window.began = performance.now(); }")
    typing.evaluate(LETTERS, "a woman")
    took = typing.evaluate("() => performance.now() - window.began")
    assert typing.evaluate("() => window.grounds") <= took / 250, "it changed at letters, not when they rest"
    typing.wait_for_function("() => window.grounds > 0")


def test_a_small_picture_is_fetched_from_nowhere(typing: Page) -> None:
    """Its address holds it: that of a Blob is asked of another process, for longer than decoding takes."""
    typing.keyboard.press("End")
    typing.keyboard.type(" and a hat")
    typing.locator("#picture[data-drawn$='and a hat']").wait_for()
    asked = """() => {
      const { src, naturalWidth } = document.querySelector("#picture");
      return [src.slice(0, 22), naturalWidth, performance.getEntriesByName(src).length];
    }"""
    assert typing.evaluate(asked) == ["data:image/png;base64,", 64, 0]


def test_a_visitor_first_sees_the_example_that_asks_for_least(page: Page, tmp_path: Path) -> None:
    """The less is asked for, the surer is all of it there: of eleven things one is missing in each fifth picture."""
    artist = limner.load("avatars")
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live([artist], gallery=gallery) as address:
        page.goto(address)
        page.locator("#picture[data-drawn]").wait_for()
        assert page.locator("#picture").get_attribute("data-drawn") == min(artist.system.schema.examples, key=len)
        page.close()
    gallery.close()
