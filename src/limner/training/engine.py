"""What a training computes with: processes, precision and device. Only this module uses Accelerate."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from limner.devices import device_of, wanted
from limner.errors import UserError
from limner.processes import Processes


class Engine(Processes):
    """One process of a training, alone or among others.

    Args:
        precision: "fp32", "bf16", or "auto": bf16 where the processor supports it.
        trackers: Accelerate's trackers, for example "tensorboard".
        folder: where trackers write.
        quiet: print nothing; only the leading process ever prints.
        config: settings of the run, which trackers keep beside its curves.

    Raises:
        UserError: where precision is unknown or not supported, or other processes cannot be reached.
    """

    def __init__(
        self,
        precision: str = "auto",
        trackers: Sequence[str] = (),
        folder: Path | str = ".",
        quiet: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # Accelerate uses the process group that was initialised here
        # Accelerate has one precision for the whole process; here each engine has its own, so we switch it ourselves.
        # Without a GPU it needs cpu=True, or it does not see the other processes.
        on_cpu = not torch.accelerator.is_available()
        if wanted() != "auto":
            device = device_of()
            on_cpu = device.type == "cpu"
            if device.index is not None and self.world == 1 and not on_cpu:
                torch.accelerator.set_device_index(device.index)  # what Accelerate then takes
        self._accelerator = Accelerator(
            mixed_precision="no",
            cpu=on_cpu,
            log_with=list(trackers) or None,
            project_dir=str(folder),
        )
        self._bf16 = _in_bf16(precision)
        # With several processes Accelerate numbers the CPU (cpu:0), which torch.load does not understand.
        self.device = torch.device("cpu") if self._accelerator.device.type == "cpu" else self._accelerator.device
        self.quiet = quiet or not self.leads
        self._trackers, self._tracking = list(trackers), False
        self._folder, self._config = Path(folder), config or {}

    @property
    def number_format(self) -> str:
        """Return what forward passes compute in: "bf16" or "fp32"."""
        return "bf16" if self._bf16 else "fp32"

    def precision(self) -> AbstractContextManager[object]:
        """Return the context that forward passes run in."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._bf16)

    def average(self, parameters: Sequence[nn.Parameter], statistics: Sequence[Tensor] = ()) -> None:
        """Average gradients and `statistics` over processes, in place; a missing gradient counts as zero.

        All are sent in one flat buffer.
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
        """Copy the first process's values to all others, in place."""
        if self.world > 1:
            for value in values:
                value.copy_(broadcast(value))

    def track(self, numbers: Mapping[str, float], at: int) -> None:
        """Pass numbers to the trackers, which are initialised only now: a run that never began leaves no files."""
        if self._trackers and not self._tracking:
            self._begin_tracking()
        self._accelerator.log(dict(numbers), step=at)

    def _begin_tracking(self) -> None:
        """Tell trackers what is trained; of TensorBoard the name is a folder within that of the run."""
        name, self._tracking = self._folder.resolve().name, True
        if self._trackers == ["tensorboard"]:
            self._accelerator.init_trackers("tensorboard")
            return
        config = {
            key: value if type(value) in (int, float, str, bool) else str(value) for key, value in self._config.items()
        }
        own = {"wandb": {"name": name, "dir": str(self._folder)}, "mlflow": {"run_name": name}}
        self._accelerator.init_trackers("limner", config, own)

    def tracked(self) -> None:
        """Let trackers write what they have buffered."""
        for tracker in self._accelerator.trackers if self._tracking else ():
            tracker.finish()


def statistics(modules: Iterable[nn.Module]) -> list[Tensor]:
    """Return the running means and variances of all batch normalisations within `modules`."""
    norms = (m for module in modules for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [value for norm in norms for value in (norm.running_mean, norm.running_var) if value is not None]


def _in_bf16(precision: str) -> bool:
    if precision not in {"auto", "fp32", "bf16"}:
        raise UserError(f"unknown precision {precision!r}: use auto, fp32 or bf16")
    if precision == "fp32":
        return False
    supported = _computes_in_bf16()
    if precision == "bf16" and not supported:
        raise UserError("this processor does not compute in bf16: use --precision fp32")
    return supported


def _computes_in_bf16() -> bool:
    """Tell whether the GPU, or else the processor, computes in bf16; those that nobody tried here (Apple's) do not."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    # A torch that is built without oneDNN, as for Apple's processors, does not even have the question.
    known = torch.backends.mkldnn.is_available() and not torch.accelerator.is_available()
    return known and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on Ctrl-C or SIGTERM, so that the present step can be completed; a second one interrupts at once."""
    received: list[int] = []

    def handle(number: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        stop()

    try:
        before = [(number, signal.signal(number, handle)) for number in (signal.SIGINT, signal.SIGTERM)]
    except ValueError:  # not the main thread, which alone receives signals
        before = []
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
