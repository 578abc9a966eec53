"""A view of pictures at two sizes: as they are, and as small as the cache would keep them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner.data.views import Readable, Rows, View
from limner.pictures import square


@dataclass(frozen=True)
class Scales(View):
    """Pictures, or patches of them, and the same places of the small pictures.

    Letters: B pictures, r the factor, P the side of a patch of the small picture.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"image"})
    factor: ClassVar[int] = 4
    """r; `scales` sets it."""
    patch: ClassVar[int] = 0
    """P; 0 for whole pictures. `scales` sets it."""
    images: Tensor
    """(B, 3, r P, r P); bytes when gathered, floats in [-1, 1] in a step."""
    small: Tensor
    """(B, 3, P, P), likewise."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`, resize them as `limner.pictures.square` does, and cut one patch at random out of each."""
        large = data.pictures(rows, split).numpy()
        small = np.stack([shrunk(picture, cls.factor) for picture in large])
        side, patch = small.shape[-1], cls.patch or small.shape[-1]
        corners = rng.integers(max(side - patch, 0) + 1, size=(len(large), 2))
        cut = [(_cut(a, place * cls.factor, patch * cls.factor), _cut(b, place, patch))
               for a, b, place in zip(large, small, corners, strict=True)]  # fmt: skip
        whole = (torch.from_numpy(np.stack(some)) for some in zip(*cut, strict=True))
        return cls(*whole)


@functools.cache
def scales(factor: int, patch: int = 0) -> type[Scales]:
    """Return the view of patches of P x P small and `factor` times as many large pixels a side."""
    return type("Scales", (Scales,), {"factor": factor, "patch": patch, "__doc__": Scales.__doc__})


def shrunk(picture: np.ndarray, factor: int) -> np.ndarray:
    """Return bytes (3, S, S) as (3, S / factor, S / factor), resized as the cache resizes a large picture."""
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    return np.asarray(square(image, picture.shape[-1] // factor)).transpose(2, 0, 1)


def _cut(picture: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    return picture[:, corner[0] : corner[0] + side, corner[1] : corner[1] + side]
