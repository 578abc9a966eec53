"""The page: what holds for all its files, and how the server sends them. Walks through it are in tests/browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import httpx
import pytest

import limner
from artists import published
from limner.studio import page_files, page_routes, server
from studio_live import live

PAGE = page_files.FOLDER
OURS = sorted(path for path in PAGE.rglob("*.js") if path.parent.name != "vendor")
SOURCES = [*OURS, *sorted(PAGE.rglob("*.css")), PAGE / "index.html"]
TOKEN = "t" * 20
IMPORT = re.compile(r'(?:from|import|importScripts\(|new URL\()\s*\(?"(\.{1,2}/[^"]+)"')
"""Names of other files, in imports and workers."""


def named(path: Path) -> str:
    return path.relative_to(PAGE).as_posix()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    hats = limner.load(published(tmp_path_factory.mktemp("page") / "hats"))
    with live([hats], server.Settings(token=TOKEN)) as found:
        yield found


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_files_are_short_and_safe(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    is_told = path.parent.name == "lang"  # a list with a line for each text, however long and many
    assert is_told or len(lines) <= 400, f"{len(lines)} lines: split it"
    long = [number for number, line in enumerate(lines, 1) if len(line) > 140 and not is_told]
    assert not long, f"lines {long} are too long"
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in text, f"{forbidden} makes text into a program or into HTML"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://([\w.-]+)", text)) - {"www.w3.org", "arxiv.org", "localhost"}
    assert not addresses, "everything works offline"


@pytest.mark.parametrize("path", OURS, ids=named)
def test_what_is_imported_is_there(path: Path) -> None:
    for other in IMPORT.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / other).resolve().is_file(), f"{other} is missing"


def test_no_files_import_each_other_in_a_circle() -> None:
    """Wherever one begins: what is imported later, when it is asked for, counts too."""
    found = {
        named(path): [named((path.parent / other).resolve()) for other in IMPORT.findall(path.read_text("utf-8"))]
        for path in OURS
    }
    assert "server.js" in found["studio.js"] and "vendor/preact.js" in found["views/draw.js"]
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_the_server_sends_each_file_and_nothing_else(address: str) -> None:
    with httpx.Client(base_url=address) as http:
        for path, file in page_routes.files().items():
            answer = http.get(path)
            assert (answer.status_code, answer.content) == (200, file.content), path
            assert answer.headers["Content-Type"] == file.kind and answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "script-src" not in answer.headers["Content-Security-Policy"]
            assert "default-src 'self';" in answer.headers["Content-Security-Policy"]
            again = http.get(path, headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")
        assert http.get("/studio.json").json()["kind"] == "server"
        for path in ("/README.md", "/vendor/README.md", "/..%2fserver.py", "/views/", "/%2e%2e/server.py", "/views"):
            assert http.get(path).status_code in (401, 404), path
        assert http.get("/v1/artists").status_code == 401, "the page is for everyone, what it shows is not"


def test_a_system_is_told_of_with_its_artists(address: str) -> None:
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        systems = {one["name"]: one for one in http.get("/v1/systems").json()["data"]}
    assert systems["attngan"]["year"] == 2018 and "attention" in systems["attngan"]["gives"]
    about = "Side of the picture in pixels."
    sizes = [field for field in systems["miniature"]["config"] if field["name"] == "size"]
    assert sizes == [{"name": "size", "kind": "int", "default": 64, "about": about, "required": False}]
    assert all("artists" in one for one in systems.values())
