"""What an artist opens with: requests that it draws rightly by almost any seed, as a judge sees it, unlike one another.

Letters: N requests, K seeds, T frames of a story (1 of a picture), A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from limner import metrics
from limner.errors import UserError
from limner.evaluation.draw import draw
from limner.evaluation.protocol import HeldOut, resized
from limner.evaluation.stories import strips
from limner.requests import Attributes, Request
from limner.system import System

MOST = 12
"""Examples of an artist; of stories, lines."""
SEEDS = 10
"""Seeds that each candidate is drawn with."""
RIGHT = 8
"""Seeds by which all that is asked must be there."""


@dataclass(frozen=True)
class Examples:
    """What an artist opens with, and how it was chosen."""

    texts: tuple[str, ...]
    """Captions, or the lines of stories one after another; of who is told attributes, names and values."""
    right: tuple[int, ...]
    """For each caption or story, by how many seeds of `SEEDS` all of it was there."""
    qualified: int
    """Of how many candidates that was so by `RIGHT` or more."""
    candidates: int

    def __str__(self) -> str:
        """Say how they were chosen, and what falls short."""
        summary = (
            f"{self.qualified} of {self.candidates} held-out requests were drawn rightly by {RIGHT} of {SEEDS} seeds "
            f"or more; {len(self.right)} are examples"
        )
        fallen = [right for right in self.right if right < RIGHT]
        short = (
            f", {len(fallen)} of them only the best of the rest ({min(fallen)} of {SEEDS} or more)" if fallen else ""
        )
        return summary + short


def choose(system: System, held_out: HeldOut) -> Examples:
    """Draw the held-out requests by `SEEDS` seeds each, and choose examples of those that come out right.

    Of those that qualify, one after another is taken that says most of what none before it has said; the surest of
    them is the first. Where fewer qualify than there is room for, the best of the rest follow.

    Raises:
        UserError: where the system takes neither captions nor stories, or the data has no attributes to judge by.
    """
    held_out = held_out.of(system.takes)
    requests = held_out.data.requests(system.takes, held_out.requests, "test", most_things=system.most_things)
    named = bool(requests[0].named())
    if not (named or requests[0].captions()) or not held_out.judge.network.values:
        raise UserError("examples are chosen for who draws captions, stories or attributes, on data with attributes")
    truth, mentioned = strips(held_out.truth(), held_out), strips(held_out.mentioned(), held_out)
    if named:
        mentioned = mentioned & torch.tensor(_known_to(system))
    wanted = metrics.required_so_far(truth, mentioned)  # (N, T, A)
    if named:
        requests, wanted = _asking(system, wanted)
    asked = (wanted >= 0).flatten(1).any(dim=1)
    right = torch.where(asked, _right(system, held_out, requests, wanted), -1)
    best = right.sort(descending=True, stable=True).indices.tolist()
    good, rest = [k for k in best if right[k] >= RIGHT], [k for k in best if 0 <= right[k] < RIGHT]
    room = MOST // held_out.frames or 1
    chosen = sorted(_varied(good, wanted, room), key=lambda k: -int(right[k]))
    chosen += rest[: room - len(chosen)]
    texts = tuple(text for k in chosen for text in _texts(requests[k]))
    return Examples(texts, tuple(int(right[k]) for k in chosen), len(good), int(asked.sum()))


def _known_to(system: System) -> list[bool]:
    """Tell of each attribute whether the system is told it: of one that it draws by chance it has a remark."""
    known = system.schema.attributes
    return [not system.remarks([Attributes({name: values[0]})]) for name, values in known.items()]


def _asking(system: System, wanted: Tensor) -> tuple[list[Request], Tensor]:
    """Return requests for values, each once, and what of (N, 1, A) numbers of values each asks for; -1 is no value."""
    known, unlike = system.schema.attributes.items(), wanted.unique(dim=0)
    requests: list[Request] = [
        Attributes({name: values[k] for (name, values), k in zip(known, row, strict=True) if k >= 0})
        for row in unlike[:, 0].tolist()
    ]
    return requests, unlike


def _texts(request: Request) -> tuple[str, ...]:
    """Return the texts by which a request is asked for: of a story one a line."""
    named = ", ".join(f"{name}: {value}" for name, value in request.named().items())
    return request.captions() or (named,)


def _right(system: System, held_out: HeldOut, requests: Sequence[Request], wanted: Tensor) -> Tensor:
    """Count for each request the seeds by which all that it asks for is there: (N,)."""
    every = [request for request in requests for _ in range(SEEDS)]
    seeds = list(range(held_out.seed, held_out.seed + SEEDS)) * len(requests)
    drawn = draw(system, every, seeds, held_out.processes).flatten(0, -4)
    named = held_out.judge.network.predict(held_out.judge.features(resized(drawn, held_out.data.schema.size)))
    named = named.unflatten(0, (len(requests), SEEDS, held_out.frames))
    fits = (named == wanted[:, None]) | (wanted[:, None] < 0)  # (N, K, T, A)
    return fits.flatten(2).all(dim=2).sum(dim=1)


def _varied(good: Sequence[int], wanted: Tensor, room: int) -> list[int]:
    """Choose at most `room` requests, each for what it says that no earlier one says; ties in their order."""
    says = {k: {(place, value) for place, value in enumerate(wanted[k].flatten().tolist()) if value >= 0} for k in good}
    said, chosen, left = set[tuple[int, int]](), list[int](), list(good)
    while left and len(chosen) < room:
        following = max(left, key=lambda k: (len(says[k] - said), len(says[k])))
        left.remove(following)
        chosen.append(following)
        said |= says[following]
    return chosen
