"""Maps and boxes: a whole map put into a box, and a box stretched to a whole map (spatial transformers).

Jaderberg et al. 2015, as Reed et al. 2016 use them. A map lies in a square whose corners are (0, 0) and (1, 1); its
cells are areas of that square, not points of it (`align_corners=False`).

Letters: N maps with a box each, C channels, h the side of a map.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def cropped(maps: Tensor, boxes: Tensor, side: int = 0) -> Tensor:
    """Stretch what lies in a box of each map to a whole map.

    Args:
        maps: (N, C, h, h).
        boxes: (N, 4) x, y, width and height in shares of the map.
        side: of what is returned; 0 for h.

    Returns:
        (N, C, side, side).
    """
    x, y, width, height = boxes.unbind(dim=1)
    return _warped(maps, width, height, 2 * x + width - 1, 2 * y + height - 1, side)


def placed(maps: Tensor, boxes: Tensor, side: int = 0) -> Tensor:
    """Put each whole map into its box; zeros outside.

    Args:
        maps: (N, C, h, h).
        boxes: (N, 4) x, y, width and height in shares of the map.
        side: of what is returned; 0 for h.

    Returns:
        (N, C, side, side).
    """
    x, y, width, height = boxes.unbind(dim=1)
    return _warped(maps, 1 / width, 1 / height, -(2 * x + width - 1) / width, -(2 * y + height - 1) / height, side)


def _warped(maps: Tensor, across: Tensor, down: Tensor, right: Tensor, below: Tensor, side: int) -> Tensor:
    """Read at (u, v) of the result what lies at (across u + right, down v + below); both in [-1, 1]."""
    nought = torch.zeros_like(across)
    theta = torch.stack([across, nought, right, nought, down, below], dim=1).view(-1, 2, 3).to(maps.dtype)
    shape = [len(maps), maps.shape[1], side or maps.shape[2], side or maps.shape[3]]
    grid = F.affine_grid(theta, shape, align_corners=False)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
