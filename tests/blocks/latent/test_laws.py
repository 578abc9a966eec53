"""Gaussian and Poisson laws, on numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from limner.blocks.latent.gaussian import Gaussian, importance_weighted, kl_divergence
from limner.blocks.latent.poisson import poisson_draw, poisson_log_probability, poisson_mode


def test_gaussian_worked_by_hand() -> None:
    one = Gaussian(torch.tensor([1.0, 0.0]), torch.tensor([0.0, math.log(4.0)]))
    standard = Gaussian(torch.zeros(2), torch.zeros(2))
    assert float(kl_divergence(one, standard)) == pytest.approx(0.5 * (1 + (4 - 1 - math.log(4))))
    assert float(kl_divergence(standard, one)) == pytest.approx(0.5 * (1 + (1 / 4 - 1 + math.log(4))))
    value = one.log_density(torch.tensor([2.0, 2.0]))
    assert float(value) == pytest.approx(-0.5 * (1 + 1 + math.log(4) + 2 * math.log(2 * math.pi)))
    assert one.draw(torch.tensor([1.0, 1.0])).tolist() == pytest.approx([2.0, 2.0])  # deviations 1 and 2


def test_importance_weights_are_exact_where_the_posterior_is() -> None:
    """x = z + noise of variance 1, z from N(0, 1): x has variance 2, and q(z|x) is N(x / 2, 1 / 2)."""
    x = torch.tensor([1.3])
    posterior = Gaussian(x / 2, torch.tensor([math.log(0.5)]))
    prior = Gaussian(torch.zeros(1), torch.zeros(1))
    z = posterior.draw(torch.randn(5, 1))
    given = Gaussian(z, torch.zeros_like(z)).log_density(x)
    exact = Gaussian(torch.zeros(1), torch.tensor([math.log(2.0)])).log_density(x)
    assert float(importance_weighted(given, posterior, prior, z)) == pytest.approx(float(exact), abs=1e-5)


def test_poisson_worked_by_hand() -> None:
    rate = torch.tensor(2.0)
    log_rate = rate.log()
    assert float(poisson_log_probability(torch.tensor(3.0), log_rate)) == pytest.approx(math.log(8 / 6) - 2)
    # P(0) = .135, P(<= 1) = .406, P(<= 2) = .677: the median is 2, and the noise at -2 lies below .135
    assert poisson_draw(log_rate.expand(3), torch.tensor([-2.0, 0.0, -0.5]), 20).tolist() == [0, 2, 1]
    assert poisson_draw(torch.tensor([9.0]), torch.tensor([9.0]), 5).tolist() == [5]  # no more than the most
    drawn = poisson_draw(log_rate.expand(4000), torch.randn(4000, generator=torch.Generator().manual_seed(0)), 40)
    assert float(drawn.float().mean()) == pytest.approx(2, abs=0.1)
    assert float(drawn.float().var()) == pytest.approx(2, abs=0.2)
    assert poisson_mode(torch.tensor([2.5, 0.4]).log()).tolist() == [2, 0]
