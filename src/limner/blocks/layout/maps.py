"""Layouts as maps: the cells that a box covers, what is known of things painted into their shapes, points as cells.

Letters: B layouts, K boxes, L labels, P points, C channels, h the side of a map.
"""

from __future__ import annotations

import torch
from torch import Tensor


def interior(boxes: Tensor, side: int) -> Tensor:
    """Return the share of each cell that a box covers: (..., 4) to (..., side, side); it has gradients.

    Args:
        boxes: x, y, width and height in shares of the map.
        side: h.
    """
    edges = torch.arange(side, device=boxes.device, dtype=boxes.dtype)

    def along(start: Tensor, length: Tensor) -> Tensor:
        low, high = start[..., None] * side, (start + length)[..., None] * side
        return (torch.minimum(high, edges + 1) - torch.maximum(low, edges)).clamp(0, 1)

    x, y, width, height = boxes.unbind(dim=-1)
    return along(y, height)[..., :, None] * along(x, width)[..., None, :]


def painted(values: Tensor, shapes: Tensor) -> Tensor:
    """Paint what is known of each thing into its shape, and add up the things.

    Args:
        values: (B, K, C); zeros where there is no thing.
        shapes: (B, K, h, h) of boxes (`interior`) or masks.

    Returns:
        (B, C, h, h).
    """
    return torch.einsum("bkc,bkhw->bchw", values, shapes)


def strongest(values: Tensor, shapes: Tensor) -> Tensor:
    """Paint what is known of each thing into its shape; where shapes overlap the largest of the values stays.

    Outside the shape of a thing its values count as 0, so nothing that is painted is less than 0 where one of the K
    things is not.

    Args:
        values: (B, K, C); zeros where there is no thing.
        shapes: (B, K, h, h) of boxes (`interior`) or masks.

    Returns:
        (B, C, h, h).
    """
    return (values[..., None, None] * shapes[:, :, None]).amax(dim=1)


def planes(labels: Tensor, shapes: Tensor, count: int) -> Tensor:
    """Return a map for each label: the largest share of each cell that a thing of this label covers.

    Args:
        labels: (B, K), -1 where there is no thing.
        shapes: (B, K, h, h).
        count: L.

    Returns:
        (B, L, h, h).
    """
    where = (labels + 1)[..., None, None].expand_as(shapes)
    found = shapes.new_zeros(len(labels), count + 1, *shapes.shape[2:]).scatter_reduce(1, where, shapes, "amax")
    return found[:, 1:]


def heat(points: Tensor, side: int, least: float = 0.5) -> Tensor:
    """Return a map for each point, 1 in its cell and 0 elsewhere: (B, P, 3) to (B, P, side, side).

    A point that cannot be seen, or lies outside the picture, has a map of zeros: it is not moved to the border, where
    nothing is.

    Args:
        points: x and y in shares of the picture, and how sure it is that the point can be seen.
        side: h.
        least: above this a point can be seen.
    """
    x, y, seen = points.unbind(dim=-1)
    there = (seen > least) & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    column, row = ((v * side).floor().clamp(0, side - 1).long() for v in (x.nan_to_num(0), y.nan_to_num(0)))
    cells = torch.zeros(*x.shape, side * side, device=points.device, dtype=points.dtype)
    cells.scatter_(-1, (row * side + column)[..., None], there[..., None].to(points.dtype))
    return cells.unflatten(-1, (side, side))
