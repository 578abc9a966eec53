"""Labelled boxes, their shapes, and key points."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from limner.errors import UserError
from limner.requests.fields import LONGEST_NAME, form, is_box, is_point
from limner.requests.request import Answered, Request
from limner.settings import hint

if TYPE_CHECKING:
    from limner.data.schema import Schema

MOST_BOXES = 100
MOST_POINTS = 100
Box = tuple[str, float, float, float, float]
Point = tuple[str, float, float]


@dataclass(frozen=True)
class Layout(Request):
    """Labelled boxes, (label, x, y, width, height) each, and key points, (name, x, y) each: shares of the picture.

    What moves, adds and takes away returns another layout, in which the rest is what it was; it raises UserError where
    there is no such box or point. What comes of it is checked as any request is, when it is drawn.
    """

    noun: ClassVar = "labelled boxes"
    mixes: ClassVar = True
    either: ClassVar = ("boxes", "points")
    column: ClassVar = "layout"
    boxes: tuple[Box, ...] = field(
        default=(),
        metadata=form(
            "boxes", "place some boxes", required=False, choices="things", most=MOST_BOXES, longest=LONGEST_NAME
        ),
    )
    caption: str = field(default="", metadata=form("text", "Say what the picture shows", required=False))
    points: tuple[Point, ...] = field(
        default=(),
        metadata=form(
            "points", "Place some key points", required=False, choices="points", most=MOST_POINTS, longest=LONGEST_NAME
        ),
    )
    masks: tuple[str, ...] = field(
        default=(),
        metadata=form("masks", "The shape of each box", required=False, hidden=True, most=MOST_BOXES),
    )
    """Of the boxes, in their order: the shape of each as a picture in base64, white on black, stretched over its box.

    Empty where the shape is open; boxes at the end may have none.
    """

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Read `a red cup; cup .1 .2 .3 .4; handle .2 .3`: a caption, if any; boxes; key points with their x and y."""
        parts = [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]
        caption = parts.pop(0) if len(parts) > 1 and not _numbers_at_end(parts[0]) else ""
        placed = [_point(part) or _box(part) for part in parts]
        boxes = tuple(one for one in placed if len(one) == 5)
        return cls(boxes, caption, tuple(one for one in placed if len(one) == 3))

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Tell whether it is boxes and points, also where they are not written as they should be, after a caption.

        A point alone is recognised by a number with a dot, since a sentence may end in two numbers.
        """
        parts = list(filter(str.strip, re.split(r"[;\n]", text)))
        if len(parts) > 1 and not _numbers_at_end(parts[0]):
            parts = parts[1:]
        return bool(parts) and all(_numbers_at_end(part) > 2 or _point(part) is not None for part in parts)

    @classmethod
    def from_cell(cls, cell: Any, schema: Schema, text: str = "") -> Self:
        """Read a list of (label, x, y, width, height) and (name, x, y), in shares of the picture."""
        if isinstance(cell, str):
            return super().from_cell(cell, schema, text)
        if not isinstance(cell, list | tuple) or not all(is_box(one) or is_point(one) for one in cell):
            raise UserError(f"the column layout holds [label, x, y, width, height] of each box, not {cell!r:.60}")
        placed = [(label, *map(float, place)) for label, *place in cell]
        boxes = tuple(one for one in placed if len(one) == 5)
        return cls(boxes, text, tuple(one for one in placed if len(one) == 3))

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the boxes of each row, with its caption and its key points where there are any."""
        rows = data.first_rows(count, "boxes", f"a request of kind {cls.__name__}", split)
        return [
            cls(
                tuple(data.boxes(row, split)[:MOST_BOXES]),
                "".join(data.captions(row, split)[:1]),
                tuple(data.named_points(row, split)[:MOST_POINTS]),
            )
            for row in rows
        ]

    def check(self, schema: Schema) -> None:
        """Make sure that it places something, and nothing outside the picture."""
        super().check(schema)
        if not self.boxes and not self.points:
            raise UserError(
                "the request has no boxes: place some boxes, or key points, like `cup .1 .2 .3 .4; nose .5 .3`"
            )
        if len(self.masks) > len(self.boxes):
            raise UserError(
                f"mask {len(self.boxes) + 1} has no box: {len(self.masks)} masks are given for {len(self.boxes)} boxes"
            )

    def read_at(self, side: int) -> Self:
        """Return it with its masks as small as shapes are kept, whatever the side of pictures.

        Raises:
            UserError: a mask cannot be read, is too large, or black all over.
        """
        from limner.requests import shapes

        small = [one and shapes.small(one, f"the mask of {self._said(at)}") for at, one in enumerate(self.masks)]
        while small and not small[-1]:
            small.pop()
        return replace(self, masks=tuple(small))

    def captions(self) -> tuple[str, ...]:
        """Return the caption, if it has one."""
        return (self.caption,) if self.caption else ()

    def mixes_with(self, other: Request) -> bool:
        """Tell whether the boxes of both have the same labels, the points the same names, and the same have shapes."""

        def names(request: Any) -> list[list[str]]:
            return [[one[0] for one in getattr(request, name, ())] for name in ("boxes", "points")]

        def shaped(request: Any) -> list[int]:
            return [at for at, mask in enumerate(getattr(request, "masks", ())) if mask]

        return super().mixes_with(other) and names(self) == names(other) and shaped(self) == shaped(other)

    def with_most(self, most: int) -> Self:
        """Return it with the largest of its boxes, in their order."""
        areas = [width * height for _, _, _, width, height in self.boxes]
        return self.without_boxes(sorted(range(len(areas)), key=areas.__getitem__, reverse=True)[most:])

    # What changes it. Boxes are counted from 0, as in `boxes`.

    def moved(self, box: int, right: float, down: float) -> Self:
        """Move a box, its shape with it."""
        label, x, y, width, height = self._box(box)
        return self._with(box, (label, _round(x + right), _round(y + down), width, height))

    def resized(self, box: int, width: float, height: float) -> Self:
        """Stretch a box, its shape with it, about its middle."""
        label, x, y, wide, high = self._box(box)
        return self._with(box, (label, _round(x + (wide - width) / 2), _round(y + (high - height) / 2), width, height))

    def placed(self, box: int, x: float, y: float, width: float, height: float) -> Self:
        """Put a box elsewhere, its shape with it."""
        return self._with(box, (self._box(box)[0], x, y, width, height))

    def relabelled(self, box: int, label: str) -> Self:
        """Say that a box is of something else; its shape goes, since it was that of the other thing."""
        changed = self._with(box, (label, *self._box(box)[1:]))
        return replace(changed, masks=tuple("" if at == box else one for at, one in enumerate(self.masks)))

    def with_box(self, label: str, x: float, y: float, width: float, height: float, mask: str = "") -> Self:
        """Add a box, behind the others in their order, and its shape, if that is given."""
        padded = (*self.masks, *[""] * (len(self.boxes) - len(self.masks)), mask) if mask else self.masks
        return replace(self, boxes=(*self.boxes, (label, x, y, width, height)), masks=padded)

    def without_boxes(self, boxes: Iterable[int]) -> Self:
        """Take boxes away, and their shapes."""
        gone = set(boxes)
        for one in gone:
            self._box(one)
        boxes_left = tuple(one for at, one in enumerate(self.boxes) if at not in gone)
        return replace(self, boxes=boxes_left, masks=tuple(one for at, one in enumerate(self.masks) if at not in gone))

    def with_point(self, name: str, x: float, y: float) -> Self:
        """Put a key point somewhere: in the place of the one of its name, or behind the others."""
        if name not in [one for one, _, _ in self.points]:
            return replace(self, points=(*self.points, (name, x, y)))
        return replace(self, points=tuple((name, x, y) if one[0] == name else one for one in self.points))

    def moved_point(self, name: str, right: float, down: float) -> Self:
        """Move a key point."""
        _, x, y = self._point(name)
        return self.with_point(name, _round(x + right), _round(y + down))

    def without_point(self, name: str) -> Self:
        """Take a key point away."""
        self._point(name)
        return replace(self, points=tuple(one for one in self.points if one[0] != name))

    def _with(self, box: int, changed: Box) -> Self:
        return replace(self, boxes=(*self.boxes[:box], changed, *self.boxes[box + 1 :]))

    def _box(self, box: int) -> Box:
        if not 0 <= box < len(self.boxes):
            there = f"boxes 1 to {len(self.boxes)}" if self.boxes else "no boxes"
            raise UserError(f"there is no box {box + 1}: the layout has {there}")
        return self.boxes[box]

    def _point(self, name: str) -> Point:
        for one in self.points:
            if one[0] == name:
                return one
        raise UserError(f"there is no point {name!r}: {hint(name, [one for one, _, _ in self.points])}")

    def _said(self, box: int) -> str:
        return f"box {box + 1}, {self.boxes[box][0]!r}," if box < len(self.boxes) else f"box {box + 1}"


def _round(number: float) -> float:
    """Return a sum of shares without what binary fractions add to it."""
    return round(number, 6)


def _numbers_at_end(text: str) -> int:
    """Return how many words at the end of a text are numbers."""
    count = 0
    with contextlib.suppress(ValueError):
        for word in reversed(text.split()):
            float(word)
            count += 1
    return count


def _point(text: str) -> Point | None:
    """Return the point that a text means: a name and just two numbers, one of them with a dot."""
    *words, x, y = text.split() if len(text.split()) > 2 else ["", "", ""]
    if _numbers_at_end(text) != 2 or "." not in x + y:
        return None
    return " ".join(words), float(x), float(y)


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
