"""The known word that a misspelt one means, found without comparing it with all of them.

The alikeness of two words is that of Python's difflib: 2 m / (a + b), for m letters in matching blocks of words with a
and b letters. The letters that two words have in common, wherever they stand, are at least as many, and an index of the
words by their letters counts them quickly. `page/browser/lexicon.js` does the same.
"""

from __future__ import annotations

import collections
import difflib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALIKE = 0.75
MEMORY = 4096
WORK = 100_000
"""Of one search: letters of one word times letters of the other, over all words that it is compared with."""


class Spelling:
    """Finds known words, the first of which are the most frequent.

    Args:
        words: the known words.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._found: dict[str, str | None] = {}

    def nearest(self, word: str) -> str | None:
        """Return the known word that is spelt most alike, the first of several, or None where none is near."""
        if word not in self._found:
            if len(self._found) >= MEMORY:
                self._found.clear()
            self._found[word] = self._search(word)
        return self._found[word]

    def _search(self, word: str) -> str | None:
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(word)  # its index is made once for all candidates
        best, score, work = len(self._words), ALIKE, 0
        for place, bound in self._candidates(word):
            candidate = self._words[place]
            work += len(word) * len(candidate)
            if bound < score or work > WORK:
                break
            matcher.set_seq1(candidate)
            ratio = matcher.ratio()
            if ratio > score or (ratio == score and place < best):
                best, score = place, ratio
        return self._words[best] if best < len(self._words) else None

    def _candidates(self, word: str) -> Iterator[tuple[int, float]]:
        """Yield the place of each word that may be near, with the alikeness that it has at most, the largest first."""
        import numpy as np

        lengths, postings = self._index
        shared = np.zeros(len(lengths), dtype=np.int64)
        for letter, many in collections.Counter(word).items():
            if letter in postings:
                places, counts = postings[letter]
                shared[places] += np.minimum(counts, many)
        bounds = 2.0 * shared / (lengths + len(word))
        near = np.flatnonzero(bounds >= ALIKE)
        for place in near[np.argsort(-bounds[near], kind="stable")]:
            yield int(place), float(bounds[place])

    @functools.cached_property
    def _index(self) -> tuple[NDArray[Any], Mapping[str, tuple[NDArray[Any], NDArray[Any]]]]:
        """The length of each word; and for each letter the places of the words that have it, and how often they do."""
        import numpy as np

        lengths = np.array([len(word) for word in self._words], dtype=np.int64)
        codes = np.frombuffer("".join(self._words).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        letters, which = np.unique(codes, return_inverse=True)
        number = max(len(lengths), 1)
        pairs, counts = np.unique(which * number + np.repeat(np.arange(len(lengths)), lengths), return_counts=True)
        starts = np.searchsorted(pairs, number * np.arange(len(letters) + 1))
        parts = zip(letters, starts, starts[1:], strict=False)
        return lengths, {chr(code): (pairs[a:b] % number, counts[a:b]) for code, a, b in parts}
