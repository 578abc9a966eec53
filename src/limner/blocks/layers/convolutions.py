"""Convolution stacks of the DCGAN family: halve, double, and the bottleneck residual between.

Letters: B pictures, S their side, F and C channels, h and w sides of a map, n the width of a net.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from limner.errors import UserError

LEAK = 0.2


def doublings(size: int) -> int:
    """Return how often a 4x4 map is doubled to reach `size` pixels.

    Raises:
        UserError: where no number of doublings gives `size`, or fewer than two.
    """
    times = int(math.log2(max(size, 1) / 4)) if size >= 4 else 0
    if times < 2 or 4 * 2**times != size:
        raise UserError(f"size={size}: this system draws 16, 32, 64, 128, ... pixels; set one of these")
    return times


def up(inside: int, outside: int, *, norm: bool = True, bias: bool = False) -> nn.Sequential:
    """Double the side: transposed 4x4 convolution, stride 2, batch norm."""
    deconvolution = nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=bias)
    return nn.Sequential(deconvolution, *([nn.BatchNorm2d(outside)] if norm else []))


def down(inside: int, outside: int, *, norm: bool = True, bias: bool = False) -> nn.Sequential:
    """Halve the side: 4x4 convolution, stride 2, batch norm."""
    convolution = nn.Conv2d(inside, outside, 4, 2, 1, bias=bias)
    return nn.Sequential(convolution, *([nn.BatchNorm2d(outside)] if norm else []))


class StridedEncoder(nn.Sequential):
    """A picture halved to a 4x4 map: (B, 3, S, S) to (B, 8n, 4, 4) at 64 pixels; biases where no batch norm is."""

    def __init__(self, width: int, size: int, norm: bool = True) -> None:
        widths = [width << i for i in range(doublings(size))]  # n, 2n, 4n, 8n at 64 pixels
        layers: list[nn.Module] = [down(3, width, norm=False, bias=not norm), nn.LeakyReLU(LEAK)]
        for inside, outside in pairwise(widths):
            layers += [down(inside, outside, norm=norm, bias=not norm), nn.LeakyReLU(LEAK)]
        super().__init__(*layers)
        self.widths = widths

    def last_two(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps before and after the last halving: (B, 4n, 8, 8) and (B, 8n, 4, 4) at 64 pixels."""
        *layers, last, act = self
        for layer in layers:
            x = layer(x)
        return x, act(last(x))


class Bottleneck(nn.Module):
    """act(x + f(x)), f a 1x1 convolution to a `narrow` width, a 3x3 that stays there and a 3x3 back."""

    def __init__(
        self, width: int, narrow: int, activation: nn.Module, *, norm: bool = True, bias: bool = False
    ) -> None:
        super().__init__()

        def convolution(inside: int, outside: int, kernel: int) -> list[nn.Module]:
            layer = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=bias)
            return [layer, *([nn.BatchNorm2d(outside)] if norm else [])]

        self.branch = nn.Sequential(
            *convolution(width, narrow, 1),
            activation,
            *convolution(narrow, narrow, 3),
            activation,
            *convolution(narrow, width, 3),
        )
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.branch(x))


def tile(condition: Tensor, features: Tensor) -> Tensor:
    """Repeat a condition (B, C) at every place of `features` (B, F, h, w) and concatenate both: (B, F + C, h, w)."""
    tiled = condition[:, :, None, None].expand(-1, -1, *features.shape[2:])
    return torch.cat([features, tiled.to(features.dtype)], dim=1)


def spectrally_normed(module: nn.Module) -> nn.Module:
    """Constrain every convolution and linear map of `module` to spectral norm 1 (Miyato et al. 2018); return it."""
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d | nn.Linear):
            spectral_norm(part)
    return module
