"""Metrics of where things are drawn: the box of what stands on a flat ground, and key points that are hit.

Letters: N pictures, S their side, P key points.
"""

from __future__ import annotations

import torch
from torch import Tensor

UNLIKE = 0.25
"""Of pixels in [-1, 1]: how far one lies from the ground in some channel where something stands."""
FEWEST = 2
"""Pixels unlike the ground in a row or column through the thing, so that a single stray one is none."""


def standing_boxes(images: Tensor) -> Tensor:
    """Return the box of the pixels unlike the corners, x, y, width and height in shares of the picture: (N, 4).

    The ground's colour is the median of the four corners in each channel; where nothing is unlike it, the box is the
    whole picture.

    Args:
        images: (N, 3, S, S) in [-1, 1].
    """
    side = images.shape[-1]
    corners = images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].sort(dim=2).values[:, :, 1:3].mean(dim=2)  # (N, 3)
    unlike = (images - corners[:, :, None, None]).abs().amax(dim=1) > UNLIKE  # (N, S, S)

    def ends(through: Tensor) -> tuple[Tensor, Tensor]:
        there = (through >= FEWEST).float()
        first, last = there.argmax(dim=1), side - there.flip(1).argmax(dim=1)
        empty = ~there.any(dim=1)
        return first.masked_fill(empty, 0) / side, last.masked_fill(empty, side) / side

    (left, right), (top, bottom) = ends(unlike.sum(dim=1)), ends(unlike.sum(dim=2))
    return torch.stack([left, top, right - left, bottom - top], dim=1)


def box_overlap(found: Tensor, asked: Tensor) -> Tensor:
    """Return the intersection over union of two boxes of each picture, (N, 4) each: (N,)."""
    low = torch.maximum(found[:, :2], asked[:, :2])
    high = torch.minimum(found[:, :2] + found[:, 2:], asked[:, :2] + asked[:, 2:])
    both = (high - low).clamp(min=0).prod(dim=1)
    union = found[:, 2:].prod(dim=1) + asked[:, 2:].prod(dim=1) - both
    return torch.where(union > 0, both / union, torch.zeros_like(both))


def correct_key_points(found: Tensor, asked: Tensor, scale: Tensor | float = 1.0, reach: float = 0.1) -> float:
    """Return the share of the key points that lie where they should: PCK at `reach`; 0 where no point can be seen.

    Args:
        found: (N, P, 2) x and y in shares of the picture.
        asked: (N, P, 3) x, y, and 1 where the point can be seen and so counts.
        scale: (N,), the length of which `reach` is a share: the longer side of the thing's box; or 1, the picture's.
        reach: largest distance that counts as a hit.
    """
    gaps = (found - asked[..., :2]).norm(dim=2)
    limit = torch.as_tensor(scale, dtype=gaps.dtype).reshape(-1, 1) * reach
    seen = asked[..., 2] > 0
    return float(((gaps <= limit) & seen).sum() / seen.sum().clamp(min=1))
