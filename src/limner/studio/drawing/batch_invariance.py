"""The same sums for a row whatever other rows its batch has, so that a picture is bitwise the same beside any others.

A forward pass of the studio always has the same number of rows, so its convolutions sum in one order. Text encoders
do not keep to that: they pack the words of all sentences, so the number of rows of a matrix depends on the other
clients' sentences, and matrices of a few rows are multiplied by another routine. Here every product has at least that
many rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ROW_MULTIPLE = 4
"""The rows of a product are padded to a multiple of this."""
_PRODUCTS = {torch.ops.aten.mm.default: 0, torch.ops.aten.addmm.default: 1}
"""Operators, and which of their arguments is the matrix whose rows are padded."""
_RECURRENT = {torch.lstm, torch.gru, torch.lstm_cell, torch.gru_cell, torch.rnn_tanh}


class PaddedProducts(TorchDispatchMode):
    """Pad the rows of matrix products, and cut the result to the rows that were asked for."""

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Sequence[Any] = (), options: dict[str, Any] | None = None
    ) -> Any:
        index = _PRODUCTS.get(function)
        missing = -arguments[index].shape[0] % ROW_MULTIPLE if index is not None else 0
        if index is None or not missing or (index == 1 and arguments[0].ndim != 1):
            return function(*arguments, **(options or {}))
        left: Tensor = arguments[index]
        padded = [*arguments[:index], F.pad(left, (0, 0, 0, missing)), *arguments[index + 1 :]]
        return function(*padded, **(options or {}))[: len(left)]


class DoubleRecurrent(TorchFunctionMode):
    """Run recurrent layers in double precision: oneDNN's single-precision ones sum in an order set by the batch."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, arguments: Sequence[Any] = (), options: Any = None
    ) -> Any:
        if function not in _RECURRENT or not _all_single(arguments):
            return function(*arguments, **(options or {}))
        return _convert(torch.float32, function(*_convert(torch.float64, tuple(arguments)), **(options or {})))


def _all_single(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() or value.dtype is torch.float32
    return all(map(_all_single, value)) if isinstance(value, list | tuple) else True


def _convert(dtype: torch.dtype, value: Any) -> Any:
    """Convert floating-point tensors, and those in nested lists and tuples."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    return type(value)(_convert(dtype, item) for item in value) if isinstance(value, list | tuple) else value


def warm_up() -> None:
    """Load what the first product under `PaddedProducts` would load, which takes seconds, before the first request."""
    with PaddedProducts():
        torch.zeros(1, 1) @ torch.zeros(1, 1)
