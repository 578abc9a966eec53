"""Convolution stacks of the DCGAN family: halve, double, and the bottleneck residual between."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from limner.errors import UserError

LEAK = 0.2


def doublings(size: int) -> int:
    """Return how often a 4x4 map doubles to reach `size` pixels.

    Raises:
        UserError: where it never does.
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
    """Repeat a condition (B, C) over the map of `features` (B, F, h, w) and put both together: (B, F + C, h, w)."""
    spread = condition[:, :, None, None].expand(-1, -1, *features.shape[2:])
    return torch.cat([features, spread.to(features.dtype)], dim=1)


def spectrally_normed(module: nn.Module) -> nn.Module:
    """Hold every convolution and linear map of `module` to spectral norm 1 (Miyato et al. 2018); return it."""
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d | nn.Linear):
            spectral_norm(part)
    return module
