"""Arithmetic of noise: the mean noise of some drawings, less that of others (Radford et al. 2016, section 6.3.2).

Smiling women - neutral women + neutral men, seeds of three drawings each, by a system that draws from nothing:

    arithmetic(system, Nothing(), plus=[[3, 8, 21], [5, 9, 30]], minus=[[2, 4, 7]])

The paper takes the mean of three drawings for each, since single ones did not work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from limner.errors import UserError
from limner.noise import RowNoise, Style
from limner.requests import Request
from limner.system import System


class _Recorder(RowNoise):
    """Noise that keeps the first draw."""

    first: Tensor | None = None

    def normal(self, *shape: int) -> Tensor:
        """Draw, and keep what was drawn first."""
        drawn = super().normal(*shape)
        self.first = drawn if self.first is None else self.first
        return drawn


@torch.no_grad()
def noise_of(system: System, seeds: Sequence[int], request: Request) -> Tensor:
    """Return the noise that a system draws for each seed, (len(seeds), Z), flattened where it has more dimensions.

    Raises:
        UserError: it draws none.
    """
    recorder = _Recorder(seeds, system.device)
    knobs: Any = system.Knobs()
    for _ in system.sample([request] * len(seeds), knobs, recorder):
        break
    if recorder.first is None:
        raise UserError(f"{type(system).__name__} draws no noise before its first draft: there is nothing to add up")
    return recorder.first.flatten(1).cpu()


def arithmetic(
    system: System, request: Request, plus: Sequence[Sequence[int]], minus: Sequence[Sequence[int]] = ()
) -> Style:
    """Return the sum of the mean noise of each group of seeds in `plus`, less that of each in `minus`, as a style.

    Args:
        system: that draws.
        request: what is drawn; of systems that draw from nothing, `Nothing()`.
        plus, minus: groups of seeds, whose drawings have something in common.

    Raises:
        UserError: a group is empty, or the system draws no noise.
    """
    groups = [*plus, *minus]
    if not plus or not all(groups):
        raise UserError("noise is added up of groups of seeds, and one of them is empty: give each a seed or more")
    means = [noise_of(system, group, request).mean(dim=0) for group in groups]
    total = torch.stack(means[: len(plus)]).sum(dim=0)
    if minus:
        total = total - torch.stack(means[len(plus) :]).sum(dim=0)
    return Style(tuple(total.tolist()), "arithmetic of noise")
