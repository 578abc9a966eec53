"""The gradient penalty of WGAN-GP worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from limner.blocks.losses.wasserstein import wasserstein_gradient_penalty


def test_the_penalty_takes_the_norm_over_a_whole_picture() -> None:
    real, drawn = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    scale = torch.tensor([1.0, 3.0])  # norms sqrt(48) and 3 sqrt(48), not sqrt(3) at each of 16 places
    loss = wasserstein_gradient_penalty(lambda x: scale * x.flatten(1).sum(dim=1), real, drawn)
    norms = scale * math.sqrt(48)
    assert loss.item() == pytest.approx(10 * (norms - 1).square().mean().item(), rel=1e-5)


def test_the_penalty_is_taken_between_real_and_drawn_pictures() -> None:
    between = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        between.append(x.detach())
        return x.flatten(1).sum(dim=1)

    wasserstein_gradient_penalty(critic, torch.zeros(64, 3, 4, 4), torch.ones(64, 3, 4, 4))
    positions = between[0].flatten(1)
    assert torch.equal(positions.amin(dim=1), positions.amax(dim=1))  # one position a picture
    assert positions.min() < 0.2 and positions.max() > 0.8


@pytest.mark.parametrize("shape", [(64, 5), (64, 8, 15), (64, 2, 3, 4, 4)])
def test_rows_may_have_any_shape(shape: tuple[int, ...]) -> None:
    positions = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        positions.append(x.detach().flatten(1))
        return 2 * x.flatten(1).sum(dim=1)

    loss = wasserstein_gradient_penalty(critic, torch.zeros(shape), torch.ones(shape))
    numbers = math.prod(shape[1:])
    assert loss.item() == pytest.approx(10 * (2 * math.sqrt(numbers) - 1) ** 2, rel=1e-5)
    assert torch.equal(positions[0].amin(dim=1), positions[0].amax(dim=1)) and positions[0].std() > 0.1


@pytest.mark.parametrize("kinds", [(torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)])
def test_one_side_may_be_of_half_precision(kinds: tuple[torch.dtype, torch.dtype]) -> None:
    real, drawn = (torch.full((2, 3, 4), value).to(kind) for value, kind in zip((0.5, 1.0), kinds, strict=True))
    loss = wasserstein_gradient_penalty(lambda x: x.flatten(1).sum(dim=1), real, drawn)
    assert loss.item() == pytest.approx(10 * (12**0.5 - 1) ** 2)
