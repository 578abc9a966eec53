"""Mixtures of bivariate normal laws: densities worked by hand, and draws that follow them."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from limner.blocks.latent.mixture import LARGEST_CORRELATION, LEAST_DEVIATION, Mixture, chosen


def law(*components: tuple[float, float, float, float, float, float]) -> Mixture:
    """Return a mixture of (weight, mean, mean, deviation, deviation, correlation)."""
    numbers = []
    for weight, x, y, across, down, rho in components:
        logs = [math.log(deviation - LEAST_DEVIATION) for deviation in (across, down)]
        numbers += [math.log(weight), x, y, *logs, math.atanh(rho / LARGEST_CORRELATION)]
    return Mixture.of(torch.tensor(numbers))


def test_a_density_worked_by_hand() -> None:
    # by hand: z = (1, 2), rho .5, 1 - rho^2 = .75, z'Rz = (1 + 4 - 2) / .75 = 4
    one = law((1.0, 0.1, 0.2, 0.5, 0.25, 0.5)).log_density(torch.tensor([0.6, 0.7]))
    by_hand = -4 / 2 - math.log(2 * math.pi * 0.5 * 0.25 * math.sqrt(0.75))
    assert one.item() == pytest.approx(by_hand, abs=1e-5)
    both = law((0.25, 0.1, 0.2, 0.5, 0.25, 0.5), (0.75, 0.6, 0.7, 0.1, 0.1, 0.0))
    peak = 1 / (2 * math.pi * 0.01)
    assert both.log_density(torch.tensor([0.6, 0.7])).item() == pytest.approx(
        math.log(0.25 * math.exp(by_hand) + 0.75 * peak), abs=1e-5
    )


def test_a_density_is_that_of_torch() -> None:
    one = law((1.0, 0.1, 0.2, 0.5, 0.25, -0.7))
    covariance = torch.tensor([[0.25, -0.7 * 0.125], [-0.7 * 0.125, 0.0625]])
    places = torch.randn(50, 2)
    wanted = torch.distributions.MultivariateNormal(torch.tensor([0.1, 0.2]), covariance).log_prob(places)
    assert_close(one.log_density(places), wanted, atol=1e-4, rtol=1e-4)


def test_far_away_and_at_the_end_of_tanh_it_stays_finite_and_has_gradients() -> None:
    for extreme in (-60.0, 60.0):
        numbers = torch.full((2, 12), extreme, requires_grad=True)
        with torch.no_grad():
            numbers[:, 3:5] = numbers[:, 9:11] = min(extreme, 2.0)
        value = Mixture.of(numbers).log_density(torch.tensor([[0.0, 0.0], [60.0, -60.0]]))
        assert torch.isfinite(value).all()
        value.sum().backward()
        assert numbers.grad is not None and torch.isfinite(numbers.grad).all()


def test_each_mixture_has_mass_one() -> None:
    both = law((0.3, 0.4, 0.5, 0.05, 0.1, 0.9), (0.7, 0.6, 0.4, 0.1, 0.04, -0.99))
    side = torch.linspace(-0.5, 1.5, 801)
    grid = torch.cartesian_prod(side, side)
    assert both.log_density(grid).exp().sum().item() * (2 / 800) ** 2 == pytest.approx(1.0, abs=1e-3)


def test_draws_follow_the_law() -> None:
    both = law((0.25, 0.2, 0.8, 0.02, 0.04, 0.8), (0.75, 0.7, 0.3, 0.1, 0.05, -0.5))
    drawn = both.draw(torch.randn(40_000, 3, generator=torch.Generator().manual_seed(0)))
    left = drawn[:, 0] < 0.28
    assert left.float().mean().item() == pytest.approx(0.25, abs=0.01)
    for part, mean, deviation, rho in (
        (drawn[left], (0.2, 0.8), (0.02, 0.04), 0.8), (drawn[~left], (0.7, 0.3), (0.1, 0.05), -0.5),
    ):  # fmt: skip
        assert_close(part.mean(dim=0), torch.tensor(mean), atol=3e-3, rtol=0)
        assert_close(part.std(dim=0), torch.tensor(deviation), atol=3e-3, rtol=0)
        assert torch.corrcoef(part.T)[0, 1].item() == pytest.approx(rho, abs=0.02)


def test_temperature_makes_draws_likelier_and_zero_is_the_heaviest_mean() -> None:
    both = law((0.3, 0.2, 0.8, 0.02, 0.04, 0.8), (0.7, 0.7, 0.3, 0.1, 0.05, -0.5))
    noise = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    warm, cool = both.draw(noise), both.draw(noise, 0.4)
    assert both.log_density(cool).mean() > both.log_density(warm).mean() + 0.3
    assert (cool[:, 0] < 0.28).float().mean() < 0.13 < (warm[:, 0] < 0.28).float().mean()
    assert_close(both.draw(noise[:1], 0.0)[0], torch.tensor([0.7, 0.3]))


def test_a_choice_follows_its_softmax_and_its_own_noise() -> None:
    logits = torch.tensor([0.2, 0.5, 0.3]).log()
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    found = chosen(logits.expand(20_000, 3), noise)
    assert_close(found.bincount(minlength=3) / 20_000, torch.tensor([0.2, 0.5, 0.3]), atol=0.01, rtol=0)
    assert chosen(logits, noise[7]) == found[7]
    assert chosen(logits, torch.tensor(9.0)) == 2 and chosen(logits, torch.tensor(-9.0)) == 0
