"""Equalised learning rate, pixel norm and minibatch standard deviation (Karras et al., ICLR 2018, sections 3, 4).

Weights are stored with standard deviation 1 and scaled at run time by gain / sqrt(fan-in), so that Adam, whose steps do
not depend on the scale of gradients, moves all layers at the same relative speed.

Letters: B pictures, C channels, h side of a map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.convolutions import LEAK
from limner.blocks.layers.doubling import spread

GAIN = math.sqrt(2)
"""For layers that a leaky ReLU follows (He et al. 2015)."""


class EqualLinear(nn.Linear):
    """A linear layer whose weights are N(0, 1), times gain / sqrt(inside) when used."""

    def __init__(self, inside: int, outside: int, gain: float = GAIN, bias: bool = True) -> None:
        super().__init__(inside, outside, bias)
        self.scale = gain / math.sqrt(inside)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias)


class EqualConv(nn.Conv2d):
    """A convolution that keeps the side, with weights N(0, 1), times gain / sqrt(inside * kernel^2) when used."""

    def __init__(self, inside: int, outside: int, kernel: int, gain: float = GAIN, padding: int | None = None) -> None:
        super().__init__(inside, outside, kernel, padding=kernel // 2 if padding is None else padding)
        self.scale = gain / math.sqrt(inside * kernel * kernel)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.scale, self.bias)


class EqualUp(EqualConv):
    """Double the side by nearest neighbour, then convolve 3x3, as one transposed 4x4 convolution: 4/9 of the products.

    The paper's code does the same ("fused scale").
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3)

    def forward(self, x: Tensor) -> Tensor:
        kernel = spread(self.weight * self.scale).flip(2, 3).transpose(0, 1)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class EqualDown(EqualConv):
    """Convolve 3x3, then halve the side by the mean of each 2x2 places, as one 4x4 convolution of stride 2."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, spread(self.weight * (self.scale / 4)), self.bias, stride=2, padding=1)


def _initialise(layer: nn.Linear | nn.Conv2d) -> None:
    nn.init.normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


@torch.no_grad()
def without_equalising(module: nn.Module) -> None:
    """Make an equalised layer one whose weights begin at gain / sqrt(fan-in) and are used as they are: for `apply`."""
    if isinstance(module, EqualLinear | EqualConv):
        module.weight.mul_(module.scale)
        module.scale = 1.0


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU, slope 0.2."""
    return F.leaky_relu(x, LEAK)


def pixel_norm(x: Tensor) -> Tensor:
    """Scale the numbers at each place to mean square 1 over channels: (B, C, ...), with or without places."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def append_minibatch_deviation(x: Tensor, group: int = 4) -> Tensor:
    """Append a map that holds how much the pictures of a group differ: (B, C, h, h) to (B, C + 1, h, h).

    The standard deviation of each number over the group, averaged over channels and places. Groups are `group`
    consecutive rows; where B is no multiple of that, the largest smaller number that divides B.
    """
    size = next(size for size in range(min(group, len(x)), 0, -1) if len(x) % size == 0)
    groups = x.float().unflatten(0, (-1, size))  # (B / size, size, C, h, h)
    deviation = (groups.var(dim=1, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    column = deviation.repeat_interleave(size).to(x.dtype)[:, None, None, None]
    return torch.cat([x, column.expand(-1, 1, *x.shape[2:])], dim=1)
