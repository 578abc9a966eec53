"""Nearest training picture: are drawings copies of training pictures?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 16
"""Pictures are compared at this side: copies show, and 19,000 training pictures fit any memory."""
RARE = 0.01
"""Drawings nearer to a training picture than all but this share of real held-out ones count as memorised."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest training picture of each drawing."""

    rows: Tensor
    """(N,) row of the nearest training picture."""
    distances: Tensor
    """(N,) mean squared difference of their pixels, at `SIDE`."""
    share: float
    """Share of drawings that count as memorised: about `RARE` without any copying, 1 where all are copies."""


def nearest(drawn: Tensor, train: Tensor, held_out: Tensor, batch: int = 1000) -> Neighbours:
    """Find the nearest training picture of each drawing, and which are as near as few real pictures are.

    Pictures are shrunk to `SIDE` first, so a copy shows through noise, but neither a copied part nor a copy that is
    moved or recoloured does. Where more than `RARE` of the held-out pictures repeat training pictures, only exact
    copies count.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        train: (M, 3, H, W) bytes, as data sets keep them.
        held_out: (K, 3, H, W) in [-1, 1], real pictures that were not trained on.
        batch: pictures in a chunk.
    """
    known = torch.cat([_small(part.float() / 127.5 - 1) for part in train.split(batch)])  # (M, 768)
    distances, rows = _nearest(_small(drawn), known, batch)
    usual, _ = _nearest(_small(held_out), known, batch)
    threshold = usual.double().quantile(RARE)
    return Neighbours(rows, distances, float((distances.double() <= threshold).double().mean()))


def _small(images: Tensor) -> Tensor:
    side = min(SIDE, images.shape[-1])
    return F.interpolate(images, size=(side, side), mode="area").flatten(1)


def _nearest(points: Tensor, known: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    rows = torch.cat([torch.cdist(part, known).argmin(dim=1) for part in points.split(batch)])
    # Once more and directly: cdist goes by squares of norms, whose rounding would hide that a copy is at 0.
    return (points - known[rows]).square().mean(dim=1), rows
