"""Verification: do codes tell whether two pictures belong together? (Reed et al. 2016, section 5.1, of styles.)"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from limner.metrics.layouts import area_under_curve

STEPS = 50


def verification(codes: Tensor, clusters: np.ndarray) -> float:
    """Return the area under the ROC curve of cosines of codes, pairs of one cluster against pairs of two.

    1 where every pair of one cluster is more alike than every pair of two, one half by chance.

    Args:
        codes: (N, E).
        clusters: (N,) the number of each one's cluster.
    """
    codes = F.normalize(codes.double(), dim=1)
    one, other = np.triu_indices(len(codes), 1)
    alike = (codes @ codes.T).cpu().numpy()[one, other]
    same = clusters[one] == clusters[other]
    return area_under_curve(alike[same], alike[~same])


def k_means(points: Tensor, count: int, seed: int = 0) -> np.ndarray:
    """Return the number of each point's cluster: (N, D) to (N,). Begins as k-means++ does (Arthur et al. 2007)."""
    rng = np.random.default_rng(seed)
    points = points.double()
    centres = points[[int(rng.integers(len(points)))]]
    while len(centres) < count:
        gaps = torch.cdist(points, centres).amin(dim=1).square().numpy()
        chance = gaps / gaps.sum() if gaps.sum() else None
        centres = torch.cat([centres, points[[int(rng.choice(len(points), p=chance))]]])
    nearest = torch.cdist(points, centres).argmin(dim=1)
    for _ in range(STEPS):
        means = [points[nearest == k].mean(dim=0) if (nearest == k).any() else centres[k] for k in range(count)]
        centres = torch.stack(means)
        moved = torch.cdist(points, centres).argmin(dim=1)
        if torch.equal(moved, nearest):
            break
        nearest = moved
    return nearest.numpy()
