"""Views of pictures with masks of what stands before the ground. Letters: B pictures, S their side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from limner.data.views import Labelled, Pairs, Readable, Rows, View, fields_of


@dataclass(frozen=True)
class Masked(Pairs):
    """Pictures, captions, and what stands before the ground."""

    needs: ClassVar[frozenset[str]] = frozenset({"image", "text", "masks"})
    masks: Tensor
    """(B, 1, S, S) the share of each pixel that the foreground covers, in [0, 1]; zeros where it is not known."""
    known: Tensor
    """bool (B,) whether the mask of each picture is known."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`, as `Pairs`, and their masks."""
        return cls(**_with_masks(Pairs.gather(data, rows, rng, split), data, rows, split))


@dataclass(frozen=True)
class MaskedLabelled(Labelled):
    """Pictures, labels, attributes, and what stands before the ground; no captions are read."""

    needs: ClassVar[frozenset[str]] = frozenset({"image", "masks"})
    masks: Tensor
    """(B, 1, S, S) the share of each pixel that the foreground covers, in [0, 1]; zeros where it is not known."""
    known: Tensor
    """bool (B,) whether the mask of each picture is known."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`, as `Labelled`, and their masks."""
        return cls(**_with_masks(Labelled.gather(data, rows, rng, split), data, rows, split))


def _with_masks(view: View, data: Readable, rows: Rows, split: str) -> dict[str, Any]:
    masks, known = data.foreground(rows, split)
    return fields_of(view) | {"masks": masks.float().div_(255), "known": known}
