"""Views of pictures with what is where in them: boxes, key points.

Letters: B rows, K boxes of a row at most, P key points.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, cast

import numpy as np
import torch
from torch import Tensor

from limner.data.views import Labelled, Pairs, Readable, Rows

BOXES, POINTS = "boxes", "keypoints"


class HasPoints(Protocol):
    """What these views ask of a data set beyond what all do."""

    def points(self, rows: Rows, split: str = "train") -> Tensor:
        """Return key points (B, P, 3): x, y and 1; zeros where there is none."""


@dataclass(frozen=True)
class Located(Pairs):
    """Pictures, their captions, and what is where; what `needs` does not name is empty. `located` sets that."""

    things: Tensor
    """(B, K) numbers of the labels of boxes in `Schema.things`, -1 where there is no box."""
    boxes: Tensor
    """(B, K, 4) x, y, width and height in shares of the picture; zeros where there is no box."""
    points: Tensor
    """(B, P, 3) x and y in shares of the picture, and 1; zeros where a point is not there or cannot be seen."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`, as `Pairs`, and their boxes and points."""
        things, boxes, points = _where(cls.needs, data, rows, split)
        return cls(**vars(Pairs.gather(data, rows, rng, split)), things=things, boxes=boxes, points=points)


@dataclass(frozen=True)
class LocatedLabels(Labelled):
    """Pictures with labels, attributes and key points."""

    needs: ClassVar[frozenset[str]] = Labelled.needs | {POINTS}
    points: Tensor
    """(B, P, 3) x and y in shares of the picture, and 1; zeros where a point is not there or cannot be seen."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`."""
        _, _, points = _where(cls.needs, data, rows, split)
        return cls(**vars(Labelled.gather(data, rows, rng, split)), points=points)


def _where(needs: frozenset[str], data: Readable, rows: Rows, split: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return labels of boxes, boxes and points; empty what is not needed."""
    things, boxes = torch.zeros(len(rows), 0, dtype=torch.long), torch.zeros(len(rows), 0, 4)
    if BOXES in needs:
        _, things, boxes = data.layouts(rows, split)
    if POINTS not in needs:
        return things, boxes, torch.zeros(len(rows), 0, 3)
    return things, boxes, cast("HasPoints", data).points(rows, split)


@functools.cache
def located(*columns: str) -> type[Located]:
    """Return the view of pictures and captions that reads `boxes`, `keypoints` or both beside them."""
    needs = Pairs.needs | set(columns)
    return type("Located", (Located,), {"needs": needs, "__doc__": Located.__doc__})
