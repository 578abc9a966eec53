"""What all cascades share besides their parts: what people change of any of them, and what they show of real pictures.

Letters: B pictures, R the side they are read at, S that of the finished picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from limner.blocks.losses.differentiable_augmentation import window
from limner.system import System


@dataclass(frozen=True, kw_only=True)
class Cascaded:
    """What people change of a cascade; its `Config` has a `size`, too."""

    crop: bool = False
    """Read pictures at 76/64 of the size and show a random window, mirrored half of the time (so no "left")."""
    rate: float = 2e-4
    """Learning rate of all players that draw or judge."""
    kit: tuple[str, ...] = ()
    """Modern ingredients, by name: hinge, relativistic, r1, magp, augment, spectral, haze (see docs/cascades)."""


class Cascade(System):
    """A system whose `Config` is `Cascaded`."""

    @classmethod
    def data_size(cls, config: Any) -> int:
        """304 for 256 where windows are cut."""
        return config.size * 76 // 64 if config.crop else config.size

    def show(self, images: Tensor) -> Tensor:
        """Return real pictures (B, 3, R, R) as they are learnt from: (B, 3, S, S)."""
        return window(images, self.config.size) if self.config.crop else images
