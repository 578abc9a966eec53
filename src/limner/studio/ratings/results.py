"""What blind ratings come to: mean rank and its spread, and the Bradley-Terry order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Tiers = Sequence[Sequence[str]]
"""Systems, best first; those in one tier are equal."""
PRIOR = 0.1
"""Wins that every system has over every other before anybody answers: it keeps a system that always won finite."""
RESAMPLED = 400
_NEAR = 1e-10


@dataclass(frozen=True)
class Standing:
    """How one system does on one question."""

    system: str
    answers: int
    """Comparisons that it was in."""
    mean_rank: float
    """1 is best; systems in one tier share the mean of their places (StoryGAN's mean human rank)."""
    spread: float
    """Standard deviation of its ranks over answers."""
    wins: float
    """Share of its pairs that it won; a tie is half a win."""
    strength: float
    """Bradley-Terry, natural logarithm, mean 0 over systems: a beats b with odds exp(a - b)."""
    low: float | None
    high: float | None
    """Ends of the 95% interval of `strength`, by resampling answers; None where there are none."""


def standings(answers: Sequence[Tiers], systems: Sequence[str], seed: int = 0) -> list[Standing]:
    """Return how systems stand, the strongest first.

    The interval takes answers as independent: where few people answer much, it is narrower than it ought to be.
    A ranking of more than two counts as its pairs.

    Args:
        answers: one order for each comparison; it may leave systems out.
        systems: all of them.
        seed: of the resampling.
    """
    k = len(systems)
    place = {name: i for i, name in enumerate(systems)}
    wins, ranks = np.zeros((len(answers), k, k)), np.full((len(answers), k), np.nan)
    for n, tiers in enumerate(answers):
        _read([[place[name] for name in tier] for tier in tiers], wins[n], ranks[n])
    total = wins.sum(0)
    strengths = bradley_terry(total)
    ends = _interval(wins, seed) if answers else [(None, None)] * k
    found = []
    for i, name in enumerate(systems):
        own = ranks[~np.isnan(ranks[:, i]), i]
        pairs = total[i].sum() + total[:, i].sum()
        found.append(
            Standing(
                system=name,
                answers=len(own),
                mean_rank=float(own.mean()) if len(own) else float(k + 1) / 2,
                spread=float(own.std(ddof=1)) if len(own) > 1 else 0.0,
                wins=float(total[i].sum() / pairs) if pairs else 0.5,
                strength=float(strengths[i]),
                low=ends[i][0],
                high=ends[i][1],
            )
        )
    return sorted(found, key=lambda one: -one.strength)


def bradley_terry(wins: Floats, prior: float = PRIOR) -> Floats:
    """Fit strengths to wins by minorisation-maximisation (Hunter 2004, section 3).

    Args:
        wins: (..., k, k), how often row beat column; the diagonal is not looked at.
        prior: added to every pair, both ways.

    Returns:
        (..., k) logarithms of strengths, mean 0: row beats column with probability a / (a + b).
    """
    k = wins.shape[-1]
    wins = np.where(np.eye(k, dtype=bool), 0.0, wins + prior)
    games, won = wins + np.swapaxes(wins, -1, -2), wins.sum(-1)
    log = np.zeros(won.shape)
    for _ in range(100_000):
        strength = np.exp(log)
        expected = games / (strength[..., :, None] + strength[..., None, :])
        new = np.log(won / expected.sum(-1))
        new -= new.mean(-1, keepdims=True)
        moved, log = np.abs(new - log).max(), new
        if moved < _NEAR:
            break
    return log


def _read(tiers: Sequence[Sequence[int]], wins: Floats, ranks: Floats) -> None:
    """Write one answer into its wins (k, k) and its ranks (k,)."""
    before = 0
    for number, tier in enumerate(tiers):
        for one in tier:
            ranks[one] = before + (len(tier) + 1) / 2
            for later in tiers[number + 1 :]:
                wins[one, later] += 1
        for one, other in itertools.permutations(tier, 2):
            wins[one, other] += 0.5
        before += len(tier)


def _interval(wins: Floats, seed: int) -> list[tuple[float, float]]:
    n, k, _ = wins.shape
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLED)
    drawn = (weights @ wins.reshape(n, k * k)).reshape(RESAMPLED, k, k)
    low, high = np.quantile(bradley_terry(drawn), [0.025, 0.975], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))
