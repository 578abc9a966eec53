"""Attribute accuracy: does a picture show the attributes that its request asks for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


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


def attribute_cosine(probabilities: Sequence[Tensor], wanted: Tensor) -> float:
    """Return the mean cosine of what a judge makes of pictures and what was asked for (Yan et al. 2016).

    Both are vectors of a number for each value of each attribute; attributes that were not asked for are left out.

    Args:
        probabilities: of each of A attributes, (N, values).
        wanted: (N, A) numbers of values, -1 where it does not count.
    """
    pairs = list(zip(probabilities, wanted.unbind(1), strict=True))
    counted = [(column >= 0)[:, None] for _, column in pairs]
    seen = torch.cat([part * known for (part, _), known in zip(pairs, counted, strict=True)], dim=1)
    true = [F.one_hot(column.clamp(min=0), part.shape[1]) for part, column in pairs]
    asked = torch.cat([part * known for part, known in zip(true, counted, strict=True)], dim=1).float()
    some = torch.cat(counted, dim=1).any(dim=1)
    return float(F.cosine_similarity(seen, asked, dim=1)[some].mean()) if some.any() else 0.0
