"""Edits of layouts: what becomes of a picture when a box goes or moves, drawn again with the same seed.

What belongs to a thing is told by drawing it twice, with its box and without: the pixels that differ are its own and
what it brings along. So nothing here needs a detector, and a picture that merely changes all over is found out.

Letters: N pairs of pictures, S their side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.metrics.places import FEWEST, box_overlap

CHANGED = 0.1
"""Of pixels in [-1, 1]: by how much one changes in some channel where it counts as changed."""
CROP = 16
"""Pixels of a side at which things are compared."""


@dataclass(frozen=True)
class Removal:
    """What became of N pictures from each of which one box was taken."""

    inside: float
    """Mean share of the pixels of the box that changed."""
    outside: float
    """Mean share of the pixels outside it that changed; it should be below .1."""
    overlap: float
    """Mean intersection over union of what changed with the box."""
    clean: float
    """Share of the pictures in which more than half of the box changed, and less than a tenth outside it."""


@dataclass(frozen=True)
class Move:
    """What became of N pictures in each of which one box was moved."""

    arrived: float
    """Mean intersection over union of the thing after the move with the new box."""
    stood: float
    """Mean intersection over union of the thing before the move with the old box: what `arrived` can hope for."""
    stayed: float
    """Mean intersection over union of the thing after the move with the old box: what `arrived` is without a move."""
    outside: float
    """Mean share of the pixels outside both boxes that changed."""


def changed(before: Tensor, after: Tensor, threshold: float = CHANGED) -> Tensor:
    """Return which pixels changed in some channel by more than `threshold`: two of (N, 3, S, S) to bool (N, S, S)."""
    return (after - before).abs().amax(dim=1) > threshold


def changed_outside(before: Tensor, after: Tensor, *boxes: Tensor, threshold: float = CHANGED) -> Tensor:
    """Return the share of the pixels outside all of the boxes that changed: (N,); 0 where there is no outside.

    Args:
        before: (N, 3, S, S) in [-1, 1].
        after: (N, 3, S, S).
        boxes: (N, 4) each, x, y, width and height in shares of the picture.
        threshold: as `changed`.
    """
    without = ~torch.stack([pixels_of(some, before.shape[-1]) for some in boxes]).any(dim=0)
    return _share(changed(before, after, threshold), without)


def extent_of_change(one: Tensor, other: Tensor, threshold: float = CHANGED) -> Tensor:
    """Return the box of what differs between two pictures, in shares: (N, 4); zeros where nothing does.

    A row or column of pixels counts where two of them differ, so that a single stray one does not.
    """
    differ, side = changed(one, other, threshold), one.shape[-1]

    def ends(through: Tensor) -> tuple[Tensor, Tensor]:
        there = (through >= FEWEST).float()
        first, last = there.argmax(dim=1), side - there.flip(1).argmax(dim=1)
        return first / side, torch.where(there.any(dim=1), last, first) / side

    (left, right), (top, bottom) = ends(differ.sum(dim=1)), ends(differ.sum(dim=2))
    return torch.stack([left, top, right - left, bottom - top], dim=1)


def removal(before: Tensor, after: Tensor, boxes: Tensor) -> Removal:
    """Measure what taking one box away changes, all else and the seed being the same.

    Args:
        before: (N, 3, S, S) in [-1, 1], drawn with the box.
        after: (N, 3, S, S), drawn without it.
        boxes: (N, 4), the box that went.
    """
    within = _share(changed(before, after), pixels_of(boxes, before.shape[-1]))
    without = changed_outside(before, after, boxes)
    overlap = box_overlap(extent_of_change(before, after), boxes)
    clean = (within > 0.5) & (without < 0.1)
    return Removal(*(float(one.float().mean()) for one in (within, without, overlap, clean)))


def move(before: Tensor, after: Tensor, gone: Tensor, old: Tensor, new: Tensor) -> Move:
    """Measure whether a thing goes where its box goes, all else and the seed being the same.

    Args:
        before: (N, 3, S, S) in [-1, 1], drawn with the box where it was.
        after: (N, 3, S, S), drawn with the box where it is now.
        gone: (N, 3, S, S), drawn without the box.
        old: (N, 4), where the box was.
        new: (N, 4), where it is now.
    """
    there, here = extent_of_change(gone, after), extent_of_change(gone, before)
    found = box_overlap(there, new), box_overlap(here, old), box_overlap(there, old)
    return Move(*(float(one.mean()) for one in (*found, changed_outside(before, after, old, new))))


def kept_identity(before: Tensor, after: Tensor, others: Tensor, old: Tensor, new: Tensor) -> float:
    """Return how often a thing that was moved looks more like itself than like the same thing of another seed.

    Both are cut from their boxes and compared by their mean absolute difference; chance is .5, ties count half.

    Args:
        before: (N, 3, S, S) in [-1, 1], drawn with the box where it was.
        after: (N, 3, S, S), drawn with the box where it is now and the same seed.
        others: (N, 3, S, S), drawn with the box where it was and another seed.
        old: (N, 4), where the box was.
        new: (N, 4), where it is now.
    """
    here, there, other = _cut(before, old), _cut(after, new), _cut(others, old)
    own, foreign = ((there - one).abs().mean(dim=(1, 2, 3)) for one in (here, other))
    return float((own < foreign).double().mean() + 0.5 * (own == foreign).double().mean())


def _cut(images: Tensor, boxes: Tensor) -> Tensor:
    """Return what lies in a box of each picture at one size: (N, 3, CROP, CROP)."""
    x, y, width, height = boxes.to(images).unbind(dim=1)
    nought = torch.zeros_like(x)
    theta = torch.stack([width, nought, 2 * x + width - 1, nought, height, 2 * y + height - 1], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(theta, [len(images), images.shape[1], CROP, CROP], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def pixels_of(boxes: Tensor, side: int) -> Tensor:
    """Return which pixels have any part in a box: (N, 4) to bool (N, S, S)."""
    edges = torch.arange(side, device=boxes.device)
    x, y, width, height = (one[:, None] * side for one in boxes.unbind(dim=1))
    across, down = (edges + 1 > x) & (edges < x + width), (edges + 1 > y) & (edges < y + height)
    return down[:, :, None] & across[:, None, :]


def _share(pixels: Tensor, of: Tensor) -> Tensor:
    """Return the share of some pixels that are set: two of bool (N, S, S) to (N,); 0 where there are none."""
    return (pixels & of).sum(dim=(1, 2)) / of.sum(dim=(1, 2)).clamp_min(1)
