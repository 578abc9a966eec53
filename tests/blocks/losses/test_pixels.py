"""Losses of pixels, by numbers worked by hand."""

from __future__ import annotations

import torch

from limner.blocks.losses.pixels import charbonnier


def test_charbonniers_loss_by_hand() -> None:
    far = torch.tensor([0.0, 0.008**0.5 * 0.1**0.5, 1.0])  # sqrt(8e-4)
    value = charbonnier(far, torch.zeros(3))
    expected = (1e-3 + (8e-4 + 1e-6) ** 0.5 + (1 + 1e-6) ** 0.5) / 3
    assert torch.isclose(value, torch.tensor(expected))
