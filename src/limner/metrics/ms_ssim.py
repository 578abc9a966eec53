"""Multi-scale SSIM of pairs of drawings: how alike they are (Odena et al. 2017; Karras et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, the finest first (Wang et al. 2003)."""
WINDOW = 11


def scales(side: int) -> int:
    """Return at how many of the five scales the window of 11 pixels fits, by the bounds of torchmetrics; 0: none."""

    def fits(count: int) -> bool:
        return side >> (count - 1) >= WINDOW and side // max(1, count - 1) ** 2 >= WINDOW

    return next((count for count in range(len(WEIGHTS), 0, -1) if fits(count)), 0)


def ms_ssim_of_pairs(images: Tensor, pairs: int = 10_000, seed: int = 0) -> float:
    """Return the mean MS-SSIM of random pairs of pictures (N, 3, S, S) in [-1, 1]: 1 where all are the same.

    As variety it is compared with that of real pictures; it does not see a lack of detail or of colour. Below 176
    pixels there are fewer than five scales, and the weights of those there are sum to 1, so figures of different sides
    are different figures.
    """
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    rng = torch.Generator().manual_seed(seed)
    first = torch.randint(len(images), (pairs,), generator=rng)
    second = (first + torch.randint(1, len(images), (pairs,), generator=rng)) % len(images)
    weights = torch.tensor(WEIGHTS[: scales(images.shape[-1])])
    betas = tuple((weights / weights.sum()).tolist())
    light = images / 2 + 0.5
    unordered = torch.stack([torch.minimum(first, second), torch.maximum(first, second)], 1)
    distinct, times = unordered.unique(dim=0, return_counts=True)  # few pictures have few pairs, drawn again and again
    total = 0.0
    for some, counts in zip(distinct.split(100), times.split(100), strict=True):
        found = multiscale_structural_similarity_index_measure(
            light[some[:, 0]], light[some[:, 1]], data_range=1.0, reduction="none", betas=betas, normalize="relu"
        )
        total += float(found.double() @ counts.double())
    return total / pairs
