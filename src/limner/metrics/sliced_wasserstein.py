"""Sliced Wasserstein distance of patches, level by level of a Laplacian pyramid (Karras et al. 2018, section 5)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

COARSEST = 16
"""Side of the last level: each level before it is twice as large."""
PATCH, PATCHES = 7, 128
DIRECTIONS = 512
_TAPS = (1.0, 4.0, 6.0, 4.0, 1.0)


def sliced_wasserstein(drawn: Tensor, real: Tensor, seed: int = 0) -> dict[int, float]:
    """Return a distance for each side of a pyramid, 1,000 times as large, as the paper gives it; 0 for equal patches.

    Of each picture 128 patches of 7 x 7 pixels are taken at each level, their channels centred and scaled over all
    patches of the set; the distance is the mean over 512 directions. The paper takes 16,384 pictures of each set: with
    fewer it is larger, also between two sets of real pictures, so it is compared within a protocol only.

    Args:
        drawn, real: pictures (N, 3, S, S) in [-1, 1], as many of both, S at least 16.
        seed: of the patches and directions.
    """
    rng = torch.Generator().manual_seed(seed)
    levels = zip(laplacian_pyramid(drawn), laplacian_pyramid(real), strict=True)
    found = {}
    for one, other in levels:
        points, others = (normalised(patches(level, rng)) for level in (one, other))
        found[one.shape[-1]] = 1000 * sliced_distance(points, others, rng)
    return found


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Return what each level of a Gaussian pyramid adds to the next, the coarsest as it is: (N, 3, s, s) for each s."""
    levels = [images.float()]
    while levels[-1].shape[-1] // 2 >= COARSEST:
        levels.append(_blurred(levels[-1], 1.0)[:, :, ::2, ::2])
    fine = [level - _up(coarse) for level, coarse in pairwise(levels)]
    return [*fine, levels[-1]]


def patches(level: Tensor, rng: torch.Generator) -> Tensor:
    """Return 128 random patches of each picture (N, 3, s, s): (128 N, 3, 7, 7)."""
    count, _, side, _ = level.shape
    corners = torch.randint(side - PATCH + 1, (2, count * PATCHES), generator=rng)
    rows = torch.arange(count).repeat_interleave(PATCHES)
    step = torch.arange(PATCH)
    down, across = corners[0][:, None, None] + step[:, None], corners[1][:, None, None] + step
    return level[rows[:, None, None], :, down, across].movedim(-1, 1)


def normalised(some: Tensor) -> Tensor:
    """Centre and scale each channel over all patches (P, 3, 7, 7), and flatten them: (P, 147)."""
    mean, deviation = some.mean(dim=(0, 2, 3), keepdim=True), some.std(dim=(0, 2, 3), keepdim=True)
    return ((some - mean) / deviation.clamp_min(1e-8)).flatten(1)


def sliced_distance(one: Tensor, other: Tensor, rng: torch.Generator, directions: int = DIRECTIONS) -> float:
    """Return the mean over random directions of the Wasserstein-1 distance of two sets of points (P, D) along each."""
    total, chunk = 0.0, 64
    for start in range(0, directions, chunk):
        axes = torch.randn(one.shape[1], min(chunk, directions - start), generator=rng).to(one)
        axes = F.normalize(axes, dim=0)
        gap = ((one @ axes).sort(dim=0).values - (other @ axes).sort(dim=0).values).abs().mean(dim=0)
        total += float(gap.sum())
    return total / directions


def _blurred(images: Tensor, gain: float) -> Tensor:
    taps = torch.tensor(_TAPS).to(images) / 16
    kernel = (gain * torch.outer(taps, taps)).expand(3, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)


def _up(images: Tensor) -> Tensor:
    wide = images.new_zeros(*images.shape[:2], 2 * images.shape[2], 2 * images.shape[3])
    wide[:, :, ::2, ::2] = images
    return _blurred(wide, 4.0)
