"""One sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from limner.requests.fields import form
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema


@dataclass(frozen=True)
class Caption(Request):
    """One sentence."""

    noun: ClassVar = "a sentence"
    mixes: ClassVar = True
    column: ClassVar = "text"
    text: str = field(metadata=form("text", "Say what to draw"))

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Take the text as it is."""
        return cls(text)

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the first caption of each row."""
        rows = data.first_rows(count, "text", f"a request of kind {cls.__name__}", split)
        return [cls(data.captions(row, split)[0]) for row in rows]

    def captions(self) -> tuple[str, ...]:
        """Return the sentence."""
        return (self.text,)
