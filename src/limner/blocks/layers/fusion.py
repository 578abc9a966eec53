"""A one-stage generator into whose blocks the condition is fused by scale and shift (Tao et al., DF-GAN, CVPR 2022).

Letters: B pictures, S side of the picture, C channels, E width of a text code, Z numbers of noise, W width of the
condition.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.blocks.layers.doubling import doubled


class Mixer(nn.Module):
    """Text and noise to the condition of every block: the noise decides what the text leaves open.

    Scale and shift are linear in the condition, so without layers before them text and noise could only be added; to
    let one gate the other takes layers between. Both enter with the same weight, each number of mean square 1.
    """

    TEXT = 128
    """Numbers of the text beside the Z of the noise."""

    def __init__(self, text: int, noise: int, width: int) -> None:
        super().__init__()
        self.hear = nn.Linear(text, self.TEXT)
        self.layers = nn.ModuleList(he_normal(nn.Linear(w, width), math.sqrt(2)) for w in (self.TEXT + noise, width))

    def forward(self, noise: Tensor, text: Tensor) -> Tensor:
        """Return the condition of noise (B, Z) and text codes (B, E): (B, W)."""
        x = torch.cat([noise, rms_norm(self.hear(text))], dim=1)  # (B, Z + 128)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return x


def rms_norm(x: Tensor) -> Tensor:
    """Scale each row of (B, N) to mean square 1; a row of zeros stays."""
    x = x.float()
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-6)


def he_normal(layer: nn.Linear, gain: float) -> nn.Linear:
    """Initialise a layer so that its outputs are `gain` times the size of its inputs (He et al. 2015); 0: all zero."""
    nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.in_features))
    nn.init.zeros_(layer.bias)
    return layer


class Fusion(nn.Module):
    """Double the side; then twice: scale and shift by the condition, leaky ReLU, 3x3 convolution (DF-GAN, fig. 3).

    A 1x1 shortcut goes around it.
    """

    GAIN = 0.3
    """Factor on the residual branch, in place of normalisation."""

    def __init__(self, channels: int, out: int, condition: int) -> None:
        super().__init__()
        self.affine = nn.ModuleList(he_normal(nn.Linear(condition, 2 * c), 0) for c in (channels, out))
        self.convolve = nn.ModuleList(nn.Conv2d(c, out, 3, padding=1) for c in (channels, out))
        self.shortcut = nn.Conv2d(channels, out, 1, bias=False)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (B, C, h, h) under the condition (B, W) as (B, out, 2h, 2h)."""
        first, second = self.convolve  # what works on each place alone is done before the doubling: a quarter of it
        assert isinstance(first, nn.Conv2d)
        h = second(self.modulate(doubled(self.modulate(x, condition, 0), first), condition, 1))
        return F.interpolate(self.shortcut(x), scale_factor=2.0, mode="nearest") + self.GAIN * h

    def modulate(self, x: Tensor, condition: Tensor, turn: int) -> Tensor:
        """Scale and shift (B, C, h, h) by the condition (B, W), then leaky ReLU, at the first or second turn."""
        scale, shift = self.affine[turn](condition)[..., None, None].chunk(2, dim=1)
        return F.leaky_relu(x * (1 + scale) + shift, 0.2)


class FusionGenerator(nn.Module):
    """G: noise and text to a picture; the last doubling is a pixel shuffle (Shi et al., CVPR 2016).

    Args:
        widths: channels from 4x4 up to half the picture's side, doubling each time.
        noise: Z.
        text: E.
        condition: W.
        shuffle: whether the last doubling is a pixel shuffle; else convolutions work at the full size.
    """

    def __init__(self, widths: Sequence[int], noise: int, text: int, condition: int, shuffle: bool = True) -> None:
        super().__init__()
        self.mixer = Mixer(text, noise, condition)
        self.seed = he_normal(nn.Linear(condition, widths[0] * 4 * 4), 1)
        self.blocks = nn.ModuleList(Fusion(a, b, condition) for a, b in itertools.pairwise(widths))
        if not shuffle:
            self.unfold = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(widths[-1], 48, 3, padding=1))
            self.refine = nn.Conv2d(48, 3, 3, padding=1)
            self.shortcut = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(widths[-1], 3, 1))
            return
        self.unfold = nn.Sequential(nn.Conv2d(widths[-1], 48, 3, padding=1), nn.PixelShuffle(2))
        self.refine = nn.Conv2d(12, 3, 3, padding=1)
        self.shortcut = nn.Sequential(nn.Conv2d(widths[-1], 12, 1), nn.PixelShuffle(2))

    def forward(self, noise: Tensor, text: Tensor) -> Tensor:
        """Draw text codes (B, E) with noise (B, Z): (B, 3, S, S), not clamped."""
        condition = self.mixer(noise, text)
        x = self.seed(condition).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, condition)  # (B, C, S/2, S/2) after the last
        x = F.leaky_relu(x, 0.2)
        return self.refine(F.leaky_relu(self.unfold(x), 0.2)) + self.shortcut(x)
