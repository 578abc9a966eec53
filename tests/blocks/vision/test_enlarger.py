"""The enlarger: what it begins as, on what sides it works, and what it refuses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from limner.blocks.vision.enlarger import Enlarger
from limner.errors import UserError


@pytest.mark.parametrize("factor", [2, 4])
def test_it_begins_near_bilinear_enlargement_and_without_a_chequered_grid(factor: int) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, 12, 9) * 2 - 1
    net = Enlarger(factor, width=8, blocks=1)
    with torch.no_grad():
        added = net(images) - F.interpolate(images, scale_factor=float(factor), mode="bilinear")
    assert added.shape == (2, 3, 12 * factor, 9 * factor)
    assert 0 < added.abs().max() < 0.2
    blocks = added.unfold(2, factor, factor).unfold(3, factor, factor)  # (B, 3, h, w, r, r)
    assert (blocks - blocks.mean(dim=(-1, -2), keepdim=True)).abs().max() < 1e-5, "each place adds one colour"


def test_every_convolution_is_at_the_low_resolution() -> None:
    net, sides = Enlarger(4, width=8), []
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, given, made: sides.append(made.shape[-1]))
    net(torch.zeros(1, 3, 16, 16))
    assert sides == [16] * 6


@pytest.mark.parametrize("factor", [0, 1, 3, 6])
def test_other_factors_than_powers_of_two_are_refused(factor: int) -> None:
    with pytest.raises(UserError, match=f"a power of two .* not {factor}"):
        Enlarger(factor)
