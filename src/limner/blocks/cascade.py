"""What people change of any cascade, and the windows of real pictures that it learns from.

Letters: B pictures, R the side they are read at, S that of the finished picture.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from limner.blocks.losses.differentiable_augmentation import window


@dataclass(frozen=True, kw_only=True)
class CascadeConfig:
    """What people change of a cascade."""

    crop: bool = False
    """Read pictures at 76/64 of the size and show a random window, mirrored half of the time (so no "left")."""
    rate: float = 2e-4
    """Learning rate of all players that draw or judge."""
    kit: tuple[str, ...] = ()
    """Modern ingredients, by name: hinge, relativistic, r1, magp, augment, spectral, haze (see docs/cascades)."""


def read_size(size: int, crop: bool) -> int:
    """Return R: S, or 76/64 of it where windows are cropped (304 for 256)."""
    return size * 76 // 64 if crop else size


def random_window(images: Tensor, size: int, crop: bool) -> Tensor:
    """Return real pictures (B, 3, R, R) as they are learnt from: (B, 3, S, S)."""
    return window(images, size) if crop else images
