"""Optimisers and learning rate schedules of the players of a phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

OptimiserFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
"""Makes an optimiser over parameters. Schedules map progress of the phase in [0, 1] to a factor on its rate."""


def constant(progress: float) -> float:
    """Keep the learning rate (the default schedule)."""
    return 1.0


def linear_to_zero(progress: float) -> float:
    """Decay linearly from 1 at the start of the phase to 0 at its end."""
    return 1.0 - progress


def linear_decay_after_half(progress: float) -> float:
    """Keep the learning rate for the first half of the phase, then decay linearly to a tenth."""
    return 1.0 - 0.9 * max(0.0, 2 * progress - 1)


def step_halving(times: int) -> Callable[[float], float]:
    """Halve the learning rate at `times` equal intervals of the phase (Reed et al. 2016: every 100 epochs of 600)."""
    return lambda progress: 0.5 ** int(min(progress, 1 - 1e-9) * (times + 1))


def adam(lr: float, betas: tuple[float, float] = (0.9, 0.999), weight_decay: float = 0.0) -> OptimiserFactory:
    """Return fused Adam; with `weight_decay`, AdamW (decoupled weight decay)."""

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
        return kind(parameters, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)

    return make


def adam_l2(lr: float, l2: float, betas: tuple[float, float] = (0.9, 0.999)) -> OptimiserFactory:
    """Return fused Adam with `l2` times the weights added to their gradient, as weight decay was before AdamW."""
    return lambda parameters: torch.optim.Adam(parameters, lr=lr, betas=betas, weight_decay=l2, fused=True)


def rmsprop(lr: float) -> OptimiserFactory:
    """Return RMSprop (Reed et al. 2016 train their text encoder with it)."""
    return lambda parameters: torch.optim.RMSprop(parameters, lr=lr)
