"""The state of a player during a phase: optimiser, learning rate, gradient clipping and averaged weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from limner.system import Player
from limner.training.ema import EMA


class PlayerState:
    """A player during one phase.

    Args:
        player: its modules, and how they learn.
        modules: its modules by their names in the system.
        ema: the running average of its weights, continued from earlier phases, where it has one.
    """

    def __init__(self, player: Player, modules: Mapping[str, nn.Module], ema: EMA | None) -> None:
        self.player, self.ema = player, ema
        self.parameters = [p for module in modules.values() for p in module.parameters()]
        self.optimiser = player.optimiser(self.parameters)
        self._rates = [group["lr"] for group in self.optimiser.param_groups]

    def move(self, loss: Tensor, average: Callable[[Sequence[nn.Parameter]], None], rate: float, images: int) -> Tensor:
        """Take one step down the gradient of `loss` and return the gradient's norm, a scalar, before clipping.

        Only this player's gradients are computed, the others' are left as they were.

        Args:
            loss: a scalar.
            average: averages the gradients of parameters over processes, in place.
            rate: factor on the learning rate.
            images: images in this step, over all processes.
        """
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=self.parameters)
        average(self.parameters)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.player.clip is not None:
            torch._foreach_mul_(gradients, (self.player.clip / (norm + 1e-6)).clamp(max=1.0))
        for group, full in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = full * rate
        self.optimiser.step()
        if self.ema is not None:
            self.ema.update(images)
        return norm

    def state(self) -> dict[str, Any]:
        """Return what is needed to resume."""
        return self.optimiser.state_dict()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.optimiser.load_state_dict(dict(state))
