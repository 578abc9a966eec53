"""The dialogues of all rows of a data set, and the words that are spoken, in compact form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limner.data.columns import joined
from limner.data.schema import Lexicon, words_of
from limner.data.source import Source
from limner.requests.dialogue import Turns, turns_of

DESCRIPTION = "description"
"""The column that tells of a whole picture in one text."""


@dataclass(frozen=True, eq=False)
class Dialogues:
    """Dialogues of N rows, M turns in all; row k has those from `offsets[k]` to `offsets[k + 1]`."""

    offsets: np.ndarray
    """int64 (N + 1,)."""
    sides: np.ndarray
    """int32 (M, 2): the numbers of each turn's question and answer in `texts`."""
    texts: Sequence[str]
    """Each distinct question or answer once."""

    def row(self, row: int) -> Turns:
        """Return the turns of one row."""
        some = self.sides[self.offsets[row] : self.offsets[row + 1]]
        return tuple((self.texts[question], self.texts[answer]) for question, answer in some)

    def most(self, rows: np.ndarray) -> int:
        """Return the largest number of turns that one of `rows` has."""
        return int((self.offsets[rows + 1] - self.offsets[rows]).max(initial=0))

    def words(self, rows: np.ndarray) -> Counter[str]:
        """Count the words of the dialogues of `rows`."""
        inside = np.zeros(len(self.offsets) - 1, dtype=bool)
        inside[rows] = True
        chosen = self.sides[np.repeat(inside, np.diff(self.offsets))]
        return _words(self.texts, np.bincount(chosen.flatten(), minlength=len(self.texts)))


def read_dialogues(source: Source) -> Dialogues | None:
    """Read the column `dialogue`, as `limner.requests.dialogue.turns_of` reads a cell; None where there is none."""
    if "dialogue" not in source.table.column_names:
        return None
    numbers: dict[str, int] = {}
    counts, sides = [0], list[tuple[int, int]]()
    for cell in joined(source.column("dialogue")).to_pylist():
        turns = turns_of(cell)
        counts.append(len(turns))
        sides += [(numbers.setdefault(one, len(numbers)), numbers.setdefault(two, len(numbers))) for one, two in turns]
    pairs = np.array(sides, dtype=np.int32).reshape(-1, 2)
    return Dialogues(np.cumsum(counts, dtype=np.int64), pairs, tuple(numbers))


def spoken(source: Source, dialogues: Dialogues | None, rows: np.ndarray) -> Lexicon:
    """Return the words of the dialogues and descriptions of `rows`, the most frequent first."""
    counts: Counter[str] = Counter()
    if dialogues is not None:
        counts.update(dialogues.words(rows))
    if DESCRIPTION in source.table.column_names:
        texts = joined(source.column(DESCRIPTION)).take(rows).to_pylist()
        counts.update(word for text in texts for word in words_of(str(text or "")))
    return Lexicon.counted(counts)


def _words(texts: Sequence[str], counts: np.ndarray) -> Counter[str]:
    found: Counter[str] = Counter()
    for text, count in zip(texts, counts.tolist(), strict=True):
        if count:
            for word in words_of(text):
                found[word] += count
    return found
