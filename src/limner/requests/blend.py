"""What lies between two requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from limner.errors import UserError
from limner.requests.fields import is_number
from limner.requests.request import Request

if TYPE_CHECKING:
    from limner.data.schema import Schema
    from limner.requests.picture import Picture


@dataclass(frozen=True)
class Blend(Request):
    """The point between two requests of one kind: `first` at t = 0, `second` at t = 1; blends mix again."""

    mixes: ClassVar = True
    first: Request
    second: Request
    t: float

    def pictures(self) -> int:
        """Return how many pictures the longer of the two asks for."""
        return max(self.first.pictures(), self.second.pictures())

    def ends(self) -> tuple[Request, ...]:
        """Return the plain requests that it lies between."""
        return tuple(request for request, _ in shares(self))

    def picture(self) -> Picture | None:
        """Return the picture that both begin from, if they begin from one."""
        return self.first.picture()

    def without_picture(self) -> Request:
        """Return what lies between what both ask beside their picture."""
        first, second = self.first.without_picture(), self.second.without_picture()
        return first if first == second else Blend(first, second, self.t)

    def is_encoded(self) -> bool:
        """Tell whether either end holds encoded pictures."""
        return self.first.is_encoded() or self.second.is_encoded()

    def read_at(self, side: int) -> Request:
        """Return it with its pictures read at `side` pixels."""
        return Blend(self.first.read_at(side), self.second.read_at(side), self.t)

    def check(self, schema: Schema) -> None:
        """Make sure that both ends can be drawn, and that something lies between them."""
        if not (is_number(self.t) and 0 <= self.t <= 1):
            raise UserError(f"the share t of a blend is a number from 0 to 1, not {self.t!r:.60}")
        if wrong := [end for end in self.ends() if not isinstance(end, Request)]:
            raise UserError(f"a blend lies between two requests, not {wrong[0]!r:.60}")
        for end in self.ends():
            end.check(schema)
        between(self.first, self.second, 0.5)


MOST_PARTS = 64
"""Requests that one may lie between: six generations of children of two."""
TOO_MIXED = f"it is mixed of more than {MOST_PARTS}: mix with one of its ancestors instead"


def shares(request: Request) -> list[tuple[Request, float]]:
    """Return the requests that one lies between, and how much it has of each: itself, whole, where it is no `Blend`."""
    if not isinstance(request, Blend):
        return [(request, 1.0)]
    first = [(part, share * (1 - request.t)) for part, share in shares(request.first)]
    return first + [(part, share * request.t) for part, share in shares(request.second)]


def between(first: Request, second: Request, t: float) -> Request:
    """Return the request at share t of the way from one to another; the ends, and equal requests, are no `Blend`.

    Raises:
        UserError: nothing lies between them, or it is a mixture of more than `MOST_PARTS`.
    """
    if first == second or t in (0, 1):
        return second if t == 1 else first
    start, *others = (*first.ends(), *second.ends())
    if len(others) >= MOST_PARTS:
        raise UserError(TOO_MIXED)
    if not all(start.mixes_with(other) for other in others):
        raise UserError("nothing lies between these two requests: only two of one kind, and alike, can be mixed")
    return Blend(first, second, t)
