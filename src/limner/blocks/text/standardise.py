"""Vectors centred and scaled to unit deviation, so that each of their components counts alike.

Letters: B vectors, E their width, M vectors that are measured.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """(x - mean) / deviation, componentwise, of vectors (B, E); both are measured once and saved as buffers."""

    centre: Tensor
    spread: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    def fit(self, vectors: Tensor) -> None:
        """Measure mean and deviation of vectors (M, E); a component that never varies is only centred."""
        self.centre.copy_(vectors.mean(dim=0))
        spread = vectors.std(dim=0, correction=0)
        self.spread.copy_(torch.where(spread > 1e-6, spread, 1.0))

    def forward(self, vectors: Tensor) -> Tensor:
        return (vectors - self.centre) / self.spread
