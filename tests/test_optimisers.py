"""Optimisers do what their names say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from limner.optimisers import adam, adam_l2


def test_l2_is_added_to_the_gradient() -> None:
    """With a gradient of 0 and weights of 2: Adam's first step is its rate, whatever the size of l2."""
    for make_it, after in ((adam_l2(0.1, 0.004), 1.9), (adam(0.1, weight_decay=0.004), 2 * (1 - 0.1 * 0.004))):
        weight = nn.Parameter(torch.full((1,), 2.0))
        optimiser = make_it([weight])
        weight.grad = torch.zeros(1)
        optimiser.step()
        assert weight.item() == pytest.approx(after, abs=1e-4)
