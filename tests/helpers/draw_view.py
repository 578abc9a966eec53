"""What tests in a browser do in the draw view: write, wait for the picture, and read its pixels."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page, Request, expect

from browsers import TIMEOUT

LIGHT = """(node, [x, y]) => {
    const canvas = document.createElement("canvas");
    canvas.width = node.naturalWidth; canvas.height = node.naturalHeight;
    const pen = canvas.getContext("2d");
    pen.drawImage(node, 0, 0);
    return pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data[0];
}"""
"""Of an image, how red it is at a place given in shares of its sides."""
PIXELS = """image => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL();
}"""
"""The pixels of an image, as text."""


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until something holds, however busy the machine is."""
    end = time.monotonic() + TIMEOUT / 1000
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        page.wait_for_timeout(50)


def write(page: Page, text: str) -> None:
    """Write a prompt and wait for its picture."""
    page.locator("#prompt").fill(text)
    drawn(page, text)


def drawn(page: Page, text: str) -> None:
    """Wait until the picture of a text is shown."""
    expect(page.locator("#picture")).to_have_attribute("data-drawn", text)


def pixels(page: Page) -> str:
    """Return the picture that is shown, as text."""
    found: str = page.locator("#picture").evaluate(PIXELS)
    return found


def keep(page: Page, text: str) -> None:
    """Draw a text and press the heart."""
    write(page, text)
    page.locator("#keep").click()
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")


def is_wanted(request: Request) -> bool:
    """Tell whether a request is for the picture that is asked for, not for what is drawn beside it."""
    return "/images/batch" in request.url and "priority" not in request.headers
