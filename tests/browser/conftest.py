"""Fixtures for tests in a real browser: Chromium, a page that records errors, and a studio with an empty gallery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

import limner
from browsers import TIMEOUT, Faults, launched
from limner.drawing.artist import Artist
from limner.studio.gallery.gallery import Gallery
from studio_live import live

expect.set_options(timeout=TIMEOUT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium. It ends with the module: while it runs, nothing else in this thread can run an event loop."""
    with sync_playwright() as playwright:
        found = launched(playwright)
        yield found
        found.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a context without stored state, as for a first visit."""
    found = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    found.set_default_timeout(TIMEOUT)
    yield found
    found.close()


@pytest.fixture
def faults(context: BrowserContext) -> Iterator[Faults]:
    """Record errors in all pages of the context; unexpected ones fail the test."""
    found = Faults(context)
    yield found
    assert not found.errors, "\n  ".join(["errors in the browser:", *found.errors])


@pytest.fixture
def page(context: BrowserContext, faults: Faults) -> Page:
    """Open a page whose errors are recorded."""
    return context.new_page()


@pytest.fixture(scope="module")
def artists() -> list[Artist]:
    """Load the artists of the studio; the first is the default."""
    return [limner.load("avatars"), limner.load("clevr-stories")]


@pytest.fixture
def studio(artists: list[Artist], tmp_path: Path) -> Iterator[str]:
    """Serve the artists with an empty gallery; yield the address."""
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live(artists, gallery=gallery) as address:
        yield address
    gallery.close()
