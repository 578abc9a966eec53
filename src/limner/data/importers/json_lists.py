"""Lists in JSON files that are too large to be held whole: an element at a time, with the place where it stands."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from limner.errors import UserError

_CHUNK, _SMALL_CHUNK = 1 << 20, 1 << 12
_LARGEST = 1 << 24
"""Characters of one element; a file that holds larger ones is taken for damaged."""
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def elements(path: Path, download: str) -> Iterator[tuple[str, Any, int]]:
    """Yield each element of each list in the table that a file holds: the list's name, the element, its first byte.

    Only a part of the file is in memory at any time. Values of the table that are not lists are passed over.

    Raises:
        UserError: it cannot be read or is not such a table; `download` says what it is a part of.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from _walk(_Window(file, _CHUNK))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged or no JSON: unpack {download} again") from None


def element_at(path: Path, place: int) -> Any:
    """Return the element that begins at byte `place`, a position that `elements` gave.

    Raises:
        UserError: the file has changed since.
    """
    try:
        with path.open("rb") as binary:
            binary.seek(place)
            return _Window(io.TextIOWrapper(binary, encoding="utf-8", newline=""), _SMALL_CHUNK).value()
    except (OSError, ValueError, RecursionError):
        raise UserError(f"{path} has changed while it was being read: start the import again") from None


def _walk(window: _Window) -> Iterator[tuple[str, Any, int]]:
    """Read `{"name": value, ...}` to its end."""
    window.take("{")
    while window.next() != "}":
        name = window.value()
        window.take(":")
        if window.next() == "[":
            window.take("[")
            while window.next() != "]":
                place = window.place
                yield name, window.value(), place
                if window.next() != "]":
                    window.take(",")
            window.take("]")
        else:
            window.value()
        if window.next() != "}":
            window.take(",")


class _Window:
    """The part of a file that is being looked at."""

    def __init__(self, file: TextIO, chunk: int) -> None:
        self._file, self._chunk = file, chunk
        self._text, self._at = "", 0
        self.place = 0
        """The byte of the file that comes next."""

    def next(self) -> str:
        """Pass over what is blank; return the character that follows, "" at the end of the file."""
        while True:
            self._pass(_BLANK.match(self._text, self._at).end())  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, mark: str) -> None:
        """Pass over one character.

        Raises:
            ValueError: it is not what comes next.
        """
        if self.next() != mark:
            raise ValueError(f"no {mark}")
        self._pass(self._at + 1)

    def value(self) -> Any:
        """Pass over a whole value and return it.

        Raises:
            ValueError: there is none, or it is larger than any that is read.
        """
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if len(self._text) - self._at > _LARGEST or not self._more():
                    raise
            else:
                if end < len(self._text) or not self._more():  # a number may go on behind the window
                    self._pass(end)
                    return value

    def _pass(self, end: int) -> None:
        self.place += len(self._text[self._at : end].encode())
        self._at = end

    def _more(self) -> bool:
        chunk = self._file.read(self._chunk)
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)
