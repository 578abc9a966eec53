"""Named values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from limner.errors import UserError
from limner.requests.fields import LONGEST_NAME, form
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema

MOST_VALUES = 200


@dataclass(frozen=True)
class Attributes(Request):
    """Named values, for example hair colour: red."""

    noun: ClassVar = "attributes"
    mixes: ClassVar = True
    column: ClassVar = "attributes"
    values: Mapping[str, str] = field(
        default_factory=dict,
        metadata=form(
            "values", "Choose values", required=False, choices="attributes", most=MOST_VALUES, longest=LONGEST_NAME
        ),
    )

    def named(self) -> Mapping[str, str]:
        """Return its values."""
        return self.values

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Read `hair: red, hat: none`."""
        values = dict[str, str]()
        for part in filter(str.strip, re.split(r"[,;\n]", text)):
            name, colon, value = (one.strip() for one in part.partition(":"))
            if not (name and colon and value):
                raise UserError(f"{part.strip()[:60]!r} is no attribute: write them like `hair: red, hat: none`")
            if values.get(name, value) != value:
                raise UserError(f"{name} is both {values[name]} and {value}: give it one value")
            values[name] = value
        return cls(values)

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Tell whether it is names and values with colons between."""
        return all(re.fullmatch(r"\s*[^:?]+:[^:?]+", part) for part in re.split(r"[,;\n]", text))

    @classmethod
    def from_cell(cls, cell: Any, schema: Schema, text: str = "") -> Self:
        """Read a mapping; what is not known is left out."""
        if not isinstance(cell, Mapping):
            return super().from_cell(cell, schema, text)
        return cls({name: value for name, value in cell.items() if value is not None})

    @classmethod
    def trials(cls, schema: Schema, examples: Sequence[str]) -> Sequence[Self]:
        """Return the first value of every attribute, the last of every one, and every second attribute's first."""
        first = {name: known[0] for name, known in schema.attributes.items()}
        last = {name: known[-1] for name, known in schema.attributes.items()}
        return [cls(first), cls(last), cls({name: first[name] for name in list(first)[::2]})]

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return what is known of each row."""
        rows = data.first_rows(count, "attributes", f"a request of kind {cls.__name__}", split)
        return [cls(data.named_attributes(row, split)) for row in rows]
