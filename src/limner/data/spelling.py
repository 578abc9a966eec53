"""The known word that a misspelt one means.

Two words are alike by 1 - d / (a + b), for a and b letters and the least number d of letters to put in and take out
that makes one of the other (rapidfuzz calls it Indel). `page/browser/lexicon.js` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence

ALIKE = 0.75
MEMORY = 4096


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
        from rapidfuzz import process  # only where a word is not known
        from rapidfuzz.distance import Indel

        found = process.extractOne(word, self._words, scorer=Indel.normalized_similarity, score_cutoff=ALIKE)
        return None if found is None else str(found[0])
