"""Drawings that end before they are done: where a person stops them, or after the draft that a recipe names.

Drawing repeats itself bit for bit, so a recipe need only say after how many drafts it was stopped ("stopped"): that
draft is drawn again from it, and without that field the picture it would have become.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from limner.errors import UserError
from limner.imaging import answers
from limner.system import Draft

KEY = "stopped"
"""In a recipe: after how many drafts, where it was before the last one."""


@dataclass(frozen=True)
class Stop:
    """Where a drawing ends before it is done."""

    after: int | None = None
    """After so many drafts; None for the last one."""
    keep: bool = False
    """Whether Ctrl-C keeps the last draft; without it nothing is left of a batch that was not done."""


TO_THE_END = Stop()


@dataclass(frozen=True)
class Drawn:
    """Drafts of a batch, and how the drawing ended."""

    drafts: list[Draft]
    """The last one is the answer, or what there was when it was stopped."""
    stopped: int | None = None
    """After how many drafts, where it was before the last one."""
    interrupted: bool = False
    """Whether a person stopped it."""

    @property
    def where(self) -> str:
        """Say in words where it ended."""
        last = self.drafts[-1]
        return f"{last.note or f'draft {self.stopped}'}, {last.progress:.0%} of the way"


def drawn(drafts: Iterator[Draft], last: int | None, stop: Stop) -> Drawn:
    """Draw a batch to its end, or to where it stops.

    Args:
        drafts: of the batch, as they are drawn.
        last: how many of the last drafts are kept; None for all.
        stop: where it ends.

    Raises:
        KeyboardInterrupt: a person stopped it, and there is nothing to keep, or it was not asked for.
    """
    kept: collections.deque[tuple[int, Draft]] = collections.deque(maxlen=last)
    interrupted, number = False, 0
    try:
        for number, draft in enumerate(drafts, start=1):
            if answers.is_shown(draft) or draft.progress == 1:
                kept.append((number, draft))
            if number == stop.after:
                break
    except KeyboardInterrupt:
        if not (stop.keep and kept):
            raise
        interrupted = True
    if not kept:
        raise UserError(f"this drawing shows nothing after {stop.after} drafts: it cannot have been stopped there")
    number, final = kept[-1]
    return Drawn([draft for _, draft in kept], number if final.progress < 1 else None, interrupted)


def stop_of(recipe: Mapping[str, Any]) -> Stop:
    """Return where the drawing of a recipe was stopped.

    Raises:
        UserError: what it says of that is no number of drafts.
    """
    after = recipe.get(KEY)
    if after is not None and (type(after) is not int or after < 1):
        raise UserError(f"the recipe is damaged: a drawing is stopped after some drafts, not after {after!r:.40}")
    return Stop(after)
