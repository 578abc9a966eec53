"""Metrics of layouts: overlap of boxes of one label, counts, and how well a score tells odd layouts.

A layout is a list of (label, x, y, width, height) in shares of the picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

Box = tuple[str, float, float, float, float]


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes (x, y, width, height)."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(wide, 0.0) * max(high, 0.0)
    union = one[2] * one[3] + other[2] * other[3] - both
    return both / union if union > 0 else 0.0


def matched_iou(drawn: Sequence[Box], real: Sequence[Box]) -> float:
    """Return the mean IoU of two layouts, boxes of one label paired greedily, those that overlap most first.

    A box without partner counts as 0: the mean is over the larger number of boxes of each label. Two empty layouts are
    alike: 1.
    """
    total, count = 0.0, 0
    for label in {box[0] for box in (*drawn, *real)}:
        mine, theirs = ([box[1:] for box in boxes if box[0] == label] for boxes in (drawn, real))
        count += max(len(mine), len(theirs))
        table = [(iou(one, other), i, k) for i, one in enumerate(mine) for k, other in enumerate(theirs)]
        while table:
            best, i, k = max(table)
            total += best
            table = [entry for entry in table if entry[1] != i and entry[2] != k]
    return total / count if count else 1.0


def counts_within(drawn: Sequence[Box], real: Sequence[Box], reach: int = 1) -> float:
    """Return the share of the labels of either layout whose counts differ by `reach` at most."""
    mine, theirs = (Counter(box[0] for box in boxes) for boxes in (drawn, real))
    labels = mine.keys() | theirs.keys()
    return sum(abs(mine[label] - theirs[label]) <= reach for label in labels) / len(labels) if labels else 1.0


def area_under_curve(odd: Sequence[float], usual: Sequence[float]) -> float:
    """Return how often an odd one has a larger score than a usual one, ties counting half: the area under the ROC."""
    ranked = np.sort(np.asarray(usual))
    below = np.searchsorted(ranked, odd, "left") + np.searchsorted(ranked, odd, "right")  # a tie counts in one of them
    return float(below.mean() / (2 * len(ranked)))
