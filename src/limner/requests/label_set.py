"""Labels that should appear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from limner.errors import UserError
from limner.requests.fields import LONGEST_NAME, form
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema

MOST_LABELS = 200


@dataclass(frozen=True)
class LabelSet(Request):
    """The labels that should appear, repeated as often as they should."""

    noun: ClassVar = "labels"
    column: ClassVar = "labels"
    labels: tuple[str, ...] = field(
        metadata=form("labels", "choose some labels", choices="asked_labels", most=MOST_LABELS, longest=LONGEST_NAME)
    )

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Read `2 cups, table`."""
        labels: list[str] = []
        for part in filter(None, (part.strip() for part in re.split(r"[,;\n]", text))):
            number, name = re.fullmatch(r"(\d{1,9}(?=\s))?\s*(.*)", part, re.DOTALL).groups()  # type: ignore[union-attr]
            count = 1 if number is None else int(number)
            if count > MOST_LABELS or count + len(labels) > MOST_LABELS:
                total = f"{count + len(labels):,}"
                raise UserError(f"the request has {total} labels, and {MOST_LABELS} is the limit: ask for fewer")
            labels += [_singular(name, schema.asked_labels) if count > 1 else name] * count
        return cls(tuple(labels))

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Tell whether something is counted in it."""
        return bool(re.search(r"(^|[,;\n])\s*\d+\s+\w", text)) and not re.search(r"\d*\.\d", text)

    @classmethod
    def from_cell(cls, cell: Any, schema: Schema, text: str = "") -> Self:
        """Read a list of labels."""
        is_list = isinstance(cell, list | tuple) and all(isinstance(label, str) for label in cell)
        return cls(tuple(cell)) if is_list else super().from_cell(cell, schema, text)

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the labels of the boxes of each row; of a set without boxes, each row's label."""
        needed_by, boxed = f"a request of kind {cls.__name__}", bool(data.schema.things)
        rows = data.first_rows(count, "boxes" if boxed else "label", needed_by, split)
        if boxed:
            return [cls(tuple(label for label, *_ in data.boxes(row, split))) for row in rows]
        labels = [data.named_label(row, split) for row in rows]
        return [cls(() if label is None else (label,)) for label in labels]

    def with_most(self, most: int) -> Self:
        """Return it with its first labels."""
        return self if len(self.labels) <= most else replace(self, labels=self.labels[:most])


def _singular(name: str, known: Sequence[str]) -> str:
    """Return the known label that a plural means."""
    ends = {name, name.removesuffix("s"), name.removesuffix("es"), re.sub("ies$", "y", name)}
    return next((label for label in known if label in ends), name)
