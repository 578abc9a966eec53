"""A small net that enlarges pictures by a power of two: every convolution at the low resolution, pixels shuffled last.

ESPCN (Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
neural network", CVPR 2016) with the residual blocks of EDSR (Lim et al., CVPRW 2017; no batch norm). What the net gives
is added to the bilinear enlargement, so that it learns edges alone.

Letters: B pictures, h and w their sides, r the factor, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.blocks.layers.initialisation import icnr
from limner.errors import UserError

SMALL = 0.1
"""Of what is added, at first: EDSR's scaling of residuals (sec. 3.3), here taken into the weights."""
LEAK = 0.1
"""Slope below 0: a plain ReLU in so narrow a net can die, and leave bilinear enlargement."""


class Residual(nn.Module):
    """x + conv(leaky relu(conv(x))), 3x3: (B, C, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(SMALL)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(x), LEAK))


class Enlarger(nn.Module):
    """Pictures (B, 3, h, w) in [-1, 1] to (B, 3, r h, r w), which may go a little beyond; h and w are any.

    Args:
        factor: r, a power of two.
        width: C.
        blocks: residual blocks.

    Raises:
        UserError: the factor is not a power of two from 2 on.
    """

    def __init__(self, factor: int, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        if factor < 2 or factor & (factor - 1):
            raise UserError(f"the factor of an enlarger is a power of two (2, 4, ...), not {factor}")
        self.factor = factor
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(Residual(width) for _ in range(blocks)))
        self.tail = nn.Conv2d(width, 3 * factor**2, 3, padding=1)
        assert self.tail.bias is not None
        with torch.no_grad():
            self.tail.weight.copy_(icnr(self.tail.weight * SMALL, factor))
            self.tail.bias.zero_()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        x = self.head(images.contiguous(memory_format=torch.channels_last))
        x = self.tail(F.leaky_relu(x + self.body(x), LEAK))
        smooth = F.interpolate(images, scale_factor=float(self.factor), mode="bilinear", align_corners=False)
        return smooth + F.pixel_shuffle(x, self.factor)
