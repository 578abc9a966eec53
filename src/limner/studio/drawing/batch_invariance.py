"""The same sums for a row, whatever other rows there are, so that a picture is the same to the bit in any company.

A pass of the studio has always as many rows, and so its convolutions sum in one order. Encoders of text do not keep to
that: they pack the words of all sentences, so how many rows a matrix has depends on what others wrote, and for less
than a few rows matrices are multiplied by another routine. Here every product has at least that many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

LEAST = 4
"""Rows of a product are filled up to a multiple of this."""
_PRODUCTS = {torch.ops.aten.mm.default: 0, torch.ops.aten.addmm.default: 1}
_RECURRENT = {torch.lstm, torch.gru, torch.lstm_cell, torch.gru_cell, torch.rnn_tanh}


class Rows(TorchDispatchMode):
    """Fill the rows of products up, and cut the answer to what was asked."""

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Sequence[Any] = (), options: dict[str, Any] | None = None
    ) -> Any:
        place = _PRODUCTS.get(function)
        lacks = -arguments[place].shape[0] % LEAST if place is not None else 0
        if place is None or not lacks or (place == 1 and arguments[0].ndim != 1):
            return function(*arguments, **(options or {}))
        left: Tensor = arguments[place]
        filled = [*arguments[:place], F.pad(left, (0, 0, 0, lacks)), *arguments[place + 1 :]]
        return function(*filled, **(options or {}))[: len(left)]


class Recurrent(TorchFunctionMode):
    """Run recurrent layers in double precision: oneDNN's own, for single precision, sum by the size of the batch."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, arguments: Sequence[Any] = (), options: Any = None
    ) -> Any:
        if function not in _RECURRENT or not _all_single(arguments):
            return function(*arguments, **(options or {}))
        return _as(torch.float32, function(*_as(torch.float64, tuple(arguments)), **(options or {})))


def _all_single(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() or value.dtype is torch.float32
    return all(map(_all_single, value)) if isinstance(value, list | tuple) else True


def _as(precision: torch.dtype, value: Any) -> Any:
    """Return a tensor of numbers in another precision, and lists of them."""
    if isinstance(value, Tensor):
        return value.to(precision) if value.is_floating_point() else value
    return type(value)(_as(precision, one) for one in value) if isinstance(value, list | tuple) else value


def warm() -> None:
    """Load what the first product under `Rows` would load, which takes seconds: nobody need wait for that."""
    with Rows():
        torch.zeros(1, 1) @ torch.zeros(1, 1)
