"""What becomes of boxes and points where a window is cut from a picture, or it is mirrored.

Letters: B pictures, R their side, P points.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from limner.blocks.losses.differentiable_augmentation import Window

SMALLEST = 1e-2
"""Least side of a box of which hardly anything is left."""


def boxes_in(boxes: Tensor, window: Window, side: int) -> Tensor:
    """Return boxes (B, 4), in shares of pictures of `side` pixels, in shares of their windows, cut at the edge."""
    ends = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1) * side  # left, top, right, bottom in pixels
    start = torch.cat([window.left, window.top], dim=1).repeat(1, 2)
    left, top, right, bottom = ((ends - start) / window.size).clamp(0, 1).unbind(dim=1)
    left, right = torch.where(window.mirrored[:, 0], torch.stack([1 - right, 1 - left]), torch.stack([left, right]))
    width, height = (right - left).clamp(min=SMALLEST), (bottom - top).clamp(min=SMALLEST)
    return torch.stack([left.clamp(max=1 - SMALLEST), top.clamp(max=1 - SMALLEST), width, height], dim=1)


def points_in(points: Tensor, window: Window, side: int, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Return points (B, P, 3), in shares of pictures of `side` pixels, in shares of their windows.

    Points outside the window are absent. In a mirrored picture the two points of each pair, such as left eye and right
    eye, change their places in the list, too: what was the left eye is the right one then.

    Args:
        points: x, y, and 1 where a point can be seen; zeros where it is absent.
        window: of each picture.
        side: R.
        pairs: `Schema.mirrored`.
    """
    start = torch.cat([window.left, window.top], dim=1)[:, None]
    places = (points[..., :2] * side - start) / window.size
    seen = (points[..., 2] > 0) & (places >= 0).all(dim=-1) & (places <= 1).all(dim=-1)
    flipped = torch.stack([1 - places[..., 0], places[..., 1]], dim=-1)
    found = torch.cat([torch.where(window.mirrored[..., None], flipped, places), seen[..., None]], dim=-1)
    found = found * seen[..., None]
    order = list(range(points.shape[1]))
    for one, other in pairs:
        order[one], order[other] = other, one
    return torch.where(window.mirrored[..., None], found[:, order], found)
