"""Noise for a training step."""

from __future__ import annotations

from torch import Tensor


def normal(like: Tensor, count: int) -> Tensor:
    """Draw from N(0, 1) for each row of `like`: (B, count)."""
    return like.new_empty(len(like), count).normal_()
