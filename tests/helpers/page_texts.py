"""The texts of the page that people read, found in its sources as `lang.js` finds them when it runs."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path

from limner.studio.page_files import FOLDER

READ = re.compile(r'\s(?:aria-label|title|placeholder|label|text|alt|valueText)="([^"\0]*)"')
Template = tuple[str, list[str]]
"""Its tag and its strings."""
LETTERS = re.compile(r"[^\W\d_]{2}")


def sources() -> list[Path]:
    """Return the files of the page that are ours and are shown."""
    apart = ("vendor", "lang", "browser")
    return [path for path in sorted(FOLDER.rglob("*.js")) if path.relative_to(FOLDER).parts[0] not in apart]


def texts() -> set[str]:
    """Return every text, with {} where something is put in."""
    found: set[str] = set()
    for path in sources():
        source = path.read_text(encoding="utf-8")
        for tag, strings in _templates(source):
            if tag == "say":
                found.add("{}".join(strings))
            else:
                found |= set(_of_elements("\0".join(strings)))
        found |= {text for pair in TABLES.get(path.name, ()) for text in re.findall(pair, source)}
    return {text for text in found if LETTERS.search(text.replace("{}", ""))}


TABLES = {
    "app.js": (r'system: "(\w+)"', r'light: "(\w+)"', r'dark: "(\w+)"'),
    "places.js": (r'(?:title|place|lacks): "([^"]+)"',),
    "kinds.js": (r'title: "([^"]+)"',),
    "scene.js": (r'^  (?:place|tell|climb): "([^"]+)"', r'(?:place|tell|climb): "([^"]+)"'),
    "favourites.js": (r'^  (?:kept|drawn|deleted): "([^"]+)"', r'(?:kept|drawn|deleted): "([^"]+)"'),
    "picker.js": (r'(?:kept|drawn): "([^"]+)"',),
    "gacha.js": (r'const (?:ABOUT|placeholder) = "([^"]+)"',),
    "draw.js": (r': \["([^"]+)",',),
}
"""Texts in tables, told by `told`, by the file that has them."""


def _of_elements(whole: str) -> Iterator[str]:
    for piece in re.split(r"(<[^>]*>)", whole):
        if piece.startswith("<"):
            yield from READ.findall(piece)
        else:
            yield re.sub(r"\s+", " ", piece.strip()).replace("\0", "{}")


def _templates(source: str) -> Iterator[Template]:
    """Yield the templates of a source, nested ones too: their tags, and their strings."""
    source = re.sub(r"/\*\*.*?\*/", "", source, flags=re.DOTALL)
    at = 0
    while at < len(source):
        at = yield from _code(source, at, ends=False)


def _code(source: str, at: int, *, ends: bool) -> Generator[Template, None, int]:
    """Scan code to its end or, within a template, to the brace that closes it; return the place after."""
    depth = 0
    while at < len(source):
        letter = source[at]
        if source.startswith("//", at):
            at = source.index("\n", at)
        elif letter in "\"'":
            at = _quoted(source, at)
        elif letter == "`":
            at = yield from _template(source, at)
        elif letter == "/" and re.match(r"[(=,:?&|!\s]", source[at - 1]) and re.match(r"/[^/*\s].*/", source[at:]):
            at = _pattern(source, at)
        else:
            depth += (letter == "{") - (letter == "}")
            at += 1
            if ends and depth < 0:
                return at
    return at


def _template(source: str, at: int) -> Generator[Template, None, int]:
    tag = re.search(r"(\w*)$", source[:at])
    strings, piece = list[str](), ""
    at += 1
    while source[at] != "`":
        if source.startswith("${", at):
            strings.append(piece)
            piece = ""
            at = yield from _code(source, at + 2, ends=True)
        else:
            step = 2 if source[at] == "\\" else 1
            piece += source[at : at + step]
            at += step
    if tag and tag[1] in ("html", "say"):
        yield tag[1], [*strings, piece]
    return at + 1


def _quoted(source: str, at: int) -> int:
    end = at + 1
    while source[end] != source[at]:
        end += 2 if source[end] == "\\" else 1
    return end + 1


def _pattern(source: str, at: int) -> int:
    end, inside = at + 1, False
    while inside or source[end] != "/":
        inside = (inside or source[end] == "[") and source[end] != "]"
        end += 2 if source[end] == "\\" else 1
    return end + 1
