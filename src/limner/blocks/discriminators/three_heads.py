"""A discriminator whose trunk computes features of a picture once, and whose three heads score them with any text.

Letters: B pictures, S side of the picture, C channels, E width of a text code.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.blocks.layers.doubling import halved


class Down(nn.Module):
    """A residual block that halves the side."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = halved(F.leaky_relu(x, 0.2), self.first)
        h = self.second(F.leaky_relu(h, 0.2))
        return (self.shortcut(F.avg_pool2d(x, 2)) + h) * math.sqrt(0.5)


class ThreeHeads(nn.Module):
    """D: a trunk that computes features of a picture, and three heads whose sum scores it with a text.

    One head takes picture and text together, one is their inner product (Miyato and Koyama 2018), one takes
    the picture alone.

    Args:
        widths: channels from half the picture's side down to 4x4.
        text: E.
        shuffle: whether the first halving folds 2x2 pixels into channels; else a convolution works at the full size.
        projection: whether there is the head of the inner product.
    """

    def __init__(self, widths: Sequence[int], text: int, shuffle: bool = True, projection: bool = True) -> None:
        super().__init__()
        last = widths[-1]
        self.fold = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, widths[0], 3, padding=1))
        if not shuffle:
            self.fold = nn.Sequential(nn.Conv2d(3, widths[0] // 2, 3, padding=1), Down(widths[0] // 2, widths[0]))
        self.trunk = nn.Sequential(*(Down(a, b) for a, b in itertools.pairwise(widths)))
        self.text = nn.Linear(text, last)
        self.joint = nn.Sequential(nn.Conv2d(2 * last, last, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(last, 1, 4))
        self.project = nn.Linear(text, last) if projection else None
        self.alone = nn.Linear(last, 1)

    def features(self, images: Tensor) -> Tensor:
        """Return the features of pictures (B, 3, S, S): (B, C, 4, 4)."""
        folded = self.fold(images).contiguous(memory_format=torch.channels_last)  # (B, C, S/2, S/2)
        return F.leaky_relu(self.trunk(folded), 0.2)

    def score(self, features: Tensor, text: Tensor) -> Tensor:
        """Score features (B, C, 4, 4) with text codes (B, E): (B,), higher where real and fitting."""
        tiled = self.text(text)[..., None, None].expand(-1, -1, 4, 4)
        joint = self.joint(torch.cat([features, tiled], dim=1)).flatten()
        pooled = features.mean(dim=(2, 3))  # (B, C)
        score = joint + self.alone(pooled).flatten()
        if self.project is not None:
            score = score + (pooled * self.project(text)).sum(dim=1) / math.sqrt(pooled.shape[1])
        return score

    def forward(self, images: Tensor, text: Tensor) -> Tensor:
        """Score pictures (B, 3, S, S) with text codes (B, E): (B,)."""
        return self.score(self.features(images), text)
