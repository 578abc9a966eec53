"""What can be wrong with a data set, in one line each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TEXT_NAMES = ("text", "caption", "captions")
"""Names of the column that holds captions, the best first."""
NOTES = frozenset({"unreferenced", "scattered", "shared picture"})
"""Kinds of problems that stop nothing."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    file: str
    line: int
    """Counted from 1: a line of a text file, a row of a table; 0 where the file as a whole is meant."""
    kind: str
    message: str

    @property
    def is_error(self) -> bool:
        """Tell whether it must be put right; otherwise it is a note."""
        return self.kind not in NOTES

    def __str__(self) -> str:
        """Return "file:line: message"."""
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


def captions_of(value: Any) -> tuple[str, ...]:
    """Return the captions that a cell holds: a string, or a list of strings.

    Raises:
        BadRow: it is missing, empty or no text.
    """
    if value is None or value == []:
        raise BadRow("missing caption", "the caption is missing")
    many = value if isinstance(value, list) else [value]
    for one in many:
        if not isinstance(one, str):
            raise BadRow("caption is not text", f"the caption is not text but {_short(one)}")
        if not one.strip():
            raise BadRow("empty caption", "the caption is empty")
    return tuple(many)


def attributes_of(value: Any) -> dict[str, str | None]:
    """Return attribute values as text, None where not known.

    Raises:
        BadRow: it is not a mapping of names to plain values.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadRow("wrong attributes", f'attributes must be a mapping such as {{"hair": "red"}}, not {_short(value)}')
    for name, one in value.items():
        if isinstance(one, list | Mapping):
            raise BadRow("wrong attributes", f"the attribute {name!r} must have one plain value, not {_short(one)}")
    return {str(name): attribute_text(one) for name, one in value.items()}


def attribute_text(value: Any) -> str | None:
    """Return a plain value as text: "true" and "false" for truth values, None for nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None or value == "" else str(value)


def frame_of(value: Any) -> int:
    """Return the number of a frame, from 1; a table of text (.csv) holds it as text.

    Raises:
        BadRow: it is not a whole number from 1 on.
    """
    written = isinstance(value, str) and value.strip().isdecimal() and len(value) < 10
    whole = int(value) if written or (isinstance(value, float) and value.is_integer()) else value
    if type(whole) is not int or not 1 <= whole < 2**31:
        raise BadRow("wrong frame", f"the frame must be a whole number from 1 on, not {_short(value)}")
    return whole


def box_fault(box: Any, width: int, height: int) -> str | None:
    """Say what is wrong with a box [left, top, width, height] in pixels of a picture of this size, or None."""
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, int | float) for v in box):
        return f"a box must be four numbers [left, top, width, height], not {_short(box)}"
    left, top, wide, high = box
    shown = "[" + ", ".join(f"{v:g}" for v in box) + "]"
    if not all(map(math.isfinite, box)):
        return f"the box {shown} has what is no number"
    if not (wide > 0 and high > 0):
        return f"the box {shown} has no positive width and height"
    slack = 0.5  # annotations are often rounded
    if left < -slack or top < -slack or left + wide > width + slack or top + high > height + slack:
        return f"the box {shown} lies outside its picture of {width} x {height} pixels"
    return None


class BadRow(ValueError):
    """A row that cannot be used; `kind` is one of a few words, the message says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
