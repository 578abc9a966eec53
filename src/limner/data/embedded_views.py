"""Views with the sentence vectors that came with captions. B pictures, T frames of a story, D numbers of a vector."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from limner.data.views import Paired, Pairs, Readable, Rows, Stories, fields_of, paired, streams


@dataclass(frozen=True)
class EmbeddedPairs(Paired):
    """Pictures and their captions, and the vector of the caption that was drawn."""

    needs: ClassVar[frozenset[str]] = Pairs.needs | {"embedding"}
    vectors: Tensor
    """(B, D) that of each of `texts`."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the paired rows that `rows` stand for."""
        pairs = paired(cls.share).gather(data, rows, rng, split)
        return cls(**fields_of(pairs), vectors=_vectors(data, pairs.rows.tolist(), pairs.texts, split))


@dataclass(frozen=True)
class EmbeddedStories(Stories):
    """Single frames and whole stories, and a vector for each of their lines."""

    needs: ClassVar[frozenset[str]] = Stories.needs | {"embedding"}
    plain: ClassVar[type[Stories]] = Stories
    """The same view without vectors; `embedded_streams` sets it."""
    vectors: Tensor
    """(B + N, T, D) those of `lines`."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the stories that `Stories` takes."""
        plain = cls.plain.gather(data, rows, rng, split)
        chosen, count = cls.plain.chosen(data, rows, split)
        found = [
            _vectors(data, story.tolist(), lines, split)
            for story, lines in zip([*chosen[count:], *chosen[:count]], plain.lines, strict=True)
        ]
        return cls(**fields_of(plain), vectors=torch.stack(found))


@functools.cache
def embedded_pairs(share: float) -> type[EmbeddedPairs]:
    """Return the view of pairs with vectors of a share of the rows."""
    return type("EmbeddedPairs", (EmbeddedPairs,), {"share": share, "__doc__": EmbeddedPairs.__doc__})


@functools.cache
def embedded_streams(frames: int, pictures: int) -> type[EmbeddedStories]:
    """Return the view that gives single frames and whole stories as `frames` to `pictures`, with vectors."""
    plain = streams(frames, pictures)
    return type("EmbeddedStories", (EmbeddedStories,), {"plain": plain, "__doc__": EmbeddedStories.__doc__})


def _vectors(data: Readable, rows: Sequence[int], texts: Sequence[str], split: str) -> Tensor:
    """Return the vector of one caption of each row: (len(rows), D)."""
    some = zip(rows, texts, data.embeddings(rows, split), strict=True)
    return torch.from_numpy(np.stack([found[data.captions(row, split).index(text)] for row, text, found in some]))
