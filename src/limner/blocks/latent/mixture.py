"""Mixtures of bivariate normal laws, such as where a box lies or how large it is: density and draws.

Graves: Generating Sequences With Recurrent Neural Networks, 2013, section 4.1. A net gives six numbers for each
component: its weight by a softmax, two means as they are, two deviations by exp, and a correlation by tanh. All is
computed in logarithms, over components by logsumexp: a product of small densities is 0 in floats, its logarithm is not.

Letters: M components of a mixture.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

NUMBERS = 6
"""Numbers that a net gives for each component."""
EPSILONS = 3
"""Numbers of normal noise that a draw takes: one chooses the component, two lie in it."""
LEAST_DEVIATION = 0.005
"""What is added to each deviation, so that no place has an endless density."""
LARGEST_CORRELATION = 0.999
"""Tanh is scaled to it, so that 1 - rho^2 is 0.002 at least and each component still has mass 1."""


class Mixture(NamedTuple):
    """Laws of pairs of numbers, one for each place of `...`."""

    log_weight: Tensor
    """(..., M), logarithms of weights that sum to 1."""
    mean: Tensor
    """(..., M, 2)."""
    log_deviation: Tensor
    """(..., M, 2)."""
    correlation: Tensor
    """(..., M), within (-1, 1)."""

    @classmethod
    def of(cls, numbers: Tensor) -> Mixture:
        """Return the laws that the numbers of a net (..., 6 M) stand for."""
        parts = numbers.float().unflatten(-1, (-1, NUMBERS))  # (..., M, 6)
        least = parts.new_tensor(math.log(LEAST_DEVIATION))
        return cls(
            parts[..., 0].log_softmax(dim=-1), parts[..., 1:3], torch.logaddexp(parts[..., 3:5], least),
            LARGEST_CORRELATION * parts[..., 5].tanh(),
        )  # fmt: skip

    def log_density(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density at pairs of numbers, (..., 2) to (...)."""
        z = (value[..., None, :] - self.mean) * (-self.log_deviation).exp()  # (..., M, 2)
        rho, rest = self.correlation, 1 - self.correlation.square()
        distance = z.square().sum(dim=-1) - 2 * rho * z.prod(dim=-1)
        each = -distance / (2 * rest) - self.log_deviation.sum(dim=-1) - rest.log() / 2 - math.log(2 * math.pi)
        return torch.logsumexp(self.log_weight + each, dim=-1)

    def draw(self, epsilon: Tensor, temperature: float = 1.0) -> Tensor:
        """Turn noise from N(0, 1), (..., 3), into draws (..., 2); noise that is near gives draws that are near.

        Args:
            epsilon: the first number chooses the component by the inverse of its distribution function, so a draw
                depends on its own noise alone.
            temperature: T; weights are raised to 1 / T and variances are multiplied by T, so that below 1 draws are
                likelier and more alike. At 0 it is the mean of the heaviest component.
        """
        if temperature <= 0:
            component = self.log_weight.argmax(dim=-1)
        else:
            component = chosen(self.log_weight / temperature, epsilon[..., 0])
        pick = torch.nn.functional.one_hot(component, self.log_weight.shape[-1]).to(self.mean)  # (..., M)
        mean, deviation = ((pick[..., None] * part).sum(dim=-2) for part in (self.mean, self.log_deviation.exp()))
        rho = (pick * self.correlation).sum(dim=-1)
        first, second = epsilon[..., 1], epsilon[..., 2]
        z = torch.stack([first, rho * first + (1 - rho.square()).sqrt() * second], dim=-1)
        return mean + max(temperature, 0.0) ** 0.5 * deviation * z


def chosen(logits: Tensor, epsilon: Tensor) -> Tensor:
    """Choose by a softmax, given noise from N(0, 1): (..., M) and (...) to numbers (...).

    It is the inverse of the distribution function, so that one draw of normal noise is one choice.
    """
    share = torch.special.ndtr(epsilon.double())
    below = logits.double().softmax(dim=-1).cumsum(dim=-1)
    return (below < share[..., None]).sum(dim=-1).clamp(max=logits.shape[-1] - 1)
