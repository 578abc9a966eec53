"""Figures of stories: does every frame show what the lines up to it ask for, and do things stay as they were?

Attributes whose names share all but the last word belong to one thing: "far left colour", "far left shape". Where a
thing is missing, all of them have the value "nothing". What one line asks for holds in all later frames.

Letters: N stories, T frames of each, A attributes, K things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NOTHING = "nothing"
"""The value of the attributes of a thing that is missing."""
COLOUR = ("colour", "color")


@dataclass(frozen=True)
class Things:
    """Which attributes belong together, to a thing that may be missing."""

    columns: Mapping[str, tuple[int, ...]]
    """Of each of K things, the columns of its attributes among the A."""
    nothing: Tensor
    """(A,) number of the value "nothing", -1 where an attribute has none."""
    colours: tuple[int, ...]
    """Columns of the attributes of things that are colours."""

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

    def present(self, numbers: Tensor) -> Tensor:
        """Return which things are present by most of their attributes, a tie is missing: (..., A) to (..., K)."""
        missing = numbers == self.nothing
        found = [missing[..., some].double().mean(dim=-1) < 0.5 for some in self.columns.values()]
        return torch.stack(found, dim=-1) if found else numbers.new_zeros(*numbers.shape[:-1], 0, dtype=torch.bool)

    def any_of(self, flags: Tensor) -> Tensor:
        """Return for which things some attribute is true: bool (..., A) to (..., K)."""
        return ~self.all_of(~flags)

    def all_of(self, flags: Tensor) -> Tensor:
        """Return for which things all attributes are true: bool (..., A) to (..., K)."""
        found = [flags[..., some].all(dim=-1) for some in self.columns.values()]
        return torch.stack(found, dim=-1) if found else flags.new_zeros(*flags.shape[:-1], 0)


def required_so_far(truth: Tensor, mentioned: Tensor) -> Tensor:
    """Return what each frame must show: what its own line and all lines before it mention.

    Args:
        truth: (N, T, A) numbers of values that are true of each frame, -1 where not known.
        mentioned: bool (N, T, A), which attributes the line of each frame mentions.

    Returns:
        (N, T, A) numbers of values, -1 where no line has mentioned it yet.
    """
    return torch.where(mentioned.cumsum(dim=1) > 0, truth, -1)


@dataclass(frozen=True)
class StoryAccuracy:
    """Shares of what is required that is shown."""

    attributes: float
    """Of all required attributes, over all frames."""
    frames: float
    """Of the frames of which anything is required, those that show all of it."""
    stories: float
    """Of the stories, those all of whose frames do."""
    objects: float
    """Of the things mentioned, those with all that is required of them; 0 where the data has no things."""
    nothing_added: float
    """Of the things that are missing in truth, those that are not drawn either; 0 where the data has no things."""
    by_frame: tuple[float, ...]
    """`attributes` in the first frame, the second, ..."""


def story_accuracy(named: Tensor, truth: Tensor, mentioned: Tensor, things: Things) -> StoryAccuracy:
    """Compare the attributes a judge names with those required by the lines so far.

    Args:
        named: (N, T, A) numbers of values.
        truth: (N, T, A) numbers of values, -1 where not known.
        mentioned: bool (N, T, A), which attributes the line of each frame mentions.
        things: which attributes belong together.
    """
    values = required_so_far(truth, mentioned)
    required = values >= 0
    right = required & (named == values)
    all_right = (right | ~required).all(dim=-1)  # (N, T)
    asked = required.any(dim=-1)
    concerned = things.any_of(required) & things.present(truth)  # (N, T, K)
    empty = things.all_of(truth == things.nothing)
    return StoryAccuracy(
        attributes=_share(right.sum(), required.sum()),
        frames=_share((all_right & asked).sum(), asked.sum()),
        stories=_share((all_right.all(dim=1) & asked.any(dim=1)).sum(), asked.any(dim=1).sum()),
        objects=_share((things.all_of(right | ~required) & concerned).sum(), concerned.sum()),
        nothing_added=_share((empty & ~things.present(named)).sum(), empty.sum()),
        by_frame=tuple(_share(right[:, t].sum(), required[:, t].sum()) for t in range(required.shape[1])),
    )


@dataclass(frozen=True)
class Consistency:
    """Whether things stay as they were drawn in the frame whose line first mentions them."""

    appeared: float
    """Of the things mentioned before the last frame, those that are drawn in the frame that first mentions them."""
    colour: float
    """Of those that appeared, the ones that are present in the last frame with the same colour."""
    same: float
    """Of those that appeared, the ones that are present in the last frame and the same in all attributes."""
    count: int
    """How many appeared; where it is 0, the other two are 0 and mean nothing."""


def consistency(named: Tensor, truth: Tensor, mentioned: Tensor, things: Things) -> Consistency:
    """Compare things in the frame that first mentions them with the last frame: right or wrong, are they the same?

    What a thing looks like is taken from the drawings alone; `truth` and `mentioned` only tell where and when to look.

    Args:
        named: (N, T, A) numbers of values that a judge names.
        truth: (N, T, A) numbers of values, -1 where not known.
        mentioned: bool (N, T, A), which attributes the line of each frame mentions.
        things: which attributes belong together.
    """
    required = things.any_of(required_so_far(truth, mentioned) >= 0) & things.present(truth)  # (N, T, K)
    first = (required & (required.cumsum(dim=1) == 1))[:, :-1]  # things of the last line have no time to change
    present = things.present(named)
    appeared = first & present[:, :-1]
    stayed = appeared & present[:, -1:]
    unchanged = named[:, :-1] == named[:, -1:]  # (N, T - 1, A)
    colours = torch.zeros(named.shape[-1], dtype=torch.bool)
    colours[list(things.colours)] = True
    count = int(appeared.sum())
    return Consistency(
        appeared=_share(appeared.sum(), first.sum()),
        colour=_share((stayed & things.all_of(unchanged | ~colours)).sum(), count),
        same=_share((stayed & things.all_of(unchanged)).sum(), count),
        count=count,
    )


def by_property(named: Tensor, wanted: Tensor, names: Sequence[str], things: Things) -> dict[str, float]:
    """Return the accuracy of each property: of things one figure over all of them, of other attributes each its own.

    Args:
        named: (..., A) numbers of values.
        wanted: (..., A) numbers of values, -1 where it does not count.
        names: of the A attributes.
        things: which belong to things; they count where the thing is present.

    Returns:
        shares by the last word of the name ("colour", ...), "empty" for things that are missing; by the whole name for
        other attributes.
    """
    of_things = {place for some in things.columns.values() for place in some}
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(name.rpartition(" ")[2] if place in of_things else name, []).append(place)
    right, empty = named == wanted, (wanted == things.nothing) & (wanted >= 0)  # -1: unknown, or never nothing
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
    positive, true = (named == yes) & known, (truth == yes) & known
    return _share(2 * (positive & true).sum(), positive.sum() + true.sum())


def _share(part: Tensor, whole: Tensor | int) -> float:
    return int(part) / max(int(whole), 1)
