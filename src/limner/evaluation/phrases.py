"""Attention of things to words: how much of it lies on the words of the phrase that names the thing.

Letters: N texts, K things of each, T words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from limner.data.schema import words_of

_MARKS = re.compile(r"[.,;:!?()]")
_BETWEEN = frozenset(
    words_of(
        "a an and against are as at beside by for from has have he her his in is it its next no of on one or over she "
        "some that the their there these they this three to two under wearing wears which who with"
    )
)
"""Words that join phrases, or begin one, and are part of none."""


class PhraseShare(NamedTuple):
    """Attention on the words of a thing's own phrase, a mean over things whose phrase is found."""

    attention: float
    """Share of the attention of a thing that lies there."""
    even: float
    """The same if each thing attended to all words alike."""
    things: int
    """How many things have a phrase of their own."""


def phrases(text: str) -> list[list[int]]:
    """Return the phrases of a text, the places of their words: what stands between marks and small words."""
    found, place = list[list[int]](), 0
    for part in _MARKS.split(text):
        found.append([])
        for word in words_of(part):
            if word not in _BETWEEN:
                found[-1].append(place)
            elif found[-1]:
                found.append([])
            place += 1
    return [phrase for phrase in found if phrase]


def own_phrase(text: str, label: str) -> list[int]:
    """Return the places of the words of the phrase that names a label; empty where none does, or several do."""
    words, named = words_of(text), set(words_of(label))
    fits = [phrase for phrase in phrases(text) if named <= {words[place] for place in phrase}]
    return fits[0] if len(fits) == 1 else []


def share_on_phrases(texts: Sequence[str], labels: Sequence[Sequence[str]], attention: Tensor) -> PhraseShare:
    """Measure attention to words by the phrases of the texts.

    Args:
        texts: N of them.
        labels: of the things of each.
        attention: (N, K, T or more), that of each thing to each word of its text; it sums to 1 over words.
    """
    shares, even = list[float](), list[float]()
    for text, named, row in zip(texts, labels, attention, strict=True):
        for label, weights in zip(named, row, strict=False):
            if own := own_phrase(text, label):
                shares.append(float(weights[own].sum()))
                even.append(len(own) / len(words_of(text)))
    count = max(len(shares), 1)
    return PhraseShare(sum(shares) / count, sum(even) / count, len(shares))
