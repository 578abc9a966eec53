"""Labelled boxes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from limner.errors import UserError
from limner.requests.fields import LONGEST_NAME, form, is_box
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema

MOST_BOXES = 100
Box = tuple[str, float, float, float, float]


@dataclass(frozen=True)
class Layout(Request):
    """Labelled boxes, each (label, x, y, width, height) in shares of the picture."""

    noun: ClassVar = "labelled boxes"
    mixes: ClassVar = True
    column: ClassVar = "layout"
    boxes: tuple[Box, ...] = field(
        metadata=form("boxes", "place some boxes", choices="things", most=MOST_BOXES, longest=LONGEST_NAME)
    )
    caption: str = field(default="", metadata=form("text", "Say what the picture shows", required=False))

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Read `cup .1 .2 .3 .4; table 0 .5 1 .5`: a label and its x, y, width and height."""
        return cls(tuple(_box(part) for part in filter(str.strip, re.split(r"[;\n]", text))))

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Tell whether it is labels with several numbers each: four, or boxes that are not written as they should."""
        parts = list(filter(str.strip, re.split(r"[;\n]", text)))
        return bool(parts) and all(map(_ends_in_numbers, parts))

    @classmethod
    def from_cell(cls, cell: Any, schema: Schema, text: str = "") -> Self:
        """Read a list of (label, x, y, width, height), in shares of the picture."""
        if isinstance(cell, str):
            return super().from_cell(cell, schema, text)
        if not isinstance(cell, list | tuple) or not all(map(is_box, cell)):
            raise UserError(f"the column layout holds [label, x, y, width, height] of each box, not {cell!r:.60}")
        return cls(tuple((label, *map(float, box)) for label, *box in cell), text)

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the boxes of each row, with its caption where there is one."""
        rows = data.first_rows(count, "boxes", f"a request of kind {cls.__name__}", split)
        captions = [data.captions(row, split)[:1] for row in rows]
        return [
            cls(tuple(data.boxes(row, split)[:MOST_BOXES]), *caption)
            for row, caption in zip(rows, captions, strict=True)
        ]

    def captions(self) -> tuple[str, ...]:
        """Return the caption, if it has one."""
        return (self.caption,) if self.caption else ()

    def mixes_with(self, other: Request) -> bool:
        """Tell whether the boxes of both have the same labels."""
        others: Sequence[Box] = getattr(other, "boxes", ())
        return super().mixes_with(other) and [box[0] for box in self.boxes] == [box[0] for box in others]


def _ends_in_numbers(text: str) -> bool:
    words = text.split()[-3:]
    with contextlib.suppress(ValueError):
        return len([float(word) for word in words]) == 3
    return False


def _box(text: str) -> Box:
    words = text.split()
    with contextlib.suppress(ValueError):
        numbers = [float(word) for word in words[-4:]]
        if len(words) > 4:
            x, y, width, height = numbers
            return " ".join(words[:-4]), x, y, width, height
    raise UserError(f"{text.strip()[:60]!r} is no box: write a label and x, y, width, height, like `cup .1 .2 .3 .4`")


def boxes_of(cell: Any, width: float, height: float) -> list[Box]:
    """Return the boxes of a column, in pixels, in shares of the middle square of a picture of this size.

    What of a box lies outside that square is cut off; boxes of which nothing is left, or that are not four numbers,
    are left out.
    """
    side = min(width, height)
    found: list[Box] = []
    for one in cell or ():
        label, box = (one["label"], one["box"]) if isinstance(one, Mapping) else ("", one)
        if not isinstance(box, Sequence) or len(box) != 4 or not all(isinstance(v, int | float) for v in box):
            continue
        left, top = (box[0] - (width - side) / 2) / side, (box[1] - (height - side) / 2) / side
        right, bottom = min(left + box[2] / side, 1.0), min(top + box[3] / side, 1.0)
        left, top = max(left, 0.0), max(top, 0.0)
        if right > left and bottom > top:
            found.append((str(label), left, top, right - left, bottom - top))
    return found
