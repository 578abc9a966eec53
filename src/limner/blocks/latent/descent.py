"""Latent codes found by descent on an energy: what an encoder guesses in one pass is made better step by step.

Letters: B rows, Z numbers of a code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
TINY = 1e-8


class Found(NamedTuple):
    """The best codes so far."""

    z: Tensor
    """(B, Z)."""
    energy: Tensor
    """(B,), which never rises from one step to the next."""


def descend(energy: Callable[[Tensor], Tensor], start: Tensor, steps: int, rate: float) -> Iterator[Found]:
    """Follow Adam (Kingma and Ba 2015) down an energy, row by row; it may be stopped after any step.

    Each row keeps the best code that it has come by, so a row is found the same alone as among others.

    Args:
        energy: codes (B, Z) to energies (B,); a row's depends on its own code alone.
        start: (B, Z).
        steps: how many.
        rate: of Adam.

    Yields:
        The best so far: first the start, then after each step.
    """
    z = start.detach().clone().float()
    best, lowest = z.clone(), torch.full_like(z[:, 0], torch.inf)
    mean, square = torch.zeros_like(z), torch.zeros_like(z)
    for step in range(steps + 1):
        with torch.enable_grad():
            here = z.detach().requires_grad_()
            value = energy(here)
            (slope,) = torch.autograd.grad(value.sum(), here)
        better = value.detach() < lowest
        best = torch.where(better[:, None], z, best)
        lowest = torch.where(better, value.detach(), lowest)
        yield Found(best.clone(), lowest.clone())
        mean.lerp_(slope, 1 - BETAS[0])
        square.lerp_(slope.square(), 1 - BETAS[1])
        along = mean / (1 - BETAS[0] ** (step + 1))
        z = z - rate * along / ((square / (1 - BETAS[1] ** (step + 1))).sqrt() + TINY)
