"""How a training computes: its processes, precision and placement. The one place that knows Accelerate."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from limner.errors import UserError
from limner.processes import Processes


class Engine(Processes):
    """One process of a training, alone or among others.

    Args:
        precision: "fp32", "bf16", or "auto": bf16 where the processor computes in it.
        trackers: Accelerate's trackers, for example "tensorboard".
        folder: where trackers write.
        quiet: show nothing; processes that do not lead never do.
    """

    def __init__(
        self, precision: str = "auto", trackers: Sequence[str] = (), folder: Path | str = ".", quiet: bool = False
    ) -> None:
        super().__init__()  # Accelerate takes over the processes that have met here
        # Accelerate keeps one precision for the whole process; here each engine has its own, so it is ours to switch.
        # Without a GPU it has to be told so, or it does not see the other processes.
        self._accelerator = Accelerator(
            mixed_precision="no",
            cpu=not torch.accelerator.is_available(),
            log_with=list(trackers) or None,
            project_dir=str(folder),
        )
        self._bf16 = _in_bf16(precision)
        # Among many, Accelerate numbers the CPU, which torch.load does not understand.
        self.device = torch.device("cpu") if self._accelerator.device.type == "cpu" else self._accelerator.device
        self.quiet = quiet or not self.leads
        self._tracks, self._tracking = bool(trackers), False

    def precision(self) -> AbstractContextManager[object]:
        """Return the context that forward passes run in."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._bf16)

    def average(self, parameters: Sequence[nn.Parameter], statistics: Sequence[Tensor] = ()) -> None:
        """Average gradients, and `statistics` in place, over processes; a missing gradient counts as zero.

        All travel in one flat buffer.
        """
        if self.world == 1:
            return
        values = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters] + list(statistics)
        flat = self._accelerator.reduce(torch.cat([value.flatten() for value in values]), reduction="mean")
        means = flat.split([value.numel() for value in values])
        for p, mean in zip(parameters, means, strict=False):
            p.grad = mean.view_as(p)
        for value, mean in zip(statistics, means[len(parameters) :], strict=True):
            value.copy_(mean.view_as(value))

    def agree(self, values: Iterable[Tensor]) -> None:
        """Give every process the first one's values, in place."""
        if self.world > 1:
            for value in values:
                value.copy_(broadcast(value))

    def track(self, numbers: Mapping[str, float], at: int) -> None:
        """Pass numbers on to the trackers, which make their files at the first: a run that never began leaves none."""
        if self._tracks and not self._tracking:
            self._accelerator.init_trackers("tensorboard")
            self._tracking = True
        self._accelerator.log(dict(numbers), step=at)

    def tracked(self) -> None:
        """Let trackers write what they hold."""
        for tracker in self._accelerator.trackers if self._tracking else ():
            tracker.finish()


def statistics(modules: Iterable[nn.Module]) -> list[Tensor]:
    """Return the running means and variances of all batch normalisations within `modules`."""
    norms = (m for module in modules for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [value for norm in norms for value in (norm.running_mean, norm.running_var) if value is not None]


def _in_bf16(asked: str) -> bool:
    if asked not in {"auto", "fp32", "bf16"}:
        raise UserError(f"unknown precision {asked!r}: use auto, fp32 or bf16")
    if asked == "fp32":
        return False
    able: bool = (
        torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
    if asked == "bf16" and not able:
        raise UserError("this processor does not compute in bf16: use --precision fp32")
    return able


@contextmanager
def stoppable(ask: Callable[[], None]) -> Iterator[None]:
    """Call `ask` on Ctrl-C or SIGTERM, so that a step can end in peace; a second one interrupts at once."""
    asked: list[int] = []

    def handle(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        ask()

    try:
        before = [(number, signal.signal(number, handle)) for number in (signal.SIGINT, signal.SIGTERM)]
    except ValueError:  # not the main thread: signals do not come here
        before = []
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
