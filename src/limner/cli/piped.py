"""Layouts that a command is given: out of a file, out of a pipe, or typed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limner.errors import UserError

if TYPE_CHECKING:
    from limner.drawing.layouts import Placed


def read(source: str) -> list[Placed]:
    """Return the layouts of a file, of standard input (`-`), or typed.

    Raises:
        UserError: there are none, or they are damaged.
    """
    from limner.drawing.layouts import HOW, placed_from
    from limner.requests import Layout

    if source == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UserError("standard input is a terminal: pipe a layout into it, or name a file")
        return placed_from(_bytes_of_stdin(), "standard input")
    try:
        if Path(source).is_file():
            return placed_from(Path(source).read_bytes(), source)
    except OSError as error:
        raise UserError(f"{source[:200]} cannot be read: {error.strerror or error}") from None
    if not Layout.recognises(source):
        raise UserError(f"no file {source[:200]!r}; {HOW}")
    return placed_from(source.encode(), "the layout")


def _bytes_of_stdin() -> bytes:
    from limner.drawing.layouts import MOST_BYTES

    stream = getattr(sys.stdin, "buffer", None)
    return sys.stdin.read(MOST_BYTES + 1).encode() if stream is None else bytes(stream.read(MOST_BYTES + 1))
