"""The key points of all rows of a data set, in shares of their pictures as they were cut."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limner.data.problems import is_visible, point_faults
from limner.data.source import Source


@dataclass(frozen=True, eq=False)
class Points:
    """P key points of N rows."""

    places: np.ndarray
    """float32 (N, P, 3): x and y in shares of the middle square of the picture, and 1; zeros where there is none."""
    faults: tuple[tuple[int, str], ...] = ()
    """(row, what is wrong) of each key point that cannot be used."""


def read_points(source: Source, names: Sequence[str], sizes: np.ndarray) -> Points:
    """Read the column `keypoints`, given the width and height of each picture: (N, 2).

    A point that cannot be seen, or lies outside the middle square of its picture, is absent: it is not moved to the
    border, where nothing is.
    """
    numbers = {name: number for number, name in enumerate(names)}
    places = np.zeros((len(source.table), len(names), 3), dtype=np.float32)
    faults = list[tuple[int, str]]()
    for row, cell in source.each("keypoints"):
        width, height = sizes[row].tolist()
        if not (width and height):  # the picture is broken
            continue
        faults += [(row, fault) for fault in point_faults(cell, names, width, height)]
        side = min(width, height)
        for one in cell if isinstance(cell, list) else ():
            if not isinstance(one, Mapping) or one.get("label") not in numbers or not is_visible(one):
                continue
            try:
                x, y = (float(one[key]) for key in ("x", "y"))
            except (TypeError, ValueError, KeyError):
                continue
            x, y = (x - (width - side) / 2) / side, (y - (height - side) / 2) / side
            if math.isfinite(x + y) and 0 <= x <= 1 and 0 <= y <= 1:
                places[row, numbers[one["label"]]] = x, y, 1
    return Points(places, tuple(faults))
