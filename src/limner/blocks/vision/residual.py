"""From pictures to features by residual blocks with batch norm: strong enough to tell small parts apart.

Letters: B pictures, S their side, C channels, F features.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.convolutions import LEAK, doublings

FIRST = 48
"""Channels at half the side of the picture."""
WIDTHS = (96, 160, 192)
"""Channels after each halving that follows; the last is repeated in larger pictures."""


class Features(NamedTuple):
    """What the encoder makes of B pictures."""

    maps: tuple[Tensor, ...]
    """(B, C, h, h) after each residual block, from fine to coarse."""
    whole: Tensor
    """(B, F), in float32."""


class Residual(nn.Module):
    """x + two 3x3 convolutions with batch norm, leaky ReLU before each (He et al. 2016b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.convolve = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for norm, convolve in zip(self.norms, self.convolve, strict=True):
            h = convolve(F.leaky_relu(norm(h), LEAK))
        return x + h


class ResidualEncoder(nn.Module):
    """Pixels folded 2x2, then halved to 4x4, with a residual block after each halving but the last; S = 16, 32, ..."""

    def __init__(self, size: int, features: int = 256, width: float = 1.0) -> None:
        super().__init__()
        halvings = doublings(size) - 1
        wide = [FIRST, *WIDTHS, *[WIDTHS[-1]] * halvings][: halvings + 1]
        widths = [max(16 * round(channels * width / 16), 16) for channels in wide]
        self.fold = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, widths[0], 3, padding=1), nn.BatchNorm2d(widths[0]), nn.LeakyReLU(LEAK)
        )
        self.halve = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(Residual(channels) for channels in widths[1:-1])
        self.last = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.LeakyReLU(LEAK), nn.Flatten())
        self.whole = nn.Linear(widths[-1] * 16, features)

    def forward(self, images: Tensor) -> Features:
        """Encode pictures (B, 3, S, S)."""
        x = self.fold(images.contiguous(memory_format=torch.channels_last))
        maps = []
        for number, halve in enumerate(self.halve):
            x = halve(x)
            if number < len(self.blocks):
                x = self.blocks[number](x)
                maps.append(x)
        return Features(tuple(maps), F.leaky_relu(self.whole(self.last(x)), LEAK).float())
