"""BLEU: how many runs of one to four words a sentence shares with reference sentences (Papineni et al. 2002).

Words are separated by spaces, so both sides must agree in case and punctuation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from limner.metrics.ngrams import Gram, counted


def bleu(candidates: Sequence[str], references: Sequence[Sequence[str]], n_gram: int = 4) -> float:
    """Return BLEU of a corpus, from 0 to 1, without smoothing, by torchmetrics.

    Args:
        candidates: N sentences.
        references: for each, one or more sentences that are right.
        n_gram: words of the longest runs.
    """
    from torchmetrics.functional.text import bleu_score

    return float(bleu_score(list(candidates), [list(some) for some in references], n_gram=n_gram))


def sentence_bleu(candidate: str, references: Sequence[str], n_gram: int = 4) -> float:
    """Return BLEU of one sentence, smoothed: runs of two words or more count one hit more (Lin and Och 2004).

    Unlike torchmetrics' own smoothing it also does so where there is no hit; without a single word in common it is 0.
    """
    table = _Table([candidate.split()], n_gram)
    against = _Table([one.split() for one in references], n_gram)
    hits, runs = table.hits(against)
    smoothed = [hits[0], *(one + 1 for one in hits[1:])], [runs[0], *(one + 1 for one in runs[1:])]
    return _score(*smoothed, *table.lengths(against))


def bleu_against(candidates: Sequence[str], references: Sequence[str], n_gram: int = 4) -> float:
    """Return BLEU of a corpus in which every sentence has the same references, from 0 to 1.

    It is `bleu` with `references` for each, counted once. Of two references that are equally near in length to a
    candidate, the shorter one counts.
    """
    table, against = (_Table([one.split() for one in some], n_gram) for some in (candidates, references))
    return _score(*table.hits(against), *table.lengths(against))


def self_bleu(sentences: Sequence[str], n_gram: int = 4) -> float:
    """Return BLEU of a corpus in which all the others are the references of each sentence (Zhu et al. 2018).

    It is 1 where each sentence is written twice, 0 where no two share a word, and lower for texts that vary. It grows
    with the number of sentences.
    """
    table = _Table([one.split() for one in sentences], n_gram)
    return _score(*table.hits(table), *table.lengths(table))


class _Table:
    """Runs of one to n words of sentences, and how often each occurs in one sentence at most."""

    def __init__(self, sentences: Sequence[Sequence[str]], n_gram: int) -> None:
        self.sentences, self.sizes = sentences, Counter(map(len, sentences))
        self.each = [[counted([one], n) for n in range(1, n_gram + 1)] for one in sentences]
        self.most: list[dict[Gram, tuple[int, int]]] = [{} for _ in range(n_gram)]  # the largest count, and the next
        for one in self.each:
            for most, grams in zip(self.most, one, strict=True):
                for gram, count in grams.items():
                    first, second = most.get(gram, (0, 0))
                    most[gram] = (count, first) if count > first else (first, max(second, count))

    def hits(self, against: _Table) -> tuple[list[int], list[int]]:
        """Return how many runs of each length occur in a reference, and how many there are.

        A run counts as often as it occurs in one reference; a sentence is no reference of itself.
        """
        hits, runs = [0] * len(self.most), [0] * len(self.most)
        for one in self.each:
            for n, (grams, most) in enumerate(zip(one, against.most, strict=True)):
                for gram, count in grams.items():
                    first, second = most.get(gram, (0, 0))
                    hits[n] += min(count, second if against is self and count == first else first)
                    runs[n] += count
        return hits, runs

    def lengths(self, against: _Table) -> tuple[int, int]:
        """Return the words of all sentences, and those of the reference nearest in length to each."""
        words = nearest = 0
        for one in self.sentences:
            own = against.sizes - Counter([len(one)]) if against is self else against.sizes
            words += len(one)
            nearest += min(own, key=lambda size: (abs(size - len(one)), size), default=0)
        return words, nearest


def _score(hits: Sequence[int], runs: Sequence[int], words: int, nearest: int) -> float:
    if min(hits) == 0:
        return 0.0
    precision = sum(math.log(hit / run) for hit, run in zip(hits, runs, strict=True)) / len(hits)
    return math.exp(precision + min(0.0, 1 - nearest / words))
