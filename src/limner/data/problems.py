"""What can be wrong with a data set, in one line each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.requests.dialogue import MOST_TURNS

TEXT_NAMES = ("text", "caption", "captions")
"""Names of the column that holds captions, the best first."""
RESERVED = frozenset(
    {
        "image",
        "file_name",
        "label",
        "split",
        "attributes",
        "boxes",
        "masks",
        "keypoints",
        "dialogue",
        "description",
        "embedding",
        "story",
        "frame",
        "said",
    }
) | frozenset(TEXT_NAMES)
"""Columns with a meaning of their own; a set without pictures has no others."""
NOTES = frozenset({"unreferenced", "passed over", "scattered", "shared picture", "empty mask"})
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


SLACK = 0.5
"""Pixels by which a box or a key point may lie outside its picture: annotations are often rounded."""


def box_fault(box: Any, width: int, height: int) -> str | None:
    """Say what is wrong with a box [left, top, width, height] in pixels of a picture of this size, or None."""
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return f"a box must be four numbers [left, top, width, height], not {_short(box)}"
    left, top, wide, high = box
    shown = "[" + ", ".join(f"{v:g}" for v in box) + "]"
    if not all(map(math.isfinite, box)):
        return f"the box {shown} has what is no number: mend it, or take it out"
    if not (wide > 0 and high > 0):
        return f"the box {shown} has no positive width and height"
    if left < -SLACK or top < -SLACK or left + wide > width + SLACK or top + high > height + SLACK:
        return f"the box {shown} lies outside its picture of {width} x {height} pixels"
    return None


def box_faults(cell: Any, width: int, height: int) -> Iterator[str]:
    """Say what is wrong with the boxes of a row: each [left, top, width, height], or one of them with its label."""
    if not isinstance(cell, list | None):
        yield f'boxes must be a list such as [{{"label": "hat", "box": [1, 2, 8, 9]}}], not {_short(cell)}'
        return
    for one in cell or ():
        box, label = (one.get("box"), one.get("label")) if isinstance(one, Mapping) else (one, "")
        if (fault := box_fault(box, width, height)) is not None:
            yield fault + (f" ({label})" if label else "")
        elif isinstance(one, Mapping) and (not isinstance(label, str) or not label.strip()):
            yield f"the box {_short(box)} has no label: say what it is around, or take it out"


def point_faults(cell: Any, names: Sequence[str], width: int, height: int) -> Iterator[str]:
    """Say what is wrong with the key points of a row, where `names` are those of the whole set."""
    if not isinstance(cell, list | None):
        yield f'key points must be a list such as [{{"label": "nose", "x": 3, "y": 5}}], not {_short(cell)}'
        return
    seen: list[str] = []
    for one in cell or ():
        name, x, y = map(one.get, ("label", "x", "y")) if isinstance(one, Mapping) else (None, None, None)
        if not isinstance(name, str) or x is None or y is None or not _is_number(x) or not _is_number(y):
            yield f'a key point must be such as {{"label": "nose", "x": 3, "y": 5, "visible": true}}, not {_short(one)}'
            continue
        if name in seen:
            yield f"the key point {name!r} stands there twice: take one out"
        seen.append(name)
        if not is_visible(one):
            continue
        if not (math.isfinite(x) and math.isfinite(y)):
            yield f'the key point {name!r} lies at what is no number: give it "visible": false where it is not known'
        elif not (-SLACK <= x <= width + SLACK and -SLACK <= y <= height + SLACK):
            yield f"the key point {name!r} at ({x:g}, {y:g}) lies outside its picture of {width} x {height} pixels"
    if cell and (missing := [name for name in names if name not in seen]):
        yield (
            f"there are {len(set(seen))} of {len(names)} key points and no {missing[0]!r}: name each once,"
            ' with "visible": false where it cannot be seen'
        )


def is_visible(point: Mapping[str, Any]) -> bool:
    """Tell whether a key point can be seen: where it does not say, it can."""
    return point.get("visible") is None or bool(point["visible"])


def turn_fault(cell: Any) -> str | None:
    """Say what is wrong with the dialogue of a row, a list of turns; None where nothing is, or there is none."""
    if not isinstance(cell, list | None):
        return f'a dialogue must be a list such as [{{"question": "how many?", "answer": "two"}}], not {_short(cell)}'
    if cell and len(cell) > MOST_TURNS:
        return f"the dialogue has {len(cell)} turns, at most {MOST_TURNS} are read: cut it"
    for place, turn in enumerate(cell or (), start=1):
        said = list(turn.values()) if isinstance(turn, Mapping) else turn
        if not isinstance(said, list) or len(said) != 2 or not all(isinstance(one, str | None) for one in said):
            return f'turn {place} must be such as {{"question": "how many?", "answer": "two"}}, not {_short(turn)}'
        question, answer = (one.strip() if one else "" for one in said)
        if not question:
            return f"turn {place} has no question: take it out"
        if not answer:
            return f"turn {place} ({_short(question)}) has no answer: take it out"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class BadRow(ValueError):
    """A row that cannot be used; `kind` is one of a few words, the message says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
