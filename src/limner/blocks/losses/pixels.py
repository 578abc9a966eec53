"""How far two pictures are from each other, place by place: smooth L1, and the same of their edges.

Letters: B pictures, H and W their sides.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-3
"""Of Charbonnier's loss: differences far below it count by their square."""


def charbonnier(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean of sqrt((a - b)^2 + epsilon^2) over all numbers, a smooth L1 (LapSRN, Lai et al., CVPR 2017)."""
    return ((a - b).square() + EPSILON**2).sqrt().mean()


def edge_loss(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean L1 distance of the differences of neighbours, along both axes, of pictures (B, 3, H, W).

    The gradient difference loss of Mathieu et al. (ICLR 2016, eq. 6, alpha = 1) with signs: a shifted edge counts.
    """
    across, down = (torch.diff(a - b, dim=dim).abs().mean() for dim in (-1, -2))
    return across + down
