"""Results of blind ratings: mean rank and its standard deviation, and Bradley-Terry strengths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Tiers = Sequence[Sequence[str]]
"""Systems, best first; those in one tier are tied."""
PRIOR = 0.1
"""Pseudo-wins of every system over every other: they keep the strength of a system that always won finite."""
BOOTSTRAP_SAMPLES = 400
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Standing:
    """The result of one system for one question."""

    system: str
    answers: int
    """Comparisons in which it was ranked."""
    mean_rank: float
    """1 is best; systems in one tier share the mean of their ranks (StoryGAN's mean human rank)."""
    spread: float
    """Standard deviation of its ranks over answers."""
    wins: float
    """Fraction of its pairs that it won; a tie is half a win."""
    strength: float
    """Bradley-Terry, natural logarithm, mean 0 over systems: a beats b with odds exp(a - b)."""
    low: float | None
    high: float | None
    """Ends of the 95% bootstrap interval of `strength`, over answers; None where there are none."""


def standings(answers: Sequence[Tiers], systems: Sequence[str], seed: int = 0) -> list[Standing]:
    """Return the standings of systems, the strongest first.

    The interval treats answers as independent: where few people give many, it is too narrow. A ranking of more than
    two systems counts as all its pairs.

    Args:
        answers: one order for each comparison; it may leave systems out.
        systems: all of them.
        seed: of the bootstrap.
    """
    k = len(systems)
    place = {name: i for i, name in enumerate(systems)}
    wins, ranks = np.zeros((len(answers), k, k)), np.full((len(answers), k), np.nan)
    for n, tiers in enumerate(answers):
        _count_answer([[place[name] for name in tier] for tier in tiers], wins[n], ranks[n])
    total = wins.sum(0)
    strengths = bradley_terry(total)
    ends = _bootstrap_interval(wins, seed) if answers else [(None, None)] * k
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
        wins: (..., k, k), how often row beat column; the diagonal is ignored.
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
        if moved < _TOLERANCE:
            break
    return log


def _count_answer(tiers: Sequence[Sequence[int]], wins: Floats, ranks: Floats) -> None:
    """Fill in the wins (k, k) and the ranks (k,) of one answer."""
    before = 0
    for number, tier in enumerate(tiers):
        for one in tier:
            ranks[one] = before + (len(tier) + 1) / 2
            for later in tiers[number + 1 :]:
                wins[one, later] += 1
        for one, other in itertools.permutations(tier, 2):
            wins[one, other] += 0.5
        before += len(tier)


def _bootstrap_interval(wins: Floats, seed: int) -> list[tuple[float, float]]:
    n, k, _ = wins.shape
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=BOOTSTRAP_SAMPLES)
    drawn = (weights @ wins.reshape(n, k * k)).reshape(BOOTSTRAP_SAMPLES, k, k)
    low, high = np.quantile(bradley_terry(drawn), [0.025, 0.975], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))
