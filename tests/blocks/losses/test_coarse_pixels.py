"""Coarse pixels, worked by hand."""

from __future__ import annotations

import pytest
import torch

from limner.blocks.losses.coarse_pixels import coarse_l1, falling, rising


def test_worked_by_hand() -> None:
    """One of four squares differs by 0.8 in one of three channels: 0.8 / 12."""
    drawn, real = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    real[:, 1, :2, 2:] = 0.8
    assert coarse_l1(drawn, real, side=2).item() == pytest.approx(0.8 / 12)


def test_what_is_finer_than_a_square_is_free() -> None:
    chequers = torch.ones(1, 3, 32, 32)
    chequers[:, :, ::2, ::2] = chequers[:, :, 1::2, 1::2] = -1
    assert coarse_l1(chequers, torch.zeros_like(chequers)).item() == pytest.approx(0)
    assert coarse_l1(chequers, torch.zeros_like(chequers), side=32).item() == pytest.approx(1)


def test_the_weight_falls_and_stays() -> None:
    assert [falling(at, 5, 1) for at in (0, 0.25, 0.5, 1)] == pytest.approx([5, 3, 1, 1])
    assert [rising(at, 0.2, 0.5) for at in (0, 0.2, 0.35, 0.5, 1)] == pytest.approx([0, 0, 0.5, 1, 1])
