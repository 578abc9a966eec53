"""Diversity: how much do drawings of the same request differ?"""

from __future__ import annotations

import torch
from torch import Tensor


def diversity(images: Tensor, features: Tensor | None = None) -> dict[str, float]:
    """Return how much drawings of one prompt differ, averaged over prompts; 0 where one picture is repeated.

    Args:
        images: (P, K, 3, H, W) in [-1, 1], K > 1 drawings of each of P prompts.
        features: (P, K, F) of the same pictures, where there is a network for them.

    Returns:
        `pixels`: standard deviation of a pixel over the drawings; `features`: mean distance of two drawings.
    """
    found = {"pixels": float(images.std(dim=1, correction=0).mean())}
    if features is not None:
        found["features"] = float(torch.stack([torch.pdist(some).mean() for some in features]).mean())
    return found
