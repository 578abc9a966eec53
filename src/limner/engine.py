"""Processes, precision and placement: the one place that knows Accelerate and torch.distributed."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from limner.errors import UserError


class Engine:
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
        # Accelerate keeps one precision for the whole process; here each engine has its own, so it is ours to switch.
        # Without a GPU it has to be told so, or it does not see the other processes.
        self._accelerator = Accelerator(
            mixed_precision="no",
            cpu=not torch.accelerator.is_available(),
            log_with=list(trackers) or None,
            project_dir=str(folder),
        )
        self._bf16 = _in_bf16(precision)
        self.device = self._accelerator.device
        self.rank, self.world = self._accelerator.process_index, self._accelerator.num_processes
        self.leads = self._accelerator.is_main_process
        self.quiet = quiet or not self.leads
        self._tracks, self._tracking = bool(trackers), False
        if self.world > 1:
            atexit.register(_part)

    def precision(self) -> AbstractContextManager[object]:
        """Return the context that forward passes run in."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._bf16)

    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average gradients over processes in one flat buffer; a missing gradient counts as zero."""
        if self.world == 1:
            return
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = self._accelerator.reduce(torch.cat([g.flatten() for g in gradients]), reduction="mean")
        for p, mean in zip(parameters, flat.split([g.numel() for g in gradients]), strict=True):
            p.grad = mean.view_as(p)

    def agree(self, values: Iterable[Tensor]) -> None:
        """Give every process the first one's values, in place."""
        if self.world > 1:
            for value in values:
                value.copy_(broadcast(value))

    def everywhere(self, flag: bool) -> bool:
        """Tell whether `flag` is true in every process."""
        if self.world == 1:
            return flag
        return float(self._accelerator.reduce(torch.tensor(float(flag), device=self.device), "mean")) == 1.0

    def wait(self) -> None:
        """Wait for every process."""
        self._accelerator.wait_for_everyone()

    def track(self, numbers: Mapping[str, float], at: int) -> None:
        """Pass numbers on to the trackers, which make their files at the first: a run that never began leaves none."""
        if self._tracks and not self._tracking:
            self._accelerator.init_trackers("tensorboard")
            self._tracking = True
        self._accelerator.log(dict(numbers), step=at)

    def close(self) -> None:
        """Let trackers write what they hold."""
        if self._tracking:
            self._accelerator.end_training()


def _part() -> None:
    """Leave the other processes in order: what is left to the interpreter's end may abort it."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


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
