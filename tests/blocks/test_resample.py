import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.resample import doubled, pooled
from limner.blocks.penalties import gradient_penalty


def both(plain: Tensor, quick: Tensor, *given: Tensor) -> None:
    """Values and gradients of two ways to the same end agree to what double precision leaves."""
    assert_close(quick, plain)
    towards = torch.randn_like(plain)
    assert_close(torch.autograd.grad(quick, given, towards), torch.autograd.grad(plain, given, towards))


@pytest.mark.parametrize("side", [2, 6, 16])
def test_pooled_is_convolve_then_mean(side: int) -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 5, 3, padding=1).double(), torch.randn(2, 3, side, side).double().requires_grad_()
    both(F.avg_pool2d(layer(x), 2), pooled(x, layer), x, *layer.parameters())


@pytest.mark.parametrize("side", [2, 8, 11])
def test_doubled_is_double_then_convolve(side: int) -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 5, 3, padding=1).double(), torch.randn(2, 3, side, side).double().requires_grad_()
    both(layer(F.interpolate(x, scale_factor=2.0)), doubled(x, layer), x, *layer.parameters())
    with torch.no_grad():
        assert_close(doubled(x, layer), layer(F.interpolate(x, scale_factor=2.0)), rtol=0, atol=0)


def test_a_penalty_passes_through_both() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 3, 3, padding=1).double()
    x = torch.randn(2, 3, 8, 8).double()

    def slope(critic) -> Tensor:
        penalty = gradient_penalty(lambda x: critic(x.double()).square().sum(dim=(1, 2, 3)), x)
        return torch.autograd.grad(penalty, layer.weight)[0]

    plain = slope(lambda x: F.avg_pool2d(layer(layer(F.interpolate(x, scale_factor=2.0))), 2))
    assert_close(slope(lambda x: pooled(doubled(x, layer), layer)), plain)
