"""The energy score: two drawings of one text beside the one real picture of it, with distances in feature maps.

    S = 1/2 d(g1, x) + 1/2 d(g2, x) - 1/2 d(g1, g2)

Its mean over real pictures is smallest where drawings are distributed as the real pictures of the text are, so that one
picture a text is enough to learn how much drawings of it should differ: a strictly proper scoring rule (Gneiting and
Raftery, JASA 2007; for generators of pictures Gritsenko et al., "A Spectral Energy Distance", NeurIPS 2020). Between
pixels alone it blurs; here d is summed over pooled pixels and the maps of a frozen encoder.

Letters: B texts, C channels, h side of a map.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from limner.blocks.modes import full_precision

SMOOTH = 0.03
"""Distances below this share of the mean distance of two real pictures count as nearly none: no gradient explodes."""


def distance(a: Tensor, b: Tensor, unit: Tensor) -> Tensor:
    """Return the mean over places of sqrt(|a - b|^2 + eps^2) / unit, eps = SMOOTH unit: (B, C, h, h) twice to (B,).

    Args:
        a: feature maps.
        b: others.
        unit: a scalar, the mean distance of two real pictures' maps at a place (`typical_distance`).
    """
    squared = (a - b).square().sum(dim=1)  # (B, h, h)
    return (squared / unit.square() + SMOOTH**2).sqrt().mean(dim=(1, 2))


def typical_distance(real: Tensor) -> Tensor:
    """Return the mean distance at a place of each row's map and the next row's: (B, C, h, h) to a scalar."""
    return (real - real.roll(1, 0)).square().sum(dim=1).sqrt().mean().clamp_min(1e-6)


def energy_score(first: Sequence[Tensor], second: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return S of each text, summed over maps, each divided by what two real pictures differ by there; in fp32.

    Args:
        first: maps (B, C, h, h) of one drawing of each text, from coarse pixels to features.
        second: the same of another drawing.
        real: the same of the real picture.

    Returns:
        (B,), at least about 0 where both drawings are the real picture.
    """
    total = torch.zeros((), device=real[0].device)
    with full_precision(real[0]):
        for a, b, x in zip(first, second, real, strict=True):
            a, b, x = a.float(), b.float(), x.detach().float()
            unit = typical_distance(x)
            total = total + (distance(a, x, unit) + distance(b, x, unit) - distance(a, b, unit)) / 2
    return total
