"""Where things are in the pictures of a data set: boxes, key points and masks, each read when it is first asked for."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from limner.data.boxes import Boxes, read_boxes
from limner.data.cache import Progress, sizes_of
from limner.data.masks import FOREGROUND, Masks, read_masks
from limner.data.points import Points, read_points
from limner.data.problems import Problem, turn_fault
from limner.data.schema import Schema
from limner.data.source import Source
from limner.errors import UserError

_FORMS = {
    "boxes": ("things", '[{"label": "hat", "box": [left, top, width, height]}]'),
    "keypoints": ("points", '[{"label": "nose", "x": 3, "y": 5, "visible": true}]'),
    "masks": ("masks", '[{"label": "hat", "mask": "1-hat.png"}]'),
}
"""Of each column: the field of the schema that names what is in it, and how a cell of it is written."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Boxes, key points and masks of all rows of a source, in shares of the pictures as they are cut.

    Letters: B rows, K boxes or masks at most in one, P key points, S the side of masks.
    """

    source: Source
    schema: Schema
    root: Path
    """The folder for caches."""
    _masks: dict[int, Masks] = field(default_factory=dict)

    @functools.cached_property
    def sizes(self) -> np.ndarray:
        """Width and height of each original picture, upright: int32 (N, 2); zeros where it is broken."""
        return sizes_of(self.source.key, len(self.source.table), self.source.encoded, root=self.root)

    @functools.cached_property
    def boxes(self) -> Boxes:
        """All boxes."""
        return read_boxes(self.source, self.schema.things, self.sizes)

    @functools.cached_property
    def points(self) -> Points:
        """All key points."""
        return read_points(self.source, self.schema.points, self.sizes)

    @functools.cached_property
    def turn_faults(self) -> tuple[tuple[int, str], ...]:
        """(row, what is wrong) of each dialogue that has a wrong turn."""
        cells = self.source.each("dialogue")
        return tuple((row, fault) for row, cell in cells if (fault := turn_fault(cell)) is not None)

    def masks(self, side: int = 0, progress: Progress | None = None) -> Masks:
        """Return all masks at `side` pixels, 0 for the side of the pictures; they are decoded the first time."""
        side = side or self.schema.size
        if side not in self._masks:
            self._masks[side] = read_masks(self.source, self.schema.masks, self.sizes, side, self.root, progress)
        return self._masks[side]

    def foreground(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what stands before the ground, uint8 (B, 1, S, S), and whether it is known: bool (B,).

        It is the mask `foreground` of a row, or else all masks of the row together: each is of what can be seen of a
        thing, so that where two meet in a pixel they share it.
        """
        labels, pixels = self.masks().padded(rows)
        whole = self.schema.masks.index(FOREGROUND) if FOREGROUND in self.schema.masks else -2
        chosen = np.where((labels == whole).any(axis=1, keepdims=True), labels == whole, labels >= 0)
        joined = np.where(chosen[..., None, None], pixels, 0).sum(axis=1, keepdims=True, dtype=np.uint32)
        return np.minimum(joined, 255).astype(np.uint8), np.any(labels >= 0, axis=1, keepdims=True)[:, 0]

    def scenes(
        self, rows: np.ndarray, most: int = 0, side: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the boxes of rows with their masks.

        Args:
            rows: B of them.
            most: K is `most`, and the largest boxes come first; 0: all boxes as they come.
            side: S; 0 for the side of the pictures.

        Returns:
            labels (B, K), -1 where there is no box; boxes (B, K, 4); masks uint8 (B, K, S, S); whether each is the
            thing's own, bool (B, K): a box without a mask is filled.
        """
        boxes, masks = self.boxes, self.masks(side)
        side = masks.pixels.shape[-1]
        numbers = boxes.numbers(rows, most)
        there = numbers < len(boxes.labels)
        labels = np.append(boxes.labels, -1)[numbers]
        places = np.concatenate([boxes.places, np.zeros((1, 4), np.float32)])[numbers]
        called = [self.schema.masks.index(name) if name in self.schema.masks else -2 for name in self.schema.things]
        own = np.full(numbers.shape, -1, dtype=np.int64)
        for place in zip(*np.nonzero(there), strict=True):
            number = numbers[place]
            own[place] = masks.find(int(rows[place[0]]), called[boxes.labels[number]], int(boxes.turns[number]))
        found = np.where((own >= 0)[..., None, None], masks.at(own), filled(places, side))
        return labels, places, found, own >= 0

    def problems(
        self, columns: Collection[str], rows: np.ndarray, side: int = 0, progress: Progress | None = None
    ) -> Iterator[Problem]:
        """Yield what is wrong with these columns in `rows`, masks at `side` pixels; other columns are not read.

        Raises:
            UserError: a whole column holds something else than it should.
        """
        used = set(rows.tolist())
        for name, (names, form) in _FORMS.items():
            if name in columns and not getattr(self.schema, names):
                kind = self.source.table.features[name]
                raise UserError(f"the column {name} of {self.source.name} must hold such as {form}, not {kind}"[:300])
        faults: dict[str, Sequence[tuple[int, str]]] = {}
        if "boxes" in columns:
            faults["wrong box"] = self.boxes.faults
        if "keypoints" in columns:
            faults["wrong point"] = self.points.faults
        if "masks" in columns:
            faults["wrong mask"] = self.masks(side, progress).faults
        if "dialogue" in columns:
            faults["wrong turn"] = self.turn_faults
        for kind, found in faults.items():
            yield from (Problem(*self.source.origin(row), kind, fault) for row, fault in found if row in used)


def filled(boxes: np.ndarray, side: int) -> np.ndarray:
    """Fill boxes (B, K, 4), in shares of the picture: uint8 (B, K, side, side), 255 where a pixel's middle lies in."""
    middles = (np.arange(side) + 0.5) / side
    x, y, width, height = (boxes[..., k, None] for k in range(4))
    across, down = (middles >= x) & (middles < x + width), (middles >= y) & (middles < y + height)
    return (across[..., None, :] & down[..., None]).astype(np.uint8) * np.uint8(255)
