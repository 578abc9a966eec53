"""Regions of interest: what a map holds in each of many boxes, read at one size (RoIAlign, He et al. 2017).

Boxes are in shares of the map, so they mean the same place in a map of any side, and no scale has to be agreed upon.

Letters: B maps, C channels, h side of a map, K boxes of each, r side of what is read of a box.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SAMPLES = 2
"""Points along each side of a cell of what is read, whose mean it is; RoIAlign has as many."""


def regions(maps: Tensor, boxes: Tensor, side: int = 5) -> Tensor:
    """Read what lies in each box of each map, stretched to r by r cells; each cell is the mean of four points in it.

    Points are interpolated between the middles of the map's cells; at the edge the outermost cell goes on.

    Args:
        maps: (B, C, h, h).
        boxes: (B, K, 4) x, y, width and height in shares of the map.
        side: r.

    Returns:
        (B, K, C, r, r).
    """
    count, points = boxes.shape[1], side * SAMPLES
    steps = (torch.arange(points, device=boxes.device, dtype=boxes.dtype) + 0.5) / points
    x, y, width, height = (part[..., None] for part in boxes.unbind(dim=-1))  # (B, K, 1) each
    across, down = x + width * steps, y + height * steps  # (B, K, rs)
    grid = torch.stack(
        [across[..., None, :].expand(-1, -1, points, -1), down[..., None].expand(-1, -1, -1, points)], -1
    )
    grid = (2 * grid - 1).flatten(1, 2).float()  # (B, K rs, rs, 2) in [-1, 1]
    read = F.grid_sample(maps.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return F.avg_pool2d(read, SAMPLES).unflatten(2, (count, side)).transpose(1, 2).to(maps.dtype)


def by_size(labels: Tensor, boxes: Tensor, small: float = 0.25) -> tuple[Tensor, Tensor]:
    """Tell small boxes from large ones: every box that is there is one of the two.

    Args:
        labels: (B, K), -1 where there is no box.
        boxes: (B, K, 4).
        small: a box is small where its longer side is less than this share of the picture, and else large.

    Returns:
        1 for each small box, and for each large one, else 0: two of (B, K).
    """
    there, large = labels >= 0, boxes[..., 2:].amax(dim=-1) >= small
    return (there & ~large).float(), (there & large).float()
