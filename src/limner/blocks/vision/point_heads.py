"""Where key points are in a picture, read off a map of its places.

Letters: B pictures, C channels, h side of the map, P key points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PointHeads(nn.Module):
    """A map of scores for each key point, whose softmax weighs the middles of cells: (B, C, h, h) to (B, P, 2).

    Dilated convolutions let each cell see the whole map, so that a left eye is told from a right one.

    Args:
        channels: C.
        points: P.
        width: channels between.
    """

    def __init__(self, channels: int, points: int, width: int = 48) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, width, 3, padding=1)]
        for reach in (2, 4, 1):
            layers += [nn.ReLU(), nn.Conv2d(width, width, 3, padding=reach, dilation=reach)]
        self.scores = nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(width, points, 1))

    def forward(self, fine: Tensor) -> Tensor:
        """Return x and y of each point in shares of the picture: (B, P, 2)."""
        scores = self.scores(fine).float()
        weight = scores.flatten(2).softmax(dim=2).unflatten(2, scores.shape[2:])  # (B, P, h, h)
        middles = (torch.arange(scores.shape[-1], device=fine.device) + 0.5) / scores.shape[-1]
        return torch.stack([(weight.sum(dim=2) * middles).sum(dim=2), (weight.sum(dim=3) * middles).sum(dim=2)], dim=2)


def pointing_error(found: Tensor, points: Tensor) -> Tensor:
    """Return the mean distance along x and y of found places (B, P, 2) from points (B, P, 3) that can be seen."""
    gaps = (found - points[..., :2]).abs().mean(dim=2) * points[..., 2]
    return gaps.sum() / points[..., 2].sum().clamp(min=1)
