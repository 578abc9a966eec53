"""Vectors made comparable: centred and scaled, so that each of their numbers counts alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """(B, E) vectors less their mean, over their standard deviation; both measured once and saved as buffers."""

    centre: Tensor
    spread: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    def measure(self, vectors: Tensor) -> None:
        """Learn mean and deviation of (many, E) vectors; a number that never varies is only centred."""
        self.centre.copy_(vectors.mean(dim=0))
        spread = vectors.std(dim=0, correction=0)
        self.spread.copy_(torch.where(spread > 1e-6, spread, 1.0))

    def forward(self, vectors: Tensor) -> Tensor:
        return (vectors - self.centre) / self.spread
