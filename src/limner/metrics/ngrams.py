"""n-grams of texts: how far their distribution is from that of others, and how much of a text is new.

A unit is a letter or a word, as the caller says: a sentence is a sequence of units, so a string is one of letters and
`text.split()` one of words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

Gram = tuple[str, ...]


def counted(sentences: Iterable[Sequence[str]], n: int) -> Counter[Gram]:
    """Count the runs of n units within sentences."""
    return Counter(tuple(one[at : at + n]) for one in sentences for at in range(len(one) - n + 1))


def jensen_shannon(one: Iterable[Sequence[str]], other: Iterable[Sequence[str]], n: int) -> float:
    """Return JSD-n: the Jensen-Shannon divergence of the distributions of n-grams of two sets of sentences.

    It is the mean of the Kullback-Leibler divergences of either from their mean, divided by ln 2 (Gulrajani et al.
    2017): 0 where both are equal, 1 where they have no n-gram in common. It is too high for small sets, so compare
    sets of one size.
    """
    first, second = counted(one, n), counted(other, n)
    if not first or not second:
        return float(bool(first) != bool(second))
    p_total, q_total, nats = first.total(), second.total(), 0.0
    for gram in first.keys() | second.keys():
        p, q = first[gram] / p_total, second[gram] / q_total
        middle = (p + q) / 2
        nats += sum(share * math.log(share / middle) for share in (p, q) if share) / 2
    return nats / math.log(2)


def novelty(sentences: Sequence[str], known: Collection[str]) -> float:
    """Return the share of sentences that are none of the known ones, such as those of the training set."""
    known = known if isinstance(known, set | frozenset) else set(known)
    return sum(one not in known for one in sentences) / len(sentences)
