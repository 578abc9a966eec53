"""The same sums for a row whatever other rows its batch has, so that a picture is bitwise the same beside any others.

The order in which a product or a convolution sums depends on the number of its rows. A pass of the studio that always
had the same number of rows would sum in one order, but a single client would wait for rows that nobody asked for. So
each operator that sums over a batch is given the rows it needs: of matrix products a multiple of four (text encoders
pack the words of all sentences, so their number of rows depends on other clients' sentences); of convolutions as many
as `EvenSums` finds, by trying, to be summed as in a full batch. Whether whole passes of fewer rows are then
the same bits is tried, too, on what is drawn (`ProvenRows`): until it is, passes are full.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ROW_MULTIPLE = 4
"""The rows of a product are padded to a multiple of this."""
PROOFS = 3
"""Passes of fewer rows that have to be the same bits as full ones before they take their place."""
_PRODUCTS = {torch.ops.aten.mm.default: 0, torch.ops.aten.addmm.default: 1}
"""Operators, and which of their arguments is the matrix whose rows are padded."""
_CONVOLUTION = torch.ops.aten.convolution.default
_RECURRENT = {torch.lstm, torch.gru, torch.lstm_cell, torch.gru_cell, torch.rnn_tanh}


class EvenSums(TorchDispatchMode):
    """Sum products and convolutions over the rows of a batch in one order, however few rows it has.

    Matrix products are padded to a multiple of four rows. Convolutions get as few rows as are summed in the order of a
    full batch. How many these are is tried once for each shape, on random numbers: small maps of a single row are often
    summed in an order of their own, large ones row by row.

    Args:
        full: rows of a full batch.
        known: rows that convolutions need, by what tells one from another; kept from pass to pass.
    """

    def __init__(self, full: int, known: dict[Any, int]) -> None:
        super().__init__()
        self.full, self.known = full, known

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Sequence[Any] = (), options: dict[str, Any] | None = None
    ) -> Any:
        if function is _CONVOLUTION:
            return self._convolved(*arguments)
        index = _PRODUCTS.get(function)
        missing = -arguments[index].shape[0] % ROW_MULTIPLE if index is not None else 0
        if index is None or not missing or (index == 1 and arguments[0].ndim != 1):
            return function(*arguments, **(options or {}))
        left: Tensor = arguments[index]
        padded = [*arguments[:index], F.pad(left, (0, 0, 0, missing)), *arguments[index + 1 :]]
        return function(*padded, **(options or {}))[: len(left)]

    def _convolved(self, x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
        x = _in_order(x)
        if len(x) >= self.full:
            return _CONVOLUTION(x, weight, *rest)
        key = (x.shape, x.stride(), x.dtype, weight.shape, weight.stride(), rest[0] is None, str(rest[1:]))
        if key not in self.known:
            self.known[key] = self._rows(x, lambda rows: _CONVOLUTION(rows, weight, *rest))
        if missing := self.known[key] - len(x):
            padded = torch.cat([x, x[:1].expand(missing, *x.shape[1:])])
            return _CONVOLUTION(_in_order(padded), weight, *rest)[: len(x)]
        return _CONVOLUTION(x, weight, *rest)

    def _rows(self, x: Tensor, convolve: Callable[[Tensor], Tensor]) -> int:
        """Return the least number of rows, from those of x, that are summed as in a full batch."""
        tried = torch.randn(self.full, *x.shape[1:], dtype=torch.float32, generator=torch.Generator().manual_seed(0))
        tried = tried.to(x).contiguous(memory_format=_memory_format(x))
        whole = convolve(_in_order(tried))
        for rows in range(len(x), self.full):
            if torch.equal(convolve(_in_order(tried[:rows])), whole[:rows]):
                return rows
        return self.full


def _memory_format(x: Tensor) -> torch.memory_format:
    last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last and not x.is_contiguous() else torch.contiguous_format


def _in_order(x: Tensor) -> Tensor:
    """Return a tensor with the strides its shape has: a routine is chosen by them, and sides of 1 may have any."""
    if _memory_format(x) is torch.channels_last:
        return x
    return x.contiguous().view(-1).view(x.shape)


class ProvenRows:
    """The rows that a pass needs so that each is the same bits as in a full one, found out on what is drawn.

    Passes of a kind are full at first. The first few with rows to spare are drawn a second time, with a power of two of
    rows; where no bit differs in any of these, such passes are as small from then on, and where one does, stay full.

    Args:
        full: rows of a full pass.
    """

    def __init__(self, full: int) -> None:
        self.full = full
        self._agreed: dict[tuple[Any, int], float] = {}

    def __call__(self, kind: Any, rows: int) -> int:
        """Return the rows of the next pass of a kind in which so many are asked for."""
        fewer = self._fewer(rows)
        return fewer if self._agreed.get((kind, fewer), 0) >= PROOFS else self.full

    def to_prove(self, kind: Any, rows: int) -> int:
        """Return with how many rows a full pass should be drawn again, 0 for not at all."""
        fewer = self._fewer(rows)
        return fewer if fewer < self.full and 0 <= self._agreed.get((kind, fewer), 0) < PROOFS else 0

    def learn(self, kind: Any, rows: int, same: bool) -> None:
        """Say whether a pass of so many rows was the same bits as a full one."""
        self._agreed[kind, rows] = self._agreed.get((kind, rows), 0) + 1 if same else -math.inf

    def _fewer(self, rows: int) -> int:
        return min(1 << (rows - 1).bit_length(), self.full)


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


class EvenPasses:
    """Contexts in which a net gives a row the same bits whatever other rows there are (see `EvenSums`).

    Args:
        net: what draws.
        full: rows of a full batch.
    """

    def __init__(self, net: nn.Module, full: int) -> None:
        self._recurrent = any(isinstance(part, nn.RNNBase | nn.RNNCellBase) for part in net.modules())
        self._full, self._known = full, dict[Any, int]()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Sum in one order while it lasts."""
        with EvenSums(self._full, self._known), DoubleRecurrent() if self._recurrent else contextlib.nullcontext():
            yield


def warm_up() -> None:
    """Load what the first product under `EvenSums` would load, which takes seconds, before the first request."""
    with EvenSums(1, {}):
        torch.zeros(1, 1) @ torch.zeros(1, 1)
