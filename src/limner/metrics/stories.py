"""Figures of stories: are all things told there, in every frame, and do they stay as they were?

Letters: N stories, T frames of each, A attributes, K things.

Attributes whose names share all but the last word belong to one thing: "far left colour", "far left shape". A thing
that may be missing has the value "nothing" for all of them where it is. What one line tells holds in all later frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NOTHING = "nothing"
"""The value of the attributes of a thing that is not there."""
COLOUR = ("colour", "color")


@dataclass(frozen=True)
class Things:
    """Which attributes belong to one thing that may be missing."""

    columns: Mapping[str, tuple[int, ...]]
    """Of each of K things, the places of its attributes among the A."""
    nothing: Tensor
    """(A,) number of the value "nothing", -1 where an attribute has none."""
    colours: tuple[int, ...]
    """The attributes among those of things that are colours."""

    @classmethod
    def of(cls, values: Mapping[str, Sequence[str]]) -> Things:
        """Find the things among attributes and their values; none where nothing can be missing."""
        columns: dict[str, tuple[int, ...]] = {}
        for place, (name, known) in enumerate(values.items()):
            thing, _, _ = name.rpartition(" ")
            if thing and NOTHING in known:
                columns[thing] = (*columns.get(thing, ()), place)
        nothing = [list(known).index(NOTHING) if NOTHING in known else -1 for known in values.values()]
        ends = [name.rpartition(" ")[2] for name in values]
        colours = tuple(place for some in columns.values() for place in some if ends[place] in COLOUR)
        return cls(columns, torch.tensor(nothing), colours)

    def there(self, numbers: Tensor) -> Tensor:
        """Tell which things are there by most of their attributes, a draw counts as missing: (..., A) to (..., K)."""
        missing = numbers == self.nothing
        seen = [missing[..., some].double().mean(dim=-1) < 0.5 for some in self.columns.values()]
        return torch.stack(seen, dim=-1) if seen else numbers.new_zeros(*numbers.shape[:-1], 0, dtype=torch.bool)

    def any_of(self, flags: Tensor) -> Tensor:
        """Tell for which things some attribute is true: bool (..., A) to (..., K)."""
        return ~self.all_of(~flags)

    def all_of(self, flags: Tensor) -> Tensor:
        """Tell for which things all attributes are true: bool (..., A) to (..., K)."""
        found = [flags[..., some].all(dim=-1) for some in self.columns.values()]
        return torch.stack(found, dim=-1) if found else flags.new_zeros(*flags.shape[:-1], 0)


def told_so_far(truth: Tensor, said: Tensor) -> Tensor:
    """Return what each frame must show: what its own line and all before it told.

    Args:
        truth: (N, T, A) numbers of values that are true of each frame, -1 where not known.
        said: bool (N, T, A), what the line of each frame speaks of.

    Returns:
        (N, T, A) numbers of values, -1 where it was not told until then.
    """
    return torch.where(said.cumsum(dim=1) > 0, truth, -1)


@dataclass(frozen=True)
class StoryAccuracy:
    """Shares of what was told that can be seen."""

    attributes: float
    """Of all attributes told, over all frames."""
    frames: float
    """Of the frames of which anything was told, those that show all of it."""
    stories: float
    """Of the stories, those all of whose frames do."""
    objects: float
    """Of the things told, those with all that was told of them; 0 where the data has no things."""
    nothing_added: float
    """Of the things that are not there, those that are not seen either; 0 where the data has no things."""
    by_frame: tuple[float, ...]
    """`attributes` in the first frame, the second, ..."""


def story_accuracy(named: Tensor, truth: Tensor, said: Tensor, things: Things) -> StoryAccuracy:
    """Compare what a judge names with what was told until then.

    Args:
        named: (N, T, A) numbers of values.
        truth: (N, T, A) numbers of values, -1 where not known.
        said: bool (N, T, A), what the line of each frame speaks of.
        things: which attributes belong together.
    """
    wanted = told_so_far(truth, said)
    told = wanted >= 0
    right = told & (named == wanted)
    good = (right | ~told).all(dim=-1)  # (N, T)
    asked = told.any(dim=-1)
    there = things.there(truth)  # (N, T, K)
    spoken_of = things.any_of(told) & there
    empty = things.all_of(truth == things.nothing)
    return StoryAccuracy(
        attributes=_share(right.sum(), told.sum()),
        frames=_share((good & asked).sum(), asked.sum()),
        stories=_share((good.all(dim=1) & asked.any(dim=1)).sum(), asked.any(dim=1).sum()),
        objects=_share((things.all_of(right | ~told) & spoken_of).sum(), spoken_of.sum()),
        nothing_added=_share((empty & ~things.there(named)).sum(), empty.sum()),
        by_frame=tuple(_share(right[:, t].sum(), told[:, t].sum()) for t in range(told.shape[1])),
    )


@dataclass(frozen=True)
class Consistency:
    """What becomes of things that were drawn where they were told."""

    appeared: float
    """Of the things told before the last frame, those that are seen in the frame of their telling."""
    colour: float
    """Of those that appeared, the ones that are there in the last frame with the same colour."""
    same: float
    """Of those that appeared, the ones that are there in the last frame and the same in all attributes."""
    count: int
    """How many appeared; where it is 0, the other two are 0 and mean nothing."""


def consistency(named: Tensor, truth: Tensor, said: Tensor, things: Things) -> Consistency:
    """Follow things from the frame of their telling to the last: right or wrong, do they stay what they were?

    What a thing looks like is taken from the drawings alone; `truth` and `said` only say where to look and when.

    Args:
        named: (N, T, A) numbers of values that a judge sees.
        truth: (N, T, A) numbers of values, -1 where not known.
        said: bool (N, T, A), what the line of each frame speaks of.
        things: which attributes belong together.
    """
    told = things.any_of(told_so_far(truth, said) >= 0) & things.there(truth)  # (N, T, K)
    first = (told & (told.cumsum(dim=1) == 1))[:, :-1]  # what the last line tells has no time to change
    seen = things.there(named)
    appeared = first & seen[:, :-1]
    stayed = appeared & seen[:, -1:]
    kept = named[:, :-1] == named[:, -1:]  # (N, T - 1, A)
    colours = torch.zeros(named.shape[-1], dtype=torch.bool)
    colours[list(things.colours)] = True
    count = int(appeared.sum())
    return Consistency(
        appeared=_share(appeared.sum(), first.sum()),
        colour=_share((stayed & things.all_of(kept | ~colours)).sum(), count),
        same=_share((stayed & things.all_of(kept)).sum(), count),
        count=count,
    )


def by_property(named: Tensor, wanted: Tensor, names: Sequence[str], things: Things) -> dict[str, float]:
    """Return how right each property is: of things one figure over all of them, of other attributes each its own.

    Args:
        named: (..., A) numbers of values.
        wanted: (..., A) numbers of values, -1 where it does not count.
        names: of the A attributes.
        things: which belong to things; they count where the thing is there.

    Returns:
        shares by the last word of the name ("colour", ...), "empty" for things that are missing; by the whole name for
        other attributes.
    """
    of_things = {place for some in things.columns.values() for place in some}
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(name.rpartition(" ")[2] if place in of_things else name, []).append(place)
    right, empty = named == wanted, wanted == things.nothing
    counts = (wanted >= 0) & ~empty
    found = {
        name: _share((right & counts)[..., some].sum(), counts[..., some].sum())
        for name, some in groups.items()
        if counts[..., some].any()
    }
    return found | ({"empty": _share((right & empty).sum(), empty.sum())} if empty.any() else {})


def f1(named: Tensor, truth: Tensor, yes: Tensor) -> float:
    """Return micro F1 of the answer yes, over all pictures and attributes that are known; 0 where nothing is found.

    Args:
        named: (..., A) numbers of values.
        truth: (..., A) numbers of values, -1 where not known.
        yes: (A,) number of the value that means yes.
    """
    known = truth >= 0
    said, true = (named == yes) & known, (truth == yes) & known
    return _share(2 * (said & true).sum(), said.sum() + true.sum())


def _share(part: Tensor, whole: Tensor | int) -> float:
    return int(part) / max(int(whole), 1)
