"""For systems that draw without being told what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from limner.errors import UserError
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema


@dataclass(frozen=True)
class Nothing(Request):
    """For systems that draw without being told what."""

    noun: ClassVar = "nothing but chance"
    asks: ClassVar = False

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Refuse any text."""
        raise UserError("it draws without a prompt: leave the prompt out")

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return nothing, as often as asked."""
        return [cls()] * count
