"""How far two pictures are from each other, place by place."""

from __future__ import annotations

from torch import Tensor

EPSILON = 1e-3
"""Of Charbonnier's loss: differences far below it count by their square."""


def charbonnier(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean of sqrt((a - b)^2 + epsilon^2) over all numbers, a smooth L1 (LapSRN, Lai et al., CVPR 2017)."""
    return ((a - b).square() + EPSILON**2).sqrt().mean()
