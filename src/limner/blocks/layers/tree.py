"""The tree of generators of StackGAN++ (Zhang et al. 2018, section 4.1), on which AttnGAN and its followers grow.

A root maps a vector to the first hidden map; each branch maps one hidden map to the next, twice as large; each map has
a head that makes a picture of it. What a branch is conditioned on is each paper's own and stands in its file.

Letters: B pictures, C channels, h side of a map, N the width of a tree: channels of the map from which the first
picture is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.conditioning_augmentation import GaussianCode
from limner.blocks.layers.convolutions import doublings
from limner.blocks.layers.upsampling import UpsampleConv
from limner.errors import UserError


def sides(size: int, stages: int) -> list[int]:
    """Return the sides of the pictures of each stage, the last of which is `size`.

    Raises:
        UserError: where pictures of that size cannot be drawn in so many stages.
    """
    count = doublings(size)
    if not 1 <= stages < count:
        raise UserError(f"stages={stages}: a picture of {size} pixels is drawn in 1 to {count - 1} stages")
    return [size >> stage for stage in reversed(range(stages))]


def shrunk(images: Tensor, sizes: list[int]) -> list[Tensor]:
    """Return pictures (B, 3, S, S) at each of these sides, by averaging squares of pixels."""
    return [images if side == images.shape[-1] else F.adaptive_avg_pool2d(images, side) for side in sizes]


class Up(nn.Sequential):
    """Double the side, with batch norm and a gated linear unit: (B, C, h, h) to (B, O, 2h, 2h)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(UpsampleConv(inside, 2 * outside), nn.BatchNorm2d(2 * outside), nn.GLU(dim=1))


class Same(nn.Sequential):
    """A gated 3x3 convolution: (B, C, h, h) to (B, O, h, h)."""

    def __init__(self, inside: int, outside: int) -> None:
        convolution = nn.Conv2d(inside, 2 * outside, 3, padding=1, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(2 * outside), nn.GLU(dim=1))


class Residual(nn.Module):
    """x + f(x), f a gated 3x3 convolution and one more: (B, C, h, h) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.branch = nn.Sequential(*Same(width, width), last, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Root(nn.Sequential):
    """A vector to the first hidden map: (B, L) to (B, N, h, h), doubled from 16N channels at 4x4 for h = 64.

    Args:
        inputs: L.
        width: N.
        size: h.
    """

    def __init__(self, inputs: int, width: int, size: int) -> None:
        widths = [width << i for i in reversed(range(doublings(size) + 1))]
        start = nn.Linear(inputs, 2 * widths[0] * 16, bias=False)
        layers: list[nn.Module] = [start, nn.BatchNorm1d(2 * widths[0] * 16), nn.GLU(dim=1)]
        layers += [nn.Unflatten(1, (widths[0], 4, 4)), *(Up(inside, outside) for inside, outside in pairwise(widths))]
        super().__init__(*layers)


class Head(nn.Sequential):
    """A hidden map to a picture: (B, C, h, h) to (B, 3, h, h) in [-1, 1]."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Conv2d(width, 3, 3, padding=1, bias=False), nn.Tanh())


class Drawn(NamedTuple):
    """The output of a cascade's generator."""

    images: Sequence[Tensor]
    """(B, 3, s, s) of each stage."""
    codes: Sequence[GaussianCode]
    """Mean and log-variance (B, c) of each Conditioning Augmentation."""
    attention: Sequence[Tensor | None] = ()
    """(B, T, h, w) of each stage, None where it has no attention over words."""
    sentence_attention: Sequence[Tensor | None] = ()
    """(B, h, w) of each stage, None where it has no attention to the whole sentence."""
