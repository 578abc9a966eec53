"""What lies between two requests."""

from __future__ import annotations

from dataclasses import dataclass

from limner.requests.request import Request


@dataclass(frozen=True)
class Blend(Request):
    """The point between two requests of one kind: `first` at t = 0, `second` at t = 1; blends mix again."""

    first: Request
    second: Request
    t: float


MOST_PARTS = 64
"""Requests that one may lie between: six generations of children of two."""
TOO_MIXED = f"it is mixed of more than {MOST_PARTS}: mix with one of its ancestors instead"


def shares(request: Request) -> list[tuple[Request, float]]:
    """Return the requests that one lies between, and how much it has of each: itself, whole, where it is no `Blend`."""
    if not isinstance(request, Blend):
        return [(request, 1.0)]
    first = [(part, share * (1 - request.t)) for part, share in shares(request.first)]
    return first + [(part, share * request.t) for part, share in shares(request.second)]
