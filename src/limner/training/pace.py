"""How long a training takes: the speed of each phase, measured by a few steps of a copy before the first real one.

A phase that reads may be fifty times as fast as one that draws, so the speed of one says nothing of another. The steps
are taken by a copy of the system, which is then thrown away: the training itself is bitwise what it would be without.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch

from limner.system import Phase

if TYPE_CHECKING:
    from limner.data.dataset import Dataset
    from limner.training.trainer import Trainer

WORTH = 100
"""Steps of a phase below which it is over before its speed matters."""
ROWS = 512
"""Of the data, which a warm-up reads; or as many as a batch has."""
STEPS, SECONDS = 8, 4.0
"""A warm-up ends after so many steps, or with the step in which so many seconds are over."""


class Pace:
    """Images a second of each phase, None where it is not known.

    Args:
        phases: those of the training, in order.
        speeds: of each.
    """

    def __init__(self, phases: Sequence[Phase], speeds: Sequence[float | None]) -> None:
        self._left = [
            None if speed is None else phase.images / speed for phase, speed in zip(phases, speeds, strict=True)
        ]
        self.phases, self.speeds = phases, speeds

    def after(self, number: int) -> float | None:
        """Return the seconds of all phases that come after a phase; None where one of them is not known."""
        later = self._left[number + 1 :]
        return None if None in later else float(sum(later))  # type: ignore[arg-type]

    def summary(self) -> str:
        """Say how long it will take: "about 2 h (text 3 min, gan 2 h)"; nothing where it is over at once."""
        known = [
            f"{phase.name} {in_words(seconds)}"
            for phase, seconds, speed in zip(self.phases, self._left, self.speeds, strict=True)
            if seconds is not None and speed is not None and _is_long(phase)
        ]
        unknown = [phase.name for phase, seconds in zip(self.phases, self._left, strict=True) if seconds is None]
        whole = sum(seconds for seconds in self._left if seconds is not None)
        parts = f" ({', '.join(known)})" if len(known) > 1 else ""
        lacks = f", and {', '.join(unknown)}, whose speed shows later" if unknown else ""
        return f"about {in_words(whole)}{parts}{lacks}" if known else ""


def memory() -> str:
    """Say how much memory this process has taken at most so far; "" where the system does not tell."""
    if torch.cuda.is_available() and (taken := torch.cuda.max_memory_allocated()):
        return f"{taken / 2**20:,.0f} MB of the GPU"
    try:
        import resource
    except ModuleNotFoundError:  # on Windows
        return ""
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:,.0f} MB"


def warmed_up(trainer: Trainer) -> Pace:
    """Measure the phases of a training that has not begun, each by a few steps of a copy; no state of it changes.

    Phases that do their work at once, and those of few steps, count as taking no time.
    """
    speeds: list[float | None] = []
    with torch.random.fork_rng():
        for number, phase in enumerate(trainer.phases):
            speeds.append(_speed(trainer, number) if _is_long(phase) else float("inf"))
    return Pace(trainer.phases, speeds)


def _is_long(phase: Phase) -> bool:
    return phase.step is not None and phase.images >= WORTH * phase.batch


def _speed(trainer: Trainer, number: int) -> float | None:
    """Return the images a second of one phase, None where its first steps need what phases before it learn."""
    try:
        twin = _twin(trainer, number)
        phase = twin.phases[number]
        twin.step(phase)
        began, took = time.perf_counter(), list[float]()
        while not trainer.engine.anywhere(len(took) >= STEPS or time.perf_counter() - began > SECONDS):
            twin.step(phase)
            took.append(time.perf_counter())
    except Exception as error:  # whatever it is, it tells itself when the phase is trained: a measure ends no training
        logging.getLogger("limner").info("no warm-up of phase %s: %s", trainer.phases[number].name, error)
        return None
    return len(took) * trainer.phases[number].batch / max(took[-1] - began, 1e-9) if took else None


class _Few:
    """The first rows of a data set: what a phase derives from all of them when it is entered takes no time here."""

    def __init__(self, data: Dataset, rows: int) -> None:
        self._data, self._rows = data, rows

    def length(self, split: str = "train") -> int:
        """Return the number of rows of a split."""
        return min(self._data.length(split), self._rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)


def _twin(trainer: Trainer, number: int) -> Trainer:
    """Return a trainer of a copy of the system, which has entered a phase with few rows of the data."""
    data, largest = trainer.data, max(phase.batch for phase in trainer.phases)
    system = copy.deepcopy(trainer.system, {id(data): data})
    few = cast("Dataset", _Few(data, max(ROWS, largest)))
    twin = type(trainer)(system, few, trainer.run, seed=trainer.seed, engine=trainer.engine, prompts=trainer.prompts)
    twin.at.phase = number
    twin.enter(fresh=True)
    return twin


def in_words(seconds: float) -> str:
    """Return a time as one says it: "3 d", "2 h", "20 min", "90 s"."""
    size, unit = next(
        one for one in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")) if seconds >= 2 * one[0] or one[0] == 1
    )
    return f"{max(seconds, 0) / size:.0f} {unit}"


def time_left(seconds: float, phase: str, later: int, seconds_after: float | None = None) -> str:
    """Say how long a phase goes on: "12 min to the end of gan, then about 2 h for 1 more phase".

    Args:
        seconds: to the end of the phase.
        phase: what it is called.
        later: phases that come after it.
        seconds_after: how long these take, where it is known.
    """
    about = f"about {in_words(seconds_after)} for " if seconds_after else ""
    more = f", then {about}{later} more phase{'s' if later > 1 else ''}" if later else ""
    return f"{in_words(seconds)} to the end of {phase}{more}"
