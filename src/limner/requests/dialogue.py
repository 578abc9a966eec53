"""A caption and turns of question and answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from limner.errors import UserError
from limner.requests.fields import form
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema

MOST_TURNS = 50
Turns = tuple[tuple[str, str], ...]
_MARK = re.compile(r"(?:^|(?<=[\s.?!]))([QA]):\s*")


@dataclass(frozen=True)
class Dialogue(Request):
    """A caption and (question, answer) turns about the same picture."""

    noun: ClassVar = "a dialogue"
    mixes: ClassVar = True
    column: ClassVar = "dialogue"
    caption: str = field(metadata=form("text", "Say what the picture shows"))
    turns: Turns = field(
        default=(), metadata=form("turns", "Questions about the picture, and answers", required=False, most=MOST_TURNS)
    )

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Read `a bird on a branch. Q: what colour is it? A: red`."""
        caption, *marked = _MARK.split(text)
        marks, said = marked[::2], [part.strip() for part in marked[1::2]]
        for place, mark in enumerate(marks):
            if mark != "QA"[place % 2]:
                raise UserError("a dialogue has an answer after each question: write it as `Q: how many? A: two`")
        if len(marks) % 2:
            raise UserError(f"the question {said[-1][:60]!r} has no answer: write it as `Q: how many? A: two`")
        return cls(caption.strip(), tuple(zip(said[::2], said[1::2], strict=True)))

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Tell whether there is a question or an answer in it."""
        return bool(_MARK.search(text))

    @classmethod
    def from_cell(cls, cell: Any, schema: Schema, text: str = "") -> Self:
        """Read a list of turns, about the picture that the text tells of."""
        if isinstance(cell, str):
            return super().from_cell(cell, schema, text)
        if not isinstance(cell, list | tuple) or len(turns := turns_of(cell)) < len(cell):
            turn = '{"question": "how many?", "answer": "two"}'
            raise UserError(f"the column dialogue holds turns such as {turn}, not {cell!r:.60}")
        return cls(text, turns)

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the first caption of each row and its dialogue."""
        needed_by = f"a request of kind {cls.__name__}"
        data.first_rows(count, "text", needed_by, split)
        rows = data.first_rows(count, "dialogue", needed_by, split)
        spoken = data.column("dialogue", rows, split)
        return [
            cls(data.captions(row, split)[0], turns_of(turns)[:MOST_TURNS])
            for row, turns in zip(rows, spoken, strict=True)
        ]

    def check(self, schema: Schema) -> None:
        """Make sure that it begins with a caption, and that each question has its answer."""
        if isinstance(self.caption, str) and not self.caption.strip() and self.turns:
            raise UserError("the dialogue has no caption: begin with what the picture shows, `a cat. Q: red? A: no`")
        super().check(schema)

    def captions(self) -> tuple[str, ...]:
        """Return the caption."""
        return (self.caption,)


def turns_of(cell: Any) -> Turns:
    """Return the turns of a cell of [{"question", "answer"}], or of pairs, without those that lack either."""
    turns = cell if isinstance(cell, Sequence) and not isinstance(cell, str) else ()
    pairs = [_sides(turn) for turn in turns]
    return tuple((question, answer) for question, answer in pairs if question and answer)


def _sides(turn: Any) -> tuple[str, str]:
    """Return question and answer; empty what is no text."""
    if isinstance(turn, Mapping):
        both = "question" in turn and "answer" in turn
        turn = (turn["question"], turn["answer"]) if both else tuple(turn.values())
    match turn:
        case (str(question), str(answer), *_):
            return question.strip(), answer.strip()
    return "", ""
