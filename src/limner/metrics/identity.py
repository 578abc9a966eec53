"""Identity: does what a changed request leaves alone stay as it was?

Letters: E pairs of drawings, A attributes, P descriptions, K drawings of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.metrics.diversity import diversity


@dataclass(frozen=True)
class Identity:
    """Shares of what a judge sees in pairs of drawings, before and after one attribute was changed in the request."""

    kept: float
    """Of all other attributes, the share that is the same in both drawings."""
    obeyed: float
    """Of the pairs, the share whose second drawing has the value that was asked for."""
    each: tuple[float, ...]
    """`kept` of each attribute, NaN where it was never one of the others."""


def identity(before: Tensor, after: Tensor, changed: Tensor, value: Tensor, counted: Tensor) -> Identity:
    """Compare what a judge sees in E pairs of drawings of which one attribute was changed.

    Args:
        before: (E, A) numbers of values, in drawings of the request.
        after: (E, A), in drawings of the changed request with the same seeds.
        changed: (E,) which attribute was changed.
        value: (E,) to which value.
        counted: bool (E, A), which other attributes count.
    """
    rows = torch.arange(len(changed))
    others = counted.clone()
    others[rows, changed] = False
    same = (before == after) & others
    obeyed = float((after[rows, changed] == value).double().mean())
    each = tuple((same.sum(dim=0).double() / others.sum(dim=0)).tolist())  # 0 / 0 is NaN
    return Identity(int(same.sum()) / max(int(others.sum()), 1), obeyed, each)


def rewording_ratio(worded: Tensor, seeded: Tensor) -> float:
    """Return how much drawings of several wordings of one description differ, of how much those of several seeds do.

    0: wording changes nothing; 1: it changes as much as the seed. Deviations are of pixels; not a number where seeds
    change nothing.

    Args:
        worded: (P, K, 3, H, W) drawings of K wordings of each of P descriptions, with one seed.
        seeded: (P, K, 3, H, W) drawings of the first wording of each with K seeds.
    """
    over_seeds = diversity(seeded)["pixels"]
    return diversity(worded)["pixels"] / over_seeds if over_seeds else float("nan")
