"""What is reported of a training: progress, time to the end of a phase, log, grids; and whether losses are finite."""

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

if TYPE_CHECKING:
    from limner.data.schema import Schema
    from limner.training.engine import Engine
    from limner.training.run_folder import RunFolder

LINE_EVERY = 50
"""Steps between two lines of the log; only then are numbers copied from the device."""


class Monitor:
    """Collect the numbers of updates and report their means. Only the leading process writes.

    `call(name, ...)` passes on what happens, by the names of `limner.training.callbacks.Callback`.
    """

    def __init__(self, engine: Engine, run: RunFolder, call: Callable[..., None] = lambda *given: None) -> None:
        self.engine, self.run, self.call = engine, run, call
        self.console = Console(stderr=True, quiet=engine.quiet)
        self._sums: dict[str, tuple[Tensor, int]] = {}
        self._finite: Tensor | None = None
        self._steps, self._since = 0, (time.perf_counter(), 0)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._end, self._later = "", 0, 0

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

    def phase(self, name: str, total: int, end: int, later: int) -> None:
        """Begin a phase at `total` images that ends at `end`; `later` ones follow, each with its own speed."""
        self._name, self._end, self._later = name, end, later
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
        finite = torch.isfinite(norm) & torch.isfinite(update.loss.detach())
        self._finite = finite if self._finite is None else self._finite & finite

    def tick(self, total: int) -> None:
        """Count a step; `total` is the images of all phases so far."""
        self._steps += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=total)
        self.call("on_step")

    def due(self) -> bool:
        """Return whether the next step writes a line of the log."""
        return self._steps % LINE_EVERY == LINE_EVERY - 1

    def healthy(self) -> bool:
        """Return whether every loss and gradient since the last call was finite, in every process."""
        finite, self._finite = self._finite is None or bool(self._finite), None
        return not self.engine.anywhere(not finite)

    def line(self, phase: str, total: int, seen: int) -> None:
        """Write the means since the last line to the log, the bar and the trackers."""
        now, (began, before) = time.perf_counter(), self._since
        speed = (total - before) / max(now - began, 1e-9)
        means = {name: float(value) / count for name, (value, count) in self._sums.items()}
        self._sums, self._since = {}, (now, total)
        self.tick(total)
        if not self.engine.leads:
            return
        entry = {"phase": phase, "total": total, "seen": seen, "images_per_second": round(speed, 2)}
        entry |= {name: _rounded(mean) for name, mean in means.items()}
        self.run.log(entry)
        self.call("on_log", entry)
        self.engine.track({f"{phase}/{name}": mean for name, mean in means.items()}, total)
        left = time_left(self._end - total, speed, phase, self._later)
        losses = "  ".join(f"{n.removesuffix('.loss')} {v:.3f}" for n, v in means.items() if n.endswith(".loss"))
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, speed=f"{speed:.1f} images/s", left=left, losses=losses)
        if not self.console.is_terminal and not self.engine.quiet:
            print(f"{phase}: {total:,} images, {speed:.1f}/s, {left}  {losses}", file=sys.stderr, flush=True)

    def check(self, phase: str, total: int, numbers: Mapping[str, float]) -> None:
        """Log numbers of held-out data, and print them."""
        entry = {"phase": phase, "total": total} | {f"check.{k}": _rounded(v) for k, v in numbers.items()}
        self.run.log(entry)
        self.call("on_check", entry)
        self.engine.track({f"{phase}/check.{k}": v for k, v in numbers.items()}, total)
        self.say(f"{phase}: held-out " + ", ".join(f"{k} {v:.3f}" for k, v in numbers.items()))

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
        self.run.log({"total": total, "went_back_from": lost, "attempt": attempt})
        self.say(
            f"a loss or gradient was not finite by image {lost:,}: went back to the checkpoint at {total:,}, "
            f"with half the learning rate (time {attempt})"
        )

    def say(self, text: str) -> None:
        """Print a line on standard error."""
        self.console.print(text, highlight=False, markup=False)


def time_left(images: int, speed: float, phase: str, later: int) -> str:
    """Say how long a phase goes on at this speed: "12 min to the end of gan, then 1 more phase".

    Of phases to come nothing is said, since each has a speed of its own.
    """
    seconds = images / speed if speed > 0 else 0.0
    size, unit = next(one for one in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= 2 * one[0] or one[0] == 1)
    more = f", then {later} more phase{'s' if later > 1 else ''}" if later else ""
    return f"{max(seconds, 0) / size:.0f} {unit} to the end of {phase}{more}"


def _rounded(value: float) -> float | str:
    return float(f"{value:.5g}") if math.isfinite(value) else str(value)
