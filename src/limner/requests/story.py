"""Sentences, one a picture."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from limner.errors import UserError
from limner.requests.fields import form
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema

MOST_LINES = 500


@dataclass(frozen=True)
class Story(Request):
    """Sentences, one a picture, in order."""

    noun: ClassVar = "a story, a line a picture"
    several: ClassVar = True
    column: ClassVar = "text"
    lines: tuple[str, ...] = field(metadata=form("lines", "Say what to draw, a line for each picture", most=MOST_LINES))
    setting: tuple[str, ...] = field(
        default=(), metadata=form("lines", "The lines as first told", required=False, hidden=True, most=MOST_LINES)
    )
    """The lines as first told, where one was changed since: what belongs to the story as a whole stays theirs."""

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Take the lines of the text that say something."""
        return cls(tuple(line for line in text.splitlines() if line.strip()))

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the first caption of each frame of each story."""
        data.first_rows(count, "", "", split)
        stories = itertools.islice(itertools.cycle(data.stories(split)), count)
        return [cls(tuple(data.captions(row, split)[0] for row in story)) for story in stories]

    def check(self, schema: Schema) -> None:
        """Make sure that there are lines, and not too many."""
        if not self.lines:
            raise UserError("the story is empty: say what to draw, a line for each picture")
        if len(self.lines) > MOST_LINES:
            raise UserError(f"the story has {len(self.lines):,} lines, and {MOST_LINES} is the limit: tell it in parts")
        super().check(schema)

    def captions(self) -> tuple[str, ...]:
        """Return its lines."""
        return self.lines
