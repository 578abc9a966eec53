"""A real browser for tests: Chromium as this machine has it, what goes wrong in its pages, and who is shut out."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, WebError

from lacking import lacking

NAMES = ("chromium", "chromium-browser", "google-chrome")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, " + ", ".join(f"EXCLUDE {host}" for host in LOOPBACK)
PATIENCE = 30_000
"""Milliseconds that a page is waited for."""
GRAVE = ("serious", "critical")


def program() -> str:
    """Return the path of a browser; skip the test, or fail it in continuous integration, where there is none."""
    named = os.environ.get("LIMNER_BROWSER", "")
    found = next(filter(None, map(shutil.which, (named,) if named else NAMES)), None)
    if found is None:
        nothing = "no browser: apt-get install chromium, or name one in LIMNER_BROWSER"
        lacking(f"LIMNER_BROWSER names no program: {named}" if named else nothing)
    return found


def launched(playwright: Playwright) -> Browser:
    """Start Chromium without a window; it reaches nobody but this machine."""
    return playwright.chromium.launch(executable_path=program(), args=[ALONE])


class Faults:
    """What went wrong in the pages of a context: errors on the console, exceptions, requests that failed or left.

    A violation of the content security policy, and an answer of 400 or more, are errors on the console. A request that
    the page itself gave up is no fault, nor is the icon that Chromium looks for where a page names none.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.seen: list[str] = []
        context.on("console", self._console)
        context.on("weberror", self._exception)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)

    @contextlib.contextmanager
    def expected(self, pattern: str) -> Iterator[None]:
        """Within this, what matches `pattern` is no fault; but it must come, before the block ends."""
        before = len(self.seen)
        yield
        fitting = [fault for fault in self.seen[before:] if re.search(pattern, fault)]
        assert fitting, f"nothing came of {pattern!r}, but {self.seen[before:]}"
        self.seen[before:] = [fault for fault in self.seen[before:] if fault not in fitting]

    def _console(self, message: ConsoleMessage) -> None:
        source = message.location.get("url", "")
        if message.type == "error" and urlsplit(source).path != "/favicon.ico":
            self.seen.append(f"console: {message.text} ({source})")

    def _exception(self, error: WebError) -> None:
        self.seen.append(f"exception: {error.error}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", "localhost", "::1"):
            self.seen.append(f"left the machine: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":
            self.seen.append(f"failed: {request.method} {request.url} ({request.failure})")


def inaccessible(page: Page) -> list[str]:
    """Return the serious faults that axe-core finds in a page as it is, each with its rule and its places."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']} at {', '.join(str(node['target'][0]) for node in fault['nodes'])}"
        for fault in found
        if fault["impact"] in GRAVE
    ]
