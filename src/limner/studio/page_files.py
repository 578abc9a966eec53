"""The page's files in the package, and its content security policy; used by the server and by exports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
}
"""Media types of the files that belong to the page, by suffix; the texts are the licences of what others wrote."""
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'"
)
"""Content-Security-Policy of the page."""


def read() -> Mapping[str, bytes]:
    """Return the page's files by their POSIX path below `FOLDER`."""
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES
    }


def languages() -> list[str]:
    """Return the languages that the page speaks beside English: each is a file of `lang/`."""
    return sorted(path.stem for path in (FOLDER / "lang").glob("*.js"))
