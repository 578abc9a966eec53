"""A sentence, or a story of them, with the vectors that another program made of it.

The papers' systems were given vectors of a text encoder that was trained elsewhere. A system that learnt from such
draws a sentence by its vector; a sentence without one it can only draw where it has an encoder of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from limner.errors import UserError
from limner.requests.caption import Caption
from limner.requests.fields import MOST_NUMBERS, form
from limner.requests.request import Answered
from limner.requests.story import MOST_LINES, Story

Vectors = tuple[tuple[float, ...], ...]
_COLUMN = "embedding"


@dataclass(frozen=True)
class Embedded(Caption):
    """One sentence and, where it is known, its vector."""

    noun: ClassVar = "a sentence"
    vectors: Vectors = field(
        default=(), metadata=form("vectors", "Its vector", required=False, hidden=True, longest=MOST_NUMBERS)
    )
    """The vector of the sentence, alone in a list; empty where the artist is to read the sentence itself."""

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Embedded]:
        """Return the first caption of each row with its vector."""
        rows = data.first_rows(count, _COLUMN, f"a request of kind {cls.__name__}", split)
        return [cls(data.captions(row, split)[0], _firsts(data, [row], split)) for row in rows]


@dataclass(frozen=True)
class EmbeddedStory(Story):
    """Sentences, one a picture, in order, and a vector for each."""

    vectors: Vectors = field(
        default=(),
        metadata=form("vectors", "A vector a line", required=False, hidden=True, most=MOST_LINES, longest=MOST_NUMBERS),
    )
    """A vector for each line; empty where the artist is to read the lines itself."""

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[EmbeddedStory]:
        """Return the first caption of each frame of each story with its vector."""
        data.first_rows(count, _COLUMN, f"a request of kind {cls.__name__}", split)
        rows = [list(map(int, data.stories(split)[k % len(data.stories(split))])) for k in range(count)]
        return [
            cls(tuple(data.captions(row, split)[0] for row in story), vectors=_firsts(data, story, split))
            for story in rows
        ]


def check_vectors(request: Embedded | EmbeddedStory, width: int, reads: bool) -> None:
    """Make sure that a request has what a system of sentence vectors needs, for `System.check_request`.

    Args:
        request: as it was asked.
        width: numbers of a vector.
        reads: whether the system has an encoder for sentences without vectors.

    Raises:
        UserError: there is no vector and no encoder, there are not as many as sentences, or they are of another width.
    """
    sentences = request.captions()
    if not request.vectors and not reads:
        raise UserError(
            "this artist learnt from sentence vectors that came with its data and has no encoder of its own: ask with"
            f" vectors of {width} numbers, or for captions of such data, or train with text_images above 0 where it can"
        )
    if request.vectors and len(request.vectors) != len(sentences):
        raise UserError(f"there are {len(request.vectors)} vectors for {len(sentences)} sentences: give one for each")
    if wrong := [len(vector) for vector in request.vectors if len(vector) != width]:
        raise UserError(f"a vector has {wrong[0]} numbers, and this artist learnt from vectors of {width}")


def _firsts(data: Answered, rows: Sequence[int], split: str) -> Vectors:
    """Return the vector of the first caption of each row."""
    return tuple(tuple(map(float, some[0])) for some in data.embeddings(rows, split))
