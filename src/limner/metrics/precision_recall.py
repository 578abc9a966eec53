"""Precision and recall of a cloud of features: how much of what is drawn is real, how much of the real is drawn."""

from __future__ import annotations

import torch
from torch import Tensor


def precision_recall(real: Tensor, drawn: Tensor, k: int = 3) -> tuple[float, float]:
    """Return the share of drawings within the real cloud and of real pictures within the drawn one.

    Kynkaanniemi et al. 2019, eqs. 1 and 2: a point lies within a cloud where some point of the cloud is at least as
    near as that one's k-th nearest neighbour.

    Args:
        real: (N, F) features of real pictures.
        drawn: (M, F) features of drawn ones.
        k: which neighbour; the farthest where a cloud has no more.
    """
    return _within(drawn, real, k), _within(real, drawn, k)


def _within(points: Tensor, cloud: Tensor, k: int) -> float:
    reach = _reach(cloud, min(k, len(cloud) - 1))
    inside = [(torch.cdist(part, cloud) <= reach).any(dim=1) for part in points.split(1000)]
    return float(torch.cat(inside).double().mean())


def _reach(cloud: Tensor, k: int) -> Tensor:
    """Distance from each point to its k-th nearest neighbour, itself not counted: (N,)."""
    return torch.cat([torch.cdist(part, cloud).kthvalue(k + 1, dim=1).values for part in cloud.split(1000)])
