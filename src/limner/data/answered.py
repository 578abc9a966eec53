"""Requests that rows of a data set answer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from limner.errors import UserError
from limner.requests import Request, Takes, kinds_of

if TYPE_CHECKING:
    from limner.data.dataset import Dataset


def requests_of(data: Dataset, takes: Takes, count: int, split: str) -> list[Request]:
    """Return `count` requests that the first rows of a split answer; see `Dataset.requests`."""
    first, *others = kinds_of(takes)
    for kind in (first, *others) if others else ():
        with contextlib.suppress(UserError):
            return _beside(data, kind, others, list(kind.held_out(data, split, count)), split)
    return list(first.held_out(data, split, count))


def _beside(
    data: Dataset, kind: type[Request], others: list[type[Request]], made: list[Request], split: str
) -> list[Request]:
    """Return requests of a kind with others beside them, where it holds any and such can be made."""
    plain = tuple(one for one in others if not one.holds)
    if not (kind.holds and plain):
        return made
    with contextlib.suppress(UserError):
        asked = requests_of(data, plain, len(made), split)
        return [request.beside(other) for request, other in zip(made, asked, strict=True)]
    return made
