"""Sentences that say something else of the same thing: one word put for another of its kind, by the attributes.

Where data tells the attributes of its pictures ("far left colour": red), the values of all attributes of a kind
("colour") are words of which only one is true of a thing. A sentence that names one is made wrong, and stays a likely
sentence, by naming another: words of place stay, so it still speaks of the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from limner.data.schema import NOTHING, Schema, words_of
from limner.data.words import places_of

_SAID_OF_MANY = {"yes", "no"}
"""Values that are no words for what is there."""


class ValueEdits:
    """Which words of a schema's texts may be put for which; empty where its data has no attributes."""

    def __init__(self, schema: Schema) -> None:
        kinds: dict[str, set[str]] = {}
        for name, values in schema.attributes.items():
            kinds.setdefault(name.rpartition(" ")[2], set()).update(values)
        known = set(schema.lexicon.words)
        self.others: dict[str, tuple[str, ...]] = {}
        for kind in kinds.values():
            words = sorted((kind - {NOTHING} - _SAID_OF_MANY) & known)
            for word in words:
                others = tuple(other for other in words if other != word)
                # A word of two kinds may be replaced by what both have: else it might be true of the other.
                self.others[word] = tuple(one for one in self.others.get(word, others) if one in others)

    def places(self, text: str) -> list[str]:
        """Return the words of a text that may be replaced."""
        return [word for word in words_of(text) if self.others.get(word)]

    def edit(self, text: str) -> str | None:
        """Replace one word, both drawn by torch's generator; None where no word may be replaced."""
        words = self.places(text)
        if not words:
            return None
        word = words[_below(len(words))]
        other = self.others[word][_below(len(self.others[word]))]
        start, end = next((start, end) for one, start, end in places_of(text) if one == word)
        return text[:start] + other + text[end:]

    def edit_one(self, lines: Sequence[str]) -> tuple[str, ...] | None:
        """Edit one line of several; None where no line has a word that may be replaced."""
        able = [place for place, line in enumerate(lines) if self.places(line)]
        if not able:
            return None
        chosen = able[_below(len(able))]
        return tuple((self.edit(line) or line) if place == chosen else line for place, line in enumerate(lines))


def _below(count: int) -> int:
    return int(torch.randint(count, ()).item())
