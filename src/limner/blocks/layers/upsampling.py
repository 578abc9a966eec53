"""Nearest-neighbour doubling with a 3x3 convolution: the up-sampling block of StackGAN (Zhang et al. 2017).

The cascades and the story systems are built of it.

Letters: B pictures, S their side, n the width of a net: channels of its finest map; C and O channels, h side of a map.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from limner.blocks.layers.convolutions import doublings
from limner.blocks.layers.doubling import doubled


class UpsampleConv(nn.Conv2d):
    """A 3x3 convolution of the map doubled by nearest neighbour, no bias: (B, C, h, h) to (B, O, 2h, 2h)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return doubled(x, self)


class Upsample(nn.Sequential):
    """`UpsampleConv`, batch norm, ReLU: (B, C, h, h) to (B, O, 2h, 2h)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(UpsampleConv(inside, outside), nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class UpsamplingGenerator(nn.Sequential):
    """A vector to a 4x4 map, doubled until it is a picture: (B, C) to (B, 3, S, S)."""

    def __init__(self, inputs: int, width: int, size: int) -> None:
        widths = [width << i for i in reversed(range(doublings(size) + 1))]  # 16n, 8n, 4n, 2n, n at 64 pixels
        start = nn.Linear(inputs, widths[0] * 16, bias=False)
        layers = [start, nn.BatchNorm1d(widths[0] * 16), nn.ReLU(), nn.Unflatten(1, (widths[0], 4, 4))]
        layers += [Upsample(inside, outside) for inside, outside in pairwise(widths)]
        super().__init__(*layers, nn.Conv2d(width, 3, 3, padding=1), nn.Tanh())
