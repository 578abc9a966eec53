"""How a module runs for a while: in eval mode, or in full precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Put modules in eval mode (running statistics, no dropout), and each back in the mode it had on leaving."""
    before = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """Switch autocast off on the device of `like`: penalties and statistics need more than eight bits of mantissa."""
    return torch.autocast(device_type=like.device.type, enabled=False)
