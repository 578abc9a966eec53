"""Latent codes found by descent on an energy: what an encoder guesses in one pass is made better step by step.

Letters: B rows, Z numbers of a code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


def descend(energy: Callable[[Tensor], Tensor], starts: Sequence[Tensor], steps: int, rate: float) -> Iterator[Found]:
    """Follow Adam (Kingma and Ba 2015) down an energy, row by row, from each start in turn.

    It may be left after any step. Each row keeps the best code that it has come by, so a row is found the same alone as
    among others.

    Args:
        energy: codes (B, Z) to energies (B,); a row's depends on its own code alone.
        starts: one or more of (B, Z).
        steps: how many from each start.
        rate: of Adam.

    Yields:
        The best so far: at each start and after each step.
    """
    best = Found(starts[0], torch.full_like(starts[0][:, 0], torch.inf))
    for start in starts:
        z, mean, square = start.detach().float(), torch.zeros_like(start), torch.zeros_like(start)
        for step in range(1, steps + 2):
            with torch.enable_grad():
                here = z.clone().requires_grad_()
                value = energy(here)
                (slope,) = torch.autograd.grad(value.sum(), here)
            value = value.detach()
            better = value < best.energy
            best = Found(torch.where(better[:, None], z, best.z), torch.where(better, value, best.energy))
            yield best
            mean, square = mean.lerp(slope, 1 - BETAS[0]), square.lerp(slope.square(), 1 - BETAS[1])
            along = mean / (1 - BETAS[0] ** step)
            z = z - rate * along / ((square / (1 - BETAS[1] ** step)).sqrt() + TINY)
