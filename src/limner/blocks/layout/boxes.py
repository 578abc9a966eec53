"""Labelled boxes as tensors: their order, their counts, and how they are kept inside the picture.

Letters: B layouts, K boxes, L labels. Boxes are x, y, width, height in shares of the picture; labels are -1 where
there is no box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 0.01
"""Least width and height of a box that is drawn."""


def renumbered(labels: Tensor, names: Sequence[str], numbers: Mapping[str, int]) -> Tensor:
    """Return labels, numbers in `names`, by other numbers; those that have none are -1: (B, K)."""
    table = torch.tensor([*(numbers.get(name, -1) for name in names), -1], device=labels.device)
    return table[labels]


def in_order(labels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Sort the boxes of each row by label, those of a label from left to right; where there is no box, last.

    Args:
        labels: (B, K).
        boxes: (B, K, 4).
    """
    left = boxes[..., 0].clamp(-1, 2)
    rank = torch.where(labels < 0, torch.inf, 4.0 * labels + left).argsort(dim=1, stable=True)
    return labels.gather(1, rank), boxes.gather(1, rank[..., None].expand_as(boxes))


def counts_of(labels: Tensor, count: int) -> Tensor:
    """Count each of `count` labels in each row: (B, K) to (B, L)."""
    return one_hot(labels, count).sum(dim=1)


def one_hot(labels: Tensor, count: int) -> Tensor:
    """Return labels as one-hot floats, zeros where there is none: (B, K) to (B, K, L)."""
    return F.one_hot(labels + 1, count + 1)[..., 1:].float()


def inside(boxes: Tensor) -> Tensor:
    """Move boxes into the picture, and make those smaller that are larger than it, or the smallest larger."""
    sides = boxes[..., 2:].clamp(SMALLEST, 1)
    corners = torch.minimum(boxes[..., :2].clamp(min=0), 1 - sides)
    return torch.cat([corners, sides], dim=-1)


def largest(labels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest box of each row and its label; where there is none the whole picture, and -1.

    Args:
        labels: (B, K).
        boxes: (B, K, 4).

    Returns:
        labels (B,) and boxes (B, 4).
    """
    whole = boxes.new_tensor([0.0, 0.0, 1.0, 1.0])
    labels = torch.cat([labels, labels.new_full((len(labels), 1), -1)], dim=1)
    boxes = torch.cat([boxes, whole.expand(len(boxes), 1, 4)], dim=1)
    areas = torch.where(labels >= 0, boxes[..., 2] * boxes[..., 3], -1.0)
    areas[:, -1] = -0.5  # below any box that is there
    best = areas.argmax(dim=1, keepdim=True)
    return labels.gather(1, best)[:, 0], boxes.gather(1, best[..., None].expand(-1, -1, 4))[:, 0]
