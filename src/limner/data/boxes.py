"""The boxes of all rows of a data set in compact form: numbers of labels, and shares of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limner.data.pictures import size_of
from limner.data.source import Source
from limner.requests import boxes_of

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of N rows, M in all; row k has those from `offsets[k]` to `offsets[k + 1]`."""

    offsets: np.ndarray
    """int64 (N + 1,)."""
    labels: np.ndarray
    """int64 (M,), numbers in `Schema.things`."""
    places: np.ndarray
    """float32 (M, 4): x, y, width and height in shares of the middle square of the picture."""

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (B, K), -1 where there is no box, and boxes (B, K, 4), zeros there; K is the most, or 1."""
        counts = self.offsets[rows + 1] - self.offsets[rows]
        most = max(int(counts.max(initial=0)), 1)
        there = np.arange(most) < counts[:, None]  # (B, K)
        place = np.where(there, self.offsets[rows][:, None] + np.arange(most), len(self.labels))
        labels = np.append(self.labels, -1)[place]
        return labels, np.concatenate([self.places, np.zeros((1, 4), np.float32)])[place]


def read_boxes(source: Source, things: Sequence[str]) -> Boxes:
    """Read the column `boxes`; boxes of which nothing lies in their picture, or that are not numbers, are left out."""
    numbers = {name: number for number, name in enumerate(things)}
    counts, labels, places = [0], list[int](), list[tuple[float, float, float, float]]()
    column = source.table.select_columns(["boxes"])
    for start in range(0, len(source.table), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(source.table))
        pictures = source.encoded(start, stop)
        for cell, picture in zip(column[start:stop]["boxes"], pictures, strict=True):
            found = boxes_of(cell, *size_of(picture)) if cell else []
            found = [box for box in found if box[0] in numbers]
            counts.append(len(found))
            labels += [numbers[box[0]] for box in found]
            places += [box[1:] for box in found]
    return Boxes(
        np.cumsum(counts, dtype=np.int64),
        np.array(labels, dtype=np.int64),
        np.array(places, dtype=np.float32).reshape(-1, 4),
    )
