"""How well a training goes, from a few numbers that cost little, and in words: is it learning, collapsed, or losing?

The numbers are no figures of quality, for which there is `limner eval`: they compare a few drawn pictures with a few
real ones, as small as thumbnails, and how far apart a critic puts real and drawn ones.

distance    the energy distance (Szekely, Rizzo 2013) of the two sets, 0 where they are alike: 2 E|x - y| - E|x - x'|
            - E|y - y'|, in shares of E|y - y'|, the mean distance of two real pictures
variety     E|x - x'| in shares of E|y - y'|: 1 where drawn pictures differ as real ones do, 0 where all are the same
separation  of a critic: how far the means of its scores of real and drawn pictures lie apart, in standard deviations
            (d' of the theory of signal detection); at 6 it mistakes one picture in seven hundred
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 8
COLLAPSED, SEPARATED = 0.25, 6.0
BETTER = 0.98
"""A distance is better than another if it is at most this share of it."""
PATIENCE = 5
"""Measurements without a better distance after which a training is said to have stopped getting better."""
EARLY = 0.15
"""Share of a phase in which pictures that are all alike are no collapse yet."""


@dataclass(frozen=True)
class Measured:
    """The numbers of one moment."""

    total: int
    """Images seen by then."""
    progress: float
    """Share of the phase that is done."""
    distance: float
    variety: float


def thumbnails(images: Tensor) -> Tensor:
    """Return what pictures look like from afar: their colours at 8 x 8 places, and how rough they are there.

    Args:
        images: (N, 3, H, W) in [-1, 1].

    Returns:
        (N, 256), colours first.
    """
    grey = images.float().mean(dim=1, keepdim=True)
    across = F.pad((grey[..., :, 1:] - grey[..., :, :-1]).abs(), (0, 1))
    down = F.pad((grey[..., 1:, :] - grey[..., :-1, :]).abs(), (0, 0, 0, 1))
    both = torch.cat([images.float(), across + down], dim=1)
    return F.adaptive_avg_pool2d(both, SIDE).flatten(1)


def compared(drawn: Tensor, real: Tensor) -> tuple[float, float]:
    """Return distance and variety of drawn pictures (N, 3, H, W) beside real ones (M, 3, h, w), in [-1, 1].

    Of N, M > 1; (0, 0) where all real ones are the same.
    """
    x, y = thumbnails(drawn), thumbnails(real)
    within_x, within_y = _mean_apart(x), _mean_apart(y)
    if within_y <= 0:
        return 0.0, 0.0
    between = float(torch.cdist(x, y).mean())
    return max(2 * between - within_x - within_y, 0.0) / within_y, within_x / within_y


def _mean_apart(rows: Tensor) -> float:
    """Return the mean distance of two different rows."""
    return float(torch.cdist(rows, rows).sum()) / (len(rows) * (len(rows) - 1))


class Scores:
    """The scores that critics gave to real and to drawn pictures since they were last asked for."""

    REAL, DRAWN = ("real", "right"), ("drawn", "fake")
    """What a step calls them in `Update.log`."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[bool, Tensor]] = {}

    def add(self, player: str, log: Mapping[str, Tensor]) -> None:
        """Take what one update logged, if it holds scores of each kind, a number for each picture."""
        sides = {True: self.REAL, False: self.DRAWN}
        found = {side: next((log[name] for name in names if name in log), None) for side, names in sides.items()}
        if any(values is None or values.numel() < 2 for values in found.values()):
            return
        sums = self._sums.setdefault(player, {})
        for side, values in found.items():
            assert values is not None
            flat = values.detach().double().flatten()
            moments = torch.stack([flat.new_tensor(float(len(flat))), flat.sum(), flat.square().sum()])
            sums[side] = sums[side] + moments if side in sums else moments

    def separations(self) -> dict[str, float]:
        """Return the separation of each critic, and forget the scores."""
        sums, self._sums = self._sums, {}
        return {player: _apart(sides[True].tolist(), sides[False].tolist()) for player, sides in sums.items()}


def _apart(real: list[float], drawn: list[float]) -> float:
    (mean, spread), (other, other_spread) = (
        (total / n, max(squares / n - (total / n) ** 2, 0.0)) for n, total, squares in (real, drawn)
    )
    return (mean - other) / max(((spread + other_spread) / 2) ** 0.5, 1e-6)


@dataclass
class Health:
    """What was measured of a training so far, and what it means."""

    history: list[Measured] = field(default_factory=list)
    best: Measured | None = None
    separations: dict[str, float] = field(default_factory=dict)
    """Of each critic, lately."""

    def add(self, measured: Measured) -> bool:
        """Take new numbers; return whether these pictures are nearer to real ones than any before."""
        self.history.append(measured)
        if self.best is not None and measured.distance > BETTER * self.best.distance:
            return False
        self.best = measured
        return True

    def verdict(self) -> tuple[str, str]:
        """Return a word for how it goes ("" before anything was measured), and a sentence with the numbers."""
        if not self.history or self.best is None:
            return "", ""
        now, first = self.history[-1], self.history[0]
        since = len(self.history) - 1 - self.history.index(self.best)
        lately = f"distance to real pictures {now.distance:.2f}, at first {first.distance:.2f}"
        if now.variety < COLLAPSED:
            why = f"drawn pictures differ {now.variety:.2f} times as much as real ones do"
            if now.progress < EARLY and max(one.variety for one in self.history) < COLLAPSED:
                return "early", f"{why}, as at every beginning"
            return "collapsed", f"{why}: go back to an earlier checkpoint, or give it more or other pictures"
        strong = [f"{who} {apart:.1f}" for who, apart in self.separations.items() if apart >= SEPARATED]
        if strong and since >= PATIENCE // 2:
            why = f"it tells every drawn picture from a real one (separation {', '.join(strong)}), {lately}"
            return "critic too strong", f"{why}: let it learn more slowly, or make it smaller"
        if since >= PATIENCE:
            return "no nearer", f"{lately}; best {self.best.distance:.2f} at {self.best.total:,} images"
        if len(self.history) == 1:
            return "begun", f"distance to real pictures {now.distance:.2f}, variety {now.variety:.2f}"
        return "learning", f"{lately}, variety {now.variety:.2f}"
