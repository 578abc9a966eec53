"""The browser that the other tests look through sees what goes wrong, and reaches nothing but this machine."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page

from browsers import Faults, inaccessible
from draw_view import until


def test_the_studio_answers_a_browser(page: Page, studio: str) -> None:
    answer = page.goto(f"{studio}/healthz")
    assert answer is not None and answer.status == 200 and answer.json() == {"status": "alive"}


FAULTS = {
    "an error on the console": ("() => console.error('spilt ink')", "console: spilt ink"),
    "an exception": ("() => { setTimeout(() => { throw new Error('torn'); }); }", "exception: .*torn"),
    "a promise that nobody keeps": ("() => { Promise.reject(new Error('broken')); }", "exception: .*broken"),
    "what is not found": ("() => fetch('/nowhere')", "console: .*404 .*/nowhere"),
    "a script within the page": (
        "() => { const s = document.createElement('script'); s.textContent = '1'; document.head.append(s); }",
        "console: .*Content Security Policy",
    ),
    "a style within the page": (
        "() => document.body.setAttribute('style', 'color: red')",
        "console: .*Content Security Policy",
    ),
    "a script made of text": ("() => { setTimeout('1'); }", "console: .*Content Security Policy"),
    "a name of another machine": ("() => { new Image().src = 'http://example.org/a.png'; }", "left the machine"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_goes_wrong_is_seen(page: Page, faults: Faults, studio: str, case: str) -> None:
    script, pattern = FAULTS[case]
    page.goto(f"{studio}/healthz")
    with faults.expected(pattern):
        page.evaluate(script)
        until(page, lambda: any(re.search(pattern, fault) for fault in faults.errors))
    faults.errors.clear()  # some things go wrong in two ways


def test_what_was_expected_must_come(faults: Faults) -> None:
    with pytest.raises(AssertionError, match="no error matched"), faults.expected("an error"):
        pass


@pytest.mark.parametrize("address", ["http://example.org", "http://192.0.2.1", "http://[2001:db8::1]"])
def test_other_machines_are_not_reached(context: BrowserContext, address: str) -> None:
    page = context.new_page()
    with pytest.raises(Exception, match=r"ERR_NAME_NOT_RESOLVED"):
        page.goto(address)


def test_what_some_people_cannot_use_is_seen(context: BrowserContext) -> None:
    page = context.new_page()
    page.set_content("<html lang=en><title>A</title><main><h1>A</h1><img src='data:,'><button></button></main>")
    found = inaccessible(page)
    assert sorted(fault.partition(":")[0] for fault in found) == ["button-name", "image-alt"]
    page.set_content("<html lang=en><title>A</title><main><h1>A</h1><img src='data:,' alt='A hat'></main>")
    assert inaccessible(page) == []
