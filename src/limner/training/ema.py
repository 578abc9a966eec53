"""An exponential moving average of modules' weights, its half-life counted in images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class EMA:
    """A running average of modules' parameters, with a plain copy of their buffers.

    Parameters are averaged as in ProGAN and StyleGAN; buffers are copied at each update: what is published has averaged
    weights and the batch statistics of the living net, as with the authors' code of StackGAN++ and AttnGAN.

    Args:
        modules: what is averaged, by names that stay the same when a run is resumed.
        half_life: images after which a weight's share of the average has halved.
    """

    def __init__(self, modules: Mapping[str, nn.Module], half_life: float) -> None:
        self.modules, self.half_life, self.updates = dict(modules), half_life, 0
        self._average = {name: value.detach().clone() for name, value in self._live().items()}

    def follows(self, modules: Mapping[str, nn.Module]) -> bool:
        """Return whether this is the average of modules of these names."""
        return self.modules.keys() == modules.keys()

    def _live(self) -> dict[str, Tensor]:
        return {
            f"{module}.{name}": value
            for module, m in self.modules.items()
            for name, value in m.state_dict(keep_vars=True).items()
        }

    @torch.no_grad()
    def update(self, images: int) -> None:
        """Move towards the current weights after `images` more images; the first updates move faster.

        The average keeps at most (k + 1) / (k + 10) of its value after k updates.
        """
        decay = min(0.5 ** (images / self.half_life), (self.updates + 1) / (self.updates + 10))
        live = self._live()
        averaged = [name for name, value in live.items() if isinstance(value, nn.Parameter)]
        torch._foreach_lerp_([self._average[n] for n in averaged], [live[n].detach() for n in averaged], 1 - decay)
        for name in live.keys() - set(averaged):
            self._average[name].copy_(live[name])
        self.updates += 1

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the current weights and the average in place."""
        for name, value in self._live().items():
            current = value.detach().clone()
            value.copy_(self._average[name])
            self._average[name].copy_(current)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in place of the modules' weights inside a `with` block."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def state(self) -> dict[str, object]:
        """Return what is needed to resume."""
        return {"updates": self.updates, "average": dict(self._average)}

    def load(self, state: Mapping[str, object]) -> None:
        """Restore what `state` returned."""
        average = state["average"]
        assert isinstance(average, dict) and average.keys() == self._average.keys()
        for name, value in average.items():
            self._average[name].copy_(value)
        self.updates = int(state["updates"])  # type: ignore[call-overload]
