"""A real browser for tests: Chromium as installed here, cut off from the network, and the errors of its pages."""

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
ONLY_LOOPBACK = "--host-resolver-rules=MAP * ~NOTFOUND, " + ", ".join(f"EXCLUDE {host}" for host in LOOPBACK)
TIMEOUT = 120_000
"""Milliseconds to wait for a page."""
SERIOUS = ("serious", "critical")


def program() -> str:
    """Return the path of a browser; skip the test, or fail it in continuous integration, where there is none."""
    named = os.environ.get("LIMNER_BROWSER", "")
    found = next(filter(None, map(shutil.which, (named,) if named else NAMES)), None)
    if found is None:
        nothing = "no browser: apt-get install chromium, or name one in LIMNER_BROWSER"
        lacking(f"LIMNER_BROWSER names no program: {named}" if named else nothing)
    return found


def launched(playwright: Playwright) -> Browser:
    """Start Chromium without a window; it can connect to this machine only."""
    return playwright.chromium.launch(executable_path=program(), args=[ONLY_LOOPBACK])


class Faults:
    """Errors in the pages of a context: on the console, exceptions, failed requests, requests to other machines.

    Violations of the content security policy, and responses of 400 or more, are errors on the console. Requests that
    the page itself aborted do not count, nor does the icon that Chromium requests where a page names none.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.errors: list[str] = []
        context.on("console", self._console)
        context.on("weberror", self._exception)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)

    @contextlib.contextmanager
    def expected(self, pattern: str) -> Iterator[None]:
        """Within this block errors that match `pattern` are ignored; there must be at least one before it ends."""
        before = len(self.errors)
        yield
        matching = [fault for fault in self.errors[before:] if re.search(pattern, fault)]
        assert matching, f"no error matched {pattern!r}; there were {self.errors[before:]}"
        self.errors[before:] = [fault for fault in self.errors[before:] if fault not in matching]

    def _console(self, message: ConsoleMessage) -> None:
        source = message.location.get("url", "")
        if message.type == "error" and urlsplit(source).path != "/favicon.ico":
            self.errors.append(f"console: {message.text} ({source})")

    def _exception(self, error: WebError) -> None:
        self.errors.append(f"exception: {error.error}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", "localhost", "::1"):
            self.errors.append(f"left the machine: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":
            self.errors.append(f"failed: {request.method} {request.url} ({request.failure})")


def inaccessible(page: Page) -> list[str]:
    """Return the serious violations that axe-core finds in a page, each with its rule and its elements."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']} at {', '.join(str(node['target'][0]) for node in fault['nodes'])}"
        for fault in found
        if fault["impact"] in SERIOUS
    ]
