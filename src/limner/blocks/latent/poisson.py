"""The Poisson law of counts: its logarithm, its draws from normal noise, its mode."""

from __future__ import annotations

import torch
from torch import Tensor


def poisson_log_probability(count: Tensor, log_rate: Tensor) -> Tensor:
    """Return log(rate^count e^-rate / count!), in nats, element by element."""
    return count * log_rate - log_rate.exp() - torch.lgamma(count + 1)


def poisson_draw(log_rate: Tensor, epsilon: Tensor, most: int) -> Tensor:
    """Turn noise from N(0, 1) into counts up to `most`, by the inverse of the distribution function.

    So one draw of normal noise is one count, and noise that is near gives counts that are near.
    """
    share = torch.special.ndtr(epsilon.double())
    numbers = torch.arange(most, device=log_rate.device, dtype=torch.double)
    below = poisson_log_probability(numbers, log_rate.double()[..., None]).exp().cumsum(dim=-1)  # P(count <= k)
    return (below < share[..., None]).sum(dim=-1)


def poisson_mode(log_rate: Tensor) -> Tensor:
    """Return the most likely count, the larger of two that are equally likely."""
    return log_rate.exp().floor().long()
