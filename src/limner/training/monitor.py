"""What is reported of a training: progress, time left, log, grids, how well it goes; and whose losses are finite."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from torch import Tensor

from limner.imaging import answers
from limner.imaging.sheets import plain_sheet, sheet
from limner.system import Draft, Update
from limner.training.health import Health, Measured, Scores
from limner.training.pace import Pace, memory, time_left

if TYPE_CHECKING:
    from limner.data.schema import Schema
    from limner.training.engine import Engine
    from limner.training.run_folder import RunFolder

LINE_EVERY = 50
"""Steps between two lines of the log; only then are numbers copied from the device."""
SAID_EVERY = 60.0
"""Seconds after which something is said without a terminal, however long a step takes."""
VERDICT_EVERY = 4
"""Measurements after which the same verdict is said again."""


class Monitor:
    """Collect the numbers of updates and report their means. Only the leading process writes.

    `call(name, ...)` passes on what happens, by the names of `limner.training.callbacks.Callback`.
    """

    def __init__(self, engine: Engine, run: RunFolder, call: Callable[..., None] = lambda *given: None) -> None:
        self.engine, self.run, self.call = engine, run, call
        self.console = Console(stderr=True, quiet=engine.quiet)
        self._sums: dict[str, tuple[Tensor, int]] = {}
        self._finite: dict[str, Tensor] = {}
        self.lost_by: tuple[str, ...] = ()
        """The players whose loss or gradient was not finite when that was last asked."""
        self.health, self._scores, self._verdict = Health(), Scores(), ("", 0)
        self.pace: Pace | None = None
        self._speed: float | None = None
        """Images a second of the phase at work, from its warm-up until it is measured."""
        self._said = time.perf_counter()
        self._steps, self._since = 0, (time.perf_counter(), 0)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._end, self._later, self._after = "", 0, 0, None  # type: tuple[str, int, int, float | None]

    @contextmanager
    def open(self, budget: int, done: int) -> Iterator[None]:
        """Show the bar inside a `with` block: `budget` images in all, `done` of them before."""
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} images"),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[losses]}"),
        )
        self._since = (time.perf_counter(), done)
        self.call("on_start")
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as self._bar:
            self._task = self._bar.add_task("", total=budget, completed=done, speed="", left="", losses="")
            yield
        self._bar = None
        self.call("on_end")

    def plan(self, pace: Pace) -> None:
        """Say how long it will take by the speeds of its phases, which the time that is left is told by from now on."""
        self.pace = pace
        if duration := pace.summary():
            taken = f"; memory: {taken} at most so far" if (taken := memory()) else ""
            self.say(f"time: {duration}, by a few steps of each phase{taken}")

    def phase(self, name: str, total: int, end: int, later: int) -> None:
        """Begin a phase at `total` images that ends at `end`; `later` ones follow, each with its own speed."""
        self._name, self._end, self._later = name, end, later
        self._speed = self._after = None
        if self.pace is not None:
            number = len(self.pace.speeds) - later - 1
            self._speed, self._after = self.pace.speeds[number], self.pace.after(number)
        self._since = (time.perf_counter(), total)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=name)
        self.call("on_phase", name)

    def add(self, update: Update, norm: Tensor) -> None:
        """Add one update to the means, without copying from the device; `norm` is its gradient's, a scalar."""
        entries = {f"{update.player}.loss": update.loss, f"{update.player}.gradient": norm}
        entries |= {f"{update.player}.{name}": value for name, value in update.log.items()}
        for name, value in entries.items():
            total, count = self._sums.get(name, (torch.zeros((), device=value.device), 0))
            self._sums[name] = (total + value.detach().float().mean(), count + 1)
        self._scores.add(update.player, update.log)
        finite = torch.isfinite(norm) & torch.isfinite(update.loss.detach())
        self._finite[update.player] = self._finite.get(update.player, finite) & finite

    def tick(self, total: int) -> None:
        """Count a step; `total` is the images of all phases so far."""
        self._steps += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=total, left=self._left(total))
        if not self.console.is_terminal and time.perf_counter() - self._said > SAID_EVERY:
            self._print(f"{self._name}: {total:,} images, {self._left(total)}")
        self.call("on_step")

    def _left(self, total: int) -> str:
        """Say how long the phase goes on: by its speed lately, or before that is known by what it was to be."""
        if not self._speed:
            return ""
        return time_left((self._end - total) / self._speed, self._name, self._later, self._after)

    def due(self) -> bool:
        """Return whether the next step writes a line of the log."""
        return self._steps % LINE_EVERY == LINE_EVERY - 1

    def healthy(self) -> bool:
        """Return whether every loss and gradient since the last call was finite, in every process."""
        flags, self._finite = self._finite, {}
        finite = torch.stack(list(flags.values())).tolist() if flags else []
        self.lost_by = tuple(player for player, well in zip(flags, finite, strict=True) if not well)
        return not self.engine.anywhere(bool(self.lost_by))

    @property
    def who_lost(self) -> str:
        """Say whose loss or gradient was not finite, as a subject: "the discriminator"."""
        return " and ".join(f"the {player}" for player in self.lost_by) or "a player in another process"

    def line(self, phase: str, total: int, seen: int) -> None:
        """Write the means since the last line to the log, the bar and the trackers."""
        now, (began, before) = time.perf_counter(), self._since
        speed = (total - before) / max(now - began, 1e-9)
        means = {name: float(value) / count for name, (value, count) in self._sums.items()}
        self._sums, self._since, self._speed, self._said = {}, (now, total), speed, now
        separations = self._scores.separations()
        self.health.separations |= separations
        means |= {f"{player}.separation": apart for player, apart in separations.items()}
        self.tick(total)
        if not self.engine.leads:
            return
        entry = {"phase": phase, "total": total, "seen": seen, "images_per_second": round(speed, 2)}
        entry |= {name: _rounded(mean) for name, mean in means.items()}
        self.run.log(entry)
        self.call("on_log", entry)
        self.engine.track({f"{phase}/{name}": mean for name, mean in means.items()}, total)
        losses = "  ".join(f"{n.removesuffix('.loss')} {v:.3f}" for n, v in means.items() if n.endswith(".loss"))
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, speed=f"{speed:.1f} images/s", losses=losses)
        if not self.console.is_terminal:
            self._print(f"{phase}: {total:,} images, {speed:.1f}/s, {self._left(total)}  {losses}")

    def _print(self, line: str) -> None:
        """Print a line where there is no bar."""
        self._said = time.perf_counter()
        if not self.engine.quiet:
            print(line, file=sys.stderr, flush=True)

    def check(self, phase: str, total: int, numbers: Mapping[str, float]) -> None:
        """Log numbers of held-out data, and print them."""
        self._note(phase, total, {f"check.{name}": value for name, value in numbers.items()})
        self.say(f"{phase}: held-out " + ", ".join(f"{k} {v:.3f}" for k, v in numbers.items()))

    def _note(self, phase: str, total: int, numbers: Mapping[str, float]) -> None:
        """Log numbers that are measured now and then, for the file, callbacks and trackers."""
        entry = {"phase": phase, "total": total} | {name: _rounded(value) for name, value in numbers.items()}
        self.run.log(entry)
        self.call("on_check", entry)
        self.engine.track({f"{phase}/{name}": value for name, value in numbers.items()}, total)

    def judge(self, phase: str, measured: Measured) -> bool:
        """Log numbers of drawn pictures, and say how it goes, where that is new; return whether these are the best."""
        best = self.health.add(measured)
        numbers = {"pictures.distance": measured.distance, "pictures.variety": measured.variety}
        self._note(phase, measured.total, numbers)
        word, why = self.health.verdict()
        before, count = self._verdict
        self._verdict = (word, count + 1 if word == before else 1)
        if self._verdict[1] % VERDICT_EVERY == 1:
            self.say(f"{phase}, {measured.total:,} images: {word}: {why}")
        return best

    def grid(self, total: int, draft: Draft, schema: Schema) -> None:
        """Write the sample grid of `total` images: of pictures, of layouts as labelled boxes, or of texts on cards."""
        if answers.is_shown(draft):
            page = answers.pictures(draft, schema) if draft.images is None else None
            grid = plain_sheet(draft.images) if page is None else sheet(page)  # type: ignore[arg-type]
            self.run.grid(total, grid)
            self.call("on_grid", grid)

    def went_back(self, lost: int, total: int, attempt: int) -> None:
        """Report that a loss was not finite by image `lost`, and that the run went back to `total` images."""
        self._sums = {}
        self.run.log({"total": total, "went_back_from": lost, "attempt": attempt, "lost_by": list(self.lost_by)})
        self.say(
            f"{self.who_lost} lost its numbers (a loss or gradient was not finite) by image {lost:,}: "
            f"went back to the checkpoint at {total:,}, "
            f"with half the learning rate (time {attempt})"
        )

    def say(self, text: str) -> None:
        """Print a line on standard error."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def _rounded(value: float) -> float | str:
    return float(f"{value:.5g}") if math.isfinite(value) else str(value)
