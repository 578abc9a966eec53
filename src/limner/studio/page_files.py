"""The page's files as they lie in the package, and what a browser lets them do, whoever sends them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Of the files that are sent, by their ending."""
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'"
)
"""What every page may do (Content-Security-Policy)."""


def read() -> Mapping[str, bytes]:
    """Return the page's files by their place below `FOLDER`, parted by slashes."""
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES
    }
