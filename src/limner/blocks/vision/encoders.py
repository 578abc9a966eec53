"""From pictures to vectors: a small convolutional encoder, beside which text encoders are trained.

Letters: B pictures, S their side, E width of a code.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK, down


class ImageEncoder(nn.Module):
    """Strided convolutions to a map of 4 to 7 pixels and a linear layer: (B, 3, S, S) to (B, E), any S from 16 on."""

    def __init__(self, size: int, width: int, base: int = 32) -> None:
        super().__init__()
        halvings = int(math.log2(size // 4))
        assert halvings >= 2, f"pictures of {size} pixels are too small: 16 at least"
        widths = [3, *(min(base * 2**i, 8 * base) for i in range(halvings))]
        layers: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            layers += [down(inside, outside), nn.LeakyReLU(LEAK, inplace=True)]
        self.trunk = nn.Sequential(*layers)
        side = size
        for _ in range(halvings):
            side //= 2
        self.project = nn.Linear(widths[-1] * side * side, width)
        self.sharpness = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        """Log of the factor on cosines between its codes and those of texts (CLIP's learnt temperature)."""

    def forward(self, images: Tensor) -> Tensor:
        return self.project(self.trunk(images).flatten(1))
