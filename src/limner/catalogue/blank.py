"""Building a system without drawing its weights, where those of a checkpoint take their place at once.

At the papers' widths most of the time that opening a checkpoint took went into random numbers, and orthogonal matrices
of them, that nobody ever saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_FILLS: frozenset[Callable[..., Any]] = frozenset(
    {
        Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_, nn.init.trunc_normal_,
        nn.init.kaiming_normal_, nn.init.kaiming_uniform_, nn.init.xavier_normal_, nn.init.xavier_uniform_,
    }
)  # fmt: skip
"""What fills a tensor with random numbers, in place."""


class Blank(TorchFunctionMode):
    """While this context is entered tensors that would be filled at random are filled with zeros.

    What is made at random otherwise (`torch.randn`) stays so, as do constants, such as the scales of batch norm.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Fill with zeros where `func` would draw numbers, and take a matrix of them to be orthogonal already."""
        kwargs = kwargs or {}
        if func in _FILLS:
            with torch.no_grad():
                return (args[0] if args else kwargs["tensor"]).zero_()
        if func is torch.linalg.qr:
            matrix = args[0]
            return matrix, matrix.new_ones(()).expand(matrix.shape[1], matrix.shape[1])
        return func(*args, **kwargs)
