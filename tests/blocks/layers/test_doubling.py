"""A convolution taken as one with the doubling before it, or the halving after it, is the same sum."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from limner.blocks.layers.doubling import doubled, halved


def doubling_first(x: Tensor, layer: nn.Conv2d) -> Tensor:
    return layer(F.interpolate(x, scale_factor=2.0))


def halving_after(x: Tensor, layer: nn.Conv2d) -> Tensor:
    return F.avg_pool2d(layer(x), 2)


BOTH = pytest.mark.parametrize(
    ("fused", "plain"), [(doubled, doubling_first), (halved, halving_after)], ids=["doubled", "halved"]
)
Layer = Callable[[Tensor, nn.Conv2d], Tensor]


@BOTH
@pytest.mark.parametrize("side", [4, 8, 12])
def test_values_and_gradients_are_those_of_the_two_steps(fused: Layer, plain: Layer, side: int) -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(5, 6, 3, padding=1), torch.randn(2, 5, side, side, requires_grad=True)
    assert_close(fused(x, layer), plain(x, layer), atol=1e-5, rtol=1e-5)
    wanted = [x, layer.weight, layer.bias]
    found, expected = (torch.autograd.grad(way(x, layer).square().sum(), wanted) for way in (fused, plain))
    assert_close(found, expected, atol=1e-3, rtol=1e-4)


def test_the_mean_of_a_convolution_by_hand() -> None:
    # Ones everywhere and a kernel of ones: inside a map of 8x8 each place sums 9, at an edge 6, in a corner 4.
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(layer.weight)
    means = halved(torch.ones(1, 1, 8, 8), layer)[0, 0]
    assert means[1, 1] == 9
    assert means[0, 1] == (9 + 9 + 6 + 6) / 4
    assert means[0, 0] == (9 + 6 + 6 + 4) / 4


@BOTH
def test_four_ninths_of_the_products(fused: Layer, plain: Layer) -> None:
    layer, x = nn.Conv2d(5, 6, 3, padding=1), torch.randn(2, 5, 16, 16)
    counts = []
    for way in (fused, plain):
        with FlopCounterMode(display=False) as counter:
            way(x, layer)
        counts.append(counter.get_total_flops())
    assert counts[0] / counts[1] == pytest.approx(4 / 9)
