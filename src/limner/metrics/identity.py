"""Identity: does what a changed request leaves alone stay as it was?

Letters: B pictures, E pairs of drawings, A attributes, P descriptions, K drawings of each, H and W sides of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.metrics.diversity import diversity


@dataclass(frozen=True)
class Identity:
    """Shares of what a judge sees in pairs of drawings, before and after one attribute was changed in the request."""

    kept: float
    """Of all other attributes, the share that is the same in both drawings."""
    obeyed: float
    """Of the pairs, the share whose second drawing has the value that was asked for."""
    each: tuple[float, ...]
    """`kept` of each attribute, NaN where it was never one of the others."""


def identity(before: Tensor, after: Tensor, changed: Tensor, value: Tensor, counted: Tensor) -> Identity:
    """Compare what a judge sees in E pairs of drawings of which one attribute was changed.

    Args:
        before: (E, A) numbers of values, in drawings of the request.
        after: (E, A), in drawings of the changed request with the same seeds.
        changed: (E,) which attribute was changed.
        value: (E,) to which value.
        counted: bool (E, A), which other attributes count.
    """
    rows = torch.arange(len(changed))
    others = counted.clone()
    others[rows, changed] = False
    same = (before == after) & others
    obeyed = float((after[rows, changed] == value).double().mean())
    each = tuple((same.sum(dim=0).double() / others.sum(dim=0)).tolist())  # 0 / 0 is NaN
    return Identity(int(same.sum()) / max(int(others.sum()), 1), obeyed, each)


def rewording_ratio(worded: Tensor, seeded: Tensor) -> float:
    """Return how much drawings of several wordings of one description differ, of how much those of several seeds do.

    0: wording changes nothing; 1: it changes as much as the seed. Deviations are of pixels; not a number where seeds
    change nothing.

    Args:
        worded: (P, K, 3, H, W) drawings of K wordings of each of P descriptions, with one seed.
        seeded: (P, K, 3, H, W) drawings of the first wording of each with K seeds.
    """
    over_seeds = diversity(seeded)["pixels"]
    return diversity(worded)["pixels"] / over_seeds if over_seeds else float("nan")


def change_outside(before: Tensor, after: Tensor, boxes: Tensor) -> float:
    """Return how much pixels change outside the part that a request changes, of how much they change inside it.

    Mean absolute differences, summed over pairs. 0: only the part changes; 1: all of the picture alike. Not a number
    where nothing changes inside, or no pair has a box.

    Args:
        before: (E, 3, H, W) drawings of the request.
        after: (E, 3, H, W) drawings of the changed request with the same seeds.
        boxes: (E, 4) x, y, width and height of where that part may lie, in shares; NaN where nobody knows.
    """
    known = ~boxes.isnan().any(dim=1)
    change = (after - before)[known].abs().mean(dim=1)  # (E', H, W)
    inside = _inside(boxes[known], *change.shape[1:])
    areas = inside.sum(dim=(1, 2)), (~inside).sum(dim=(1, 2))
    within, without = ((change * where).sum(dim=(1, 2)) for where in (inside, ~inside))
    both = (areas[0] > 0) & (areas[1] > 0)
    total = float((within / areas[0])[both].sum())
    return float((without / areas[1])[both].sum()) / total if total else float("nan")


def _inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return which pixels have their centre in a box: (E, 4) to bool (E, H, W)."""
    x, y = ((torch.arange(side) + 0.5) / side for side in (width, height))
    left, top, wide, high = boxes.T[:, :, None]
    across, down = (x >= left) & (x < left + wide), (y >= top) & (y < top + high)
    return down[:, :, None] & across[:, None, :]


def silhouette(images: Tensor, tolerance: float = 0.1) -> Tensor:
    """Return which pixels are unlike the ground: pictures (B, 3, H, W) in [-1, 1] to bool (B, H, W).

    The ground is the mean colour of the two upper corners; unlike is more than `tolerance` away, as a mean over
    channels.
    """
    ground = (images[:, :, 0, 0] + images[:, :, 0, -1])[:, :, None, None] / 2
    return (images - ground).abs().mean(dim=1) > tolerance


def overlap(one: Tensor, other: Tensor) -> float:
    """Return the mean intersection over union of shapes, two of bool (B, H, W); 1 where both are empty."""
    union = (one | other).sum(dim=(1, 2))
    both = (one & other).sum(dim=(1, 2))
    return float(torch.where(union > 0, both / union.clamp_min(1), 1.0).double().mean())
