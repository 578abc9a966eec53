"""The energy score on numbers worked by hand, and that it is smallest where drawings differ as real pictures do."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from limner.blocks.losses.energy_score import SMOOTH, distance, energy_score, typical_distance


def maps(*values: float) -> Tensor:
    """A map of one channel and 2x2 places for each value."""
    return torch.tensor(values)[:, None, None, None].expand(-1, 1, 2, 2).contiguous()


def test_by_hand() -> None:
    """Two rows, real 0 and 2: they differ by 2, the unit. Drawings 1 and -1 beside 0; 2 and 2 beside 2."""
    real, first, second = maps(0, 2), maps(1, 2), maps(-1, 2)
    assert typical_distance(real).item() == pytest.approx(2.0)
    near, far = math.hypot(0.5, SMOOTH), math.hypot(1.0, SMOOTH)
    assert distance(first, real, torch.tensor(2.0)).tolist() == pytest.approx([near, SMOOTH])
    found = energy_score([first, first], [second, second], [real, real])  # two equal maps count twice
    assert found.tolist() == pytest.approx([2 * (near + near - far) / 2, 2 * SMOOTH / 2], abs=1e-6)


def test_real_pictures_set_the_unit_and_get_no_gradient() -> None:
    torch.manual_seed(0)
    real, first, second = (torch.randn(4, 3, 2, 2, requires_grad=True) for _ in range(3))
    small = energy_score([first], [second], [real])
    large = energy_score([10 * first], [10 * second], [10 * real])
    assert torch.allclose(small, large, atol=1e-4)  # a map of larger numbers weighs no more
    small.sum().backward()
    assert real.grad is None and first.grad is not None and second.grad is not None


def test_it_is_finite_where_two_drawings_are_one() -> None:
    drawn = torch.zeros(2, 1, 2, 2, requires_grad=True)
    energy_score([drawn], [drawn], [torch.zeros(2, 1, 2, 2)]).sum().backward()
    assert drawn.grad is not None and drawn.grad.isfinite().all()


def test_it_asks_for_the_right_spread() -> None:
    """Real pictures lie at -1 and 1: drawings of that spread score better than alike ones, and than wilder ones."""
    torch.manual_seed(0)

    def score(spread: float) -> float:
        real, a, b = (torch.randint(0, 2, (4000, 1, 1, 1)) * 2.0 - 1 for _ in range(3))
        return energy_score([spread * a], [spread * b], [real]).mean().item()

    assert score(1.0) < score(0.0) and score(1.0) < score(2.0)
