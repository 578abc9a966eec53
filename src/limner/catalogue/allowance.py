"""How much a system may take of the memory when it is built for the weights of a checkpoint.

A configuration of a few bytes can ask for any amount, and parts that were left out of a checkpoint have no weights that
it could be compared with. So the tensors that are made are counted before memory is taken for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode

from limner.errors import UserError

NUMBERS, TENSORS = 50_000_000, 5_000
"""Besides what the weights themselves account for: parts that were left out, and what is made on the way."""
TIMES = 16
"""Times the size of the weights that a system may take."""
_MAKERS: frozenset[Callable[..., Any]] = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye, torch.arange}
)


class Allowance(TorchFunctionMode):
    """While this context is entered no more tensors, and numbers in them, may be made than it allows.

    Args:
        numbers: in all tensors together.
        tensors: how many of them.

    Raises:
        UserError: by the call that would make one too many.
    """

    def __init__(self, numbers: int, tensors: int) -> None:
        super().__init__()
        self.numbers, self.tensors = numbers, tensors

    @classmethod
    def of(cls, weights: int) -> Self:
        """Return what weights of so many bytes may account for; each number has two of them, or four."""
        return cls(TIMES * weights // 2 + NUMBERS, weights // 1024 + TENSORS)

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Count what `func` is about to make."""
        if func in _MAKERS:
            self.tensors -= 1
            self.numbers -= _size(func, args, kwargs or {})
            if self.numbers < 0 or self.tensors < 0:
                raise UserError("its configuration asks for far more memory than its weights account for")
        return func(*args, **(kwargs or {}))


def _size(func: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> int:
    """Return how many numbers a tensor will have."""
    size: Any = options.get("size", args)
    if func is torch.arange:
        return abs(int(args[-1])) if args and isinstance(args[-1], int) else 0
    if size and isinstance(size[0], list | tuple):
        size = size[0]
    return math.prod(side for side in size if isinstance(side, int))
