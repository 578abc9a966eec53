"""What a program does while something is trained or measured: callbacks, as trainers elsewhere have them.

They are called in the leading process alone. What they draw at random changes no training, since every step has a seed
of its own; an exception in one ends the training there, and the last checkpoint stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

    from limner.training.trainer import Trainer


class Callback:
    """Override what you need: every method does nothing here.

    `trainer` knows the rest: `trainer.system`, `trainer.run.path`, `trainer.at.total` images so far of
    `trainer.budget`, and `trainer.stop()`, which ends the training after this step as Ctrl-C does: saved, and ready to
    go on.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Training begins, or goes on."""

    def on_phase(self, trainer: Trainer, name: str) -> None:
        """A phase begins, or goes on."""

    def on_step(self, trainer: Trainer) -> None:
        """A step was made. Its numbers are still on the device: wait for `on_log`, or training waits for the copy."""

    def on_log(self, trainer: Trainer, entry: Mapping[str, Any]) -> None:
        """A line was logged, every 50 steps: phase, total, seen, images_per_second, and means such as critic.loss."""

    def on_check(self, trainer: Trainer, entry: Mapping[str, Any]) -> None:
        """Numbers of held-out data were logged, such as check.reads, or of drawn pictures, such as pictures.variety."""

    def on_grid(self, trainer: Trainer, image: Image.Image) -> None:
        """Samples of the fixed prompts were drawn, by averaged weights; the sheet is in the run's folder `grids`."""

    def on_save(self, trainer: Trainer, folder: Path) -> None:
        """A checkpoint was written; `limner.open(folder)` and `limner.load(folder)` take it."""

    def on_end(self, trainer: Trainer) -> None:
        """Training is over, or was stopped (`trainer.finished` says which); after an exception this is not called."""

    def on_draw(self, drawn: int, total: int) -> None:
        """`limner.evaluate` has drawn so many of the held-out requests."""

    def on_report(self, report: Any) -> None:
        """`limner.evaluate` has measured: a `limner.evaluation.report.Report`."""


NAMES = tuple(name for name in vars(Callback) if name.startswith("on_"))


class Callbacks:
    """The callbacks of one training, or of one measurement.

    Args:
        some: objects with methods of `Callback`, one or more of them.
        always: what each of these methods is handed first.
        leads: whether this process is the one that calls them.

    Raises:
        UserError: one has none of these methods.
    """

    def __init__(self, some: Sequence[Any], *always: Any, leads: bool = True) -> None:
        self.some, self.always, self.leads = tuple(some), always, leads
        for one in self.some:
            if isinstance(one, type) or not any(callable(getattr(one, name, None)) for name in NAMES):
                raise UserError(
                    f"{one!r:.60} is no callback: give an object with a method such as {', '.join(NAMES[:3])} (see "
                    "limner.Callback)"
                )

    def __call__(self, name: str, *given: Any) -> None:
        """Call the method `name` of each that has it, in their order."""
        for one in self.some if self.leads else ():
            if (method := getattr(one, name, None)) is not None:
                method(*self.always, *given)
