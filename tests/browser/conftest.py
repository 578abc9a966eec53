"""What tests in a real browser start from: Chromium, a page that is watched, and a studio with a fresh gallery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

import limner
from browsers import PATIENCE, Faults, launched
from limner.drawing.artist import Artist
from limner.studio.gallery.gallery import Gallery
from studio_live import live

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium. It ends with the module: while it runs, nothing else in this thread can run an event loop."""
    with sync_playwright() as playwright:
        found = launched(playwright)
        yield found
        found.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a browser that remembers nothing: a person who comes for the first time."""
    found = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    found.set_default_timeout(PATIENCE)
    yield found
    found.close()


@pytest.fixture
def faults(context: BrowserContext) -> Iterator[Faults]:
    """Watch all pages of the context; what went wrong, and was not expected, fails the test."""
    found = Faults(context)
    yield found
    assert not found.seen, "\n  ".join(["in the browser went wrong:", *found.seen])


@pytest.fixture
def page(context: BrowserContext, faults: Faults) -> Page:
    """Open a page that is watched."""
    return context.new_page()


@pytest.fixture(scope="module")
def artists() -> list[Artist]:
    """Load who draws in the studio; the first is asked where none is named."""
    return [limner.load("avatars"), limner.load("clevr-stories")]


@pytest.fixture
def studio(artists: list[Artist], tmp_path: Path) -> Iterator[str]:
    """Serve the artists with an empty gallery; yield the address."""
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(artists, gallery=gallery) as address:
        yield address
    gallery.close()
