"""Attribute accuracy: does a picture show the attributes that its request asks for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Accuracy:
    """Shares of attributes that are right."""

    each: Mapping[str, float]
    """Of each attribute that was asked for at all."""
    counts: Mapping[str, int]
    """How often each was asked for."""
    mean: float
    """Mean over attributes, each counting alike."""
    pooled: float
    """Share of all that was asked for."""
    all_at_once: float
    """Share of the pictures of which anything was asked that show all of it."""


def attribute_accuracy(predicted: Tensor, wanted: Tensor, names: Sequence[str]) -> Accuracy:
    """Compare what a judge names with what was asked for.

    Args:
        predicted: (N, A) numbers of values.
        wanted: (N, A) numbers of values, -1 where it does not count.
        names: of the A attributes.
    """
    counted, right = wanted >= 0, (predicted == wanted) & (wanted >= 0)
    counts = {name: int(n) for name, n in zip(names, counted.sum(dim=0).tolist(), strict=True) if n}
    found = dict(zip(names, right.sum(dim=0).tolist(), strict=True))
    each = {name: found[name] / count for name, count in counts.items()}
    some = counted.any(dim=1)
    whole = (right | ~counted).all(dim=1)[some]
    return Accuracy(
        each,
        counts,
        sum(each.values()) / max(len(each), 1),
        int(right.sum()) / max(int(counted.sum()), 1),
        float(whole.double().mean()) if len(whole) else 0.0,
    )
