"""Kernel distance between two clouds of features: KID where the features are Inception's."""

from __future__ import annotations

import torch
from torch import Tensor


def kernel_distance(
    real: Tensor, drawn: Tensor, subsets: int = 50, subset: int = 500, seed: int = 0
) -> tuple[float, float]:
    """Return the unbiased squared MMD of the kernel (x.y / F + 1)^3, mean and deviation over subsets.

    Binkowski et al. 2018, section 3. Unlike a Frechet distance it is unbiased at any number of pictures, so it
    may be below 0.

    Args:
        real: (N, F) features of real pictures.
        drawn: (M, F) features of drawn ones.
        subsets: how many pairs of subsets are compared.
        subset: rows in each; at most as many as there are.
        seed: which rows.
    """
    from torchmetrics.image.kid import poly_mmd

    subset = min(subset, len(real), len(drawn))
    if subset == len(real) == len(drawn):
        subsets = 1  # all would hold the same rows
    rng = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(subsets):
        a, b = (rows[torch.randperm(len(rows), generator=rng)[:subset]].double() for rows in (real, drawn))
        values.append(poly_mmd(a, b))
    found = torch.stack(values)
    return float(found.mean()), float(found.std(correction=0))
