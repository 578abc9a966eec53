"""Optimisers and schedules of the learning rate, as players of a phase name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

OptimiserFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def constant(progress: float) -> float:
    """Leave the learning rate as it is (the default schedule)."""
    return 1.0


def linear_to_zero(progress: float) -> float:
    """Fall in a straight line from 1 at the phase's start to 0 at its end."""
    return 1.0 - progress


def linear_decay_after_half(progress: float) -> float:
    """Stay for the first half of the phase, then fall in a straight line to a tenth."""
    return 1.0 - 0.9 * max(0.0, 2 * progress - 1)


def step_halving(times: int) -> Callable[[float], float]:
    """Halve the learning rate at `times` equal intervals of the phase (Reed et al. 2016: every 100 epochs of 600)."""
    return lambda progress: 0.5 ** int(min(progress, 1 - 1e-9) * (times + 1))


def adam(lr: float, betas: tuple[float, float] = (0.9, 0.999), weight_decay: float = 0.0) -> OptimiserFactory:
    """Make fused Adam; with `weight_decay` it is decoupled (AdamW)."""

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
        return kind(parameters, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)

    return make


def rmsprop(lr: float) -> OptimiserFactory:
    """Make RMSprop (Reed et al. 2016 train their text encoder with it)."""
    return lambda parameters: torch.optim.RMSprop(parameters, lr=lr)
