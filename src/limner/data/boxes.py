"""The boxes of all rows of a data set in compact form: numbers of labels, and shares of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limner.data.problems import box_faults
from limner.data.source import Source
from limner.requests import boxes_of


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of N rows, M in all; row k has those from `offsets[k]` to `offsets[k + 1]`."""

    offsets: np.ndarray
    """int64 (N + 1,)."""
    labels: np.ndarray
    """int64 (M,), numbers in `Schema.things`."""
    places: np.ndarray
    """float32 (M, 4): x, y, width and height in shares of the middle square of the picture."""
    turns: np.ndarray
    """int64 (M,): which of the boxes of its label it was in the data, from 0; its mask is the one of that turn."""
    faults: tuple[tuple[int, str], ...] = ()
    """(row, what is wrong) of each box that cannot be used, which is left out, or sticks out of its picture."""

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (B, K), -1 where there is no box, and boxes (B, K, 4), zeros there; K is the most, or 1."""
        place = self.numbers(rows)
        labels = np.append(self.labels, -1)[place]
        return labels, np.concatenate([self.places, np.zeros((1, 4), np.float32)])[place]

    def numbers(self, rows: np.ndarray, most: int = 0) -> np.ndarray:
        """Return the numbers of the boxes of `rows`: int64 (B, K), M where there is none; K is the most, or 1.

        With `most`, K is `most`: the largest boxes, from the largest on, those of one size as they come.
        """
        counts = self.offsets[rows + 1] - self.offsets[rows]
        longest = max(int(counts.max(initial=0)), 1, most)
        there = np.arange(longest) < counts[:, None]  # (B, K)
        place = np.where(there, self.offsets[rows][:, None] + np.arange(longest), len(self.labels))
        if not most:
            return place
        areas = np.append(self.places[:, 2] * self.places[:, 3], -1.0)[place]
        return np.take_along_axis(place, np.argsort(-areas, axis=1, kind="stable")[:, :most], axis=1)


def read_boxes(source: Source, things: Sequence[str], sizes: np.ndarray) -> Boxes:
    """Read the column `boxes`, given the width and height of each picture: (N, 2).

    Boxes of which nothing lies in the middle square of their picture, or that are not numbers, are left out.
    """
    numbers = {name: number for number, name in enumerate(things)}
    ends, labels, places = [0], list[int](), list[list[float]]()
    turns, faults = list[int](), list[tuple[int, str]]()
    for row, cell in source.each("boxes"):
        size = sizes[row].tolist()
        faults += [(row, fault) for fault in (box_faults(cell, *size) if all(size) else ())]
        before: Counter[str] = Counter()
        for one in cell if isinstance(cell, list) and all(size) else ():
            for label, *place in boxes_of([one], *size):
                if label in numbers:
                    labels.append(numbers[label])
                    places.append(place)
                    turns.append(before[label])
            before[str(one.get("label")) if isinstance(one, Mapping) else ""] += 1
        ends.append(len(labels))
    return Boxes(
        np.array(ends, dtype=np.int64),
        np.array(labels, dtype=np.int64),
        np.array(places, dtype=np.float32).reshape(-1, 4),
        np.array(turns, dtype=np.int64),
        tuple(faults),
    )
