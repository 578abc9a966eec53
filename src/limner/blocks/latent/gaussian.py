"""Diagonal Gaussians: of latent variables, and of what is drawn. All in nats."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2 * math.pi)


class Gaussian(NamedTuple):
    """A diagonal Gaussian; the last dimension is that of one draw."""

    mean: Tensor
    """(..., Z)."""
    log_variance: Tensor
    """(..., Z)."""

    def draw(self, epsilon: Tensor) -> Tensor:
        """Turn noise from N(0, 1) into a draw (Kingma and Welling 2014: the reparameterisation)."""
        return self.mean + (self.log_variance / 2).exp() * epsilon

    def log_density(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density, (..., Z) to (...)."""
        scaled = (value - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (scaled + self.log_variance + LOG_TWO_PI).sum(dim=-1)


def kl_divergence(q: Gaussian, p: Gaussian) -> Tensor:
    """Return KL(q || p) of two diagonal Gaussians: (...)."""
    ratio = (q.log_variance - p.log_variance).exp()
    distance = (p.mean - q.mean).square() * (-p.log_variance).exp()
    return 0.5 * (ratio + distance - 1 + p.log_variance - q.log_variance).sum(dim=-1)


def kl_to_standard(q: Gaussian) -> Tensor:
    """Return KL(q || N(0, 1)): (...)."""
    return 0.5 * (q.log_variance.exp() + q.mean.square() - 1 - q.log_variance).sum(dim=-1)


def pixel_nll(x: Tensor, mean: Tensor, log_variance: Tensor | float) -> Tensor:
    """Return -log N(x; mean, variance) of each number of pictures (B, 3, S, S), not summed."""
    spread = torch.as_tensor(log_variance, device=x.device)
    return 0.5 * (LOG_TWO_PI + spread + (x - mean).square() * (-spread).exp())


def importance_weighted(log_likelihood: Tensor, posterior: Gaussian, prior: Gaussian, z: Tensor) -> Tensor:
    """Estimate log p(x) from below by draws z of q(z|x) (Burda et al. 2016, equation 8).

    Args:
        log_likelihood: (M, ...) of log p(x|z).
        posterior: q(z|x), (..., Z).
        prior: p(z), (..., Z).
        z: (M, ..., Z) draws from q.

    Returns:
        (...): log of the mean over M of p(x|z) p(z) / q(z|x).
    """
    weights = log_likelihood + prior.log_density(z) - posterior.log_density(z)
    return torch.logsumexp(weights, dim=0) - math.log(len(weights))
