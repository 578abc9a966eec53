"""One-word edits: captions that say something else of the same picture, found from captions alone.

Two words may take each other's place beside a third ("red hair" and "blue hair", "a woman" and "a man") where both
pairs are common, no picture has both in its captions, and chance alone would have brought them together several times.
A picture's captions use synonyms of one another, so these are found together and are spared: by what no picture has of
both, and, where the other neighbour tells, by what more pictures than chance allows have of both.

Letters: N pictures, K pairs of neighbouring words.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from limner.data.words import places_of

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

END = ""
"""Stands beside the first and the last word of a clause."""
MOST = 60_000
"""Pictures whose captions are read, evenly spread over those there are."""
_MARKS = ",.;:!?()/"
_ARTICLES = {"a": "an", "an": "a"}
"""They go with the next word and say nothing themselves."""
_AT_ONCE = 4096
_LESS = 0.2
"""Of `expected`, the share that is proof enough for words which exclude one another beside another neighbour."""
_SYNONYMS, _FEWEST = 1.5, 3
"""Pairs are of synonyms where they stand together this many times as often as by chance, in so many pictures."""

Pair = tuple[str, str]
"""Two neighbouring words in lower case; `END` is one, too."""


@dataclass(frozen=True)
class OneWordEdits:
    """Which word may be replaced by which so that a caption says something else. Make one with `OneWordEdits.of`."""

    followed: Mapping[Pair, tuple[str, ...]]
    """By (word, its successor): what may stand in the word's place before that successor."""
    preceded: Mapping[Pair, tuple[str, ...]]
    """By (predecessor, word): what may stand in the word's place after that predecessor."""
    known: frozenset[Pair] = field(repr=False)
    """All pairs that occur: an edit makes no pair that nobody wrote."""
    synonyms: frozenset[tuple[Pair, Pair]] = field(repr=False)
    """Two pairs with a common word that say the same: no edit makes one of the other."""

    @classmethod
    def of(
        cls, source: Dataset | Sequence[Sequence[str]], least: int = 30, expected: float = 5.0, split: str = "train"
    ) -> OneWordEdits:
        """Find them in a data set, or in the captions of each of N pictures; for data of few words there may be none.

        Args:
            source: a data set, of which `split` is read, or the captions of each picture.
            least: pictures in which each of two pairs must stand.
            expected: how many pictures would have both, were the pairs independent, at the least; a fifth of it
                where the two words exclude one another so beside another neighbour.
            split: of the data set.
        """
        captions = source if isinstance(source, Sequence) else _captions(source, split)
        pairs, picture, pair = _occurrences(captions)  # (K,), and picture and pair of each occurrence
        counts = np.bincount(pair, minlength=len(pairs))
        sides, synonyms = [], set[tuple[Pair, Pair]]()
        for kept in (1, 0):  # the word that stays: the second of each pair, then the first
            groups = []
            proven = set[tuple[str, str]]()
            for group in _alike(pairs, counts, kept, least):
                together = _together(group, picture, pair, len(captions), len(pairs))
                chance = np.outer(counts[group], counts[group]) / len(captions)
                alike = (together >= _FEWEST) & (together > _SYNONYMS * chance)
                synonyms |= {(pairs[group[i]], pairs[group[k]]) for i, k in np.argwhere(alike).tolist() if i != k}
                names = [pairs[number][1 - kept] for number in group]
                apart = [(i, k, chance[i, k]) for i, k in np.argwhere((together == 0) & (chance >= _LESS * expected))]
                groups.append(([pairs[number] for number in group], names, apart))
                proven |= {(names[i], names[k]) for i, k, by in apart if by >= expected}
            found: dict[Pair, list[str]] = {}
            for members, names, apart in groups:
                for i, k, _ in apart:
                    if (names[i], names[k]) in proven:
                        found.setdefault(members[i], []).append(names[k])
            sides.append({member: tuple(others) for member, others in found.items()})
        return cls(sides[0], sides[1], frozenset(pairs), frozenset(synonyms))

    @functools.cached_property
    def replacements(self) -> Mapping[str, tuple[str, ...]]:
        """By word, all that may stand in its place beside some neighbour, sorted."""
        found: dict[str, set[str]] = {}
        for place, pairs in ((0, self.followed), (1, self.preceded)):
            for pair, others in pairs.items():
                found.setdefault(pair[place], set()).update(others)
        return {word: tuple(sorted(others)) for word, others in sorted(found.items())}

    def __len__(self) -> int:
        """Return how many words may be replaced."""
        return len(self.replacements)

    def edit(self, caption: str, rng: np.random.Generator) -> str | None:
        """Replace one word: a place is drawn first, then what stands there; None where nothing may be replaced."""
        places = [edits for edits in self._edits(caption) if edits]
        if not places:
            return None
        edits = places[rng.integers(len(places))]
        return edits[rng.integers(len(edits))]

    def edit_each(self, captions: Sequence[str], seed: int) -> list[str | None]:
        """Replace one word of each caption, see `edit`; all chances follow from `seed`."""
        rng = np.random.default_rng(seed)
        return [self.edit(caption, rng) for caption in captions]

    def every(self, caption: str) -> list[str]:
        """Return all edits of a caption, from its first word to its last."""
        return [edit for edits in self._edits(caption) for edit in edits]

    def _edits(self, caption: str) -> Iterator[list[str]]:
        """Yield the edits of each word in turn."""
        words = _clauses(caption)
        for (before, at, until), (word, start, end), (after, *_) in zip(words, words[1:], words[2:], strict=False):
            if word == END:
                continue
            others = {*self.followed.get((word, after), ()), *self.preceded.get((before, word), ())}
            article = _ARTICLES.get(before, before)
            edits = []
            for other in sorted(others):
                put = _cased(other, caption[start:end]) + caption[end:]
                if (other, after) not in self.known or self._same(word, other, before, after):
                    continue
                if (before, other) in self.known:
                    edits.append(caption[:start] + put)
                elif (article, other) in self.known:  # "a red hat", "an orange hat"
                    edits.append(caption[:at] + _cased(article, caption[at:until]) + caption[until:start] + put)
            yield edits

    def _same(self, word: str, other: str, before: str, after: str) -> bool:
        """Return whether two words say the same between these neighbours."""
        pairs = ((word, after), (other, after)), ((before, word), (before, other))
        return any(pair in self.synonyms for pair in pairs)


def pairs_of(caption: str) -> list[Pair]:
    """Return the pairs of neighbouring words of a caption, `END` where a clause begins or ends."""
    words = [word for word, *_ in _clauses(caption)]
    return list(itertools.pairwise(words))


def _captions(data: Dataset, split: str) -> list[tuple[str, ...]]:
    length = data.length(split)
    return [data.captions(int(row), split) for row in np.linspace(0, length - 1, min(length, MOST)).astype(int)]


def _clauses(caption: str) -> list[tuple[str, int, int]]:
    """Return the words of a caption with their places, `END` wherever a clause ends, so first and last."""
    words = [(END, 0, 0)]
    for token, start, end in places_of(caption, _MARKS):
        word = token if token not in _MARKS else END
        if word != END or words[-1][0] != END:
            words.append((word, start, end))
    return words if len(words) > 1 and words[-1][0] == END else [*words, (END, len(caption), len(caption))]


def _cased(word: str, like: str) -> str:
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def _occurrences(captions: Sequence[Sequence[str]]) -> tuple[list[Pair], np.ndarray, np.ndarray]:
    """Return the K pairs that occur, sorted; and of each picture and pair that it has, once: (M,) and (M,)."""
    numbers: dict[str, int] = {END: 0}
    stream, owner = [0], [0]  # all words one after another; at the ends of captions there is an `END`
    for picture, texts in enumerate(captions):
        for text in texts:
            tokens = [numbers.setdefault(word, len(numbers)) for word, *_ in _clauses(text)[1:]]
            stream += tokens
            owner += [picture] * len(tokens)
    words = np.array(stream, dtype=np.int64)
    codes, found = np.unique(words[:-1] * len(numbers) + words[1:], return_inverse=True)
    names = list(numbers)
    pairs = [(names[code // len(numbers)], names[code % len(numbers)]) for code in codes.tolist()]
    by_name = np.array(sorted(range(len(pairs)), key=pairs.__getitem__), dtype=np.int64)
    rank = np.empty_like(by_name)
    rank[by_name] = np.arange(len(by_name))
    once = np.unique(np.array(owner[1:], dtype=np.int64) * max(len(pairs), 1) + rank[found.reshape(-1)])
    return [pairs[k] for k in by_name.tolist()], once // max(len(pairs), 1), once % max(len(pairs), 1)


def _alike(pairs: Sequence[Pair], counts: np.ndarray, kept: int, least: int) -> Iterator[np.ndarray]:
    """Yield the numbers of the common pairs that share their word number `kept`, where there are two or more."""
    groups: dict[str, list[int]] = {}
    for number in np.flatnonzero(counts >= least).tolist():
        if pairs[number][1 - kept] not in (END, *_ARTICLES):
            groups.setdefault(pairs[number][kept], []).append(number)
    for group in groups.values():
        if len(group) > 1:
            yield np.array(group, dtype=np.int64)


def _together(group: np.ndarray, picture: np.ndarray, pair: np.ndarray, pictures: int, pairs: int) -> np.ndarray:
    """Return how many pictures have both of two pairs, for all two of a group of G: (G, G)."""
    place = np.full(pairs, -1, dtype=np.int64)
    place[group] = np.arange(len(group))
    chosen = place[pair] >= 0
    rows, columns = picture[chosen], place[pair[chosen]]
    total = np.zeros((len(group), len(group)), dtype=np.float32)
    bounds = np.searchsorted(rows, np.arange(0, pictures + _AT_ONCE, _AT_ONCE))
    for block, (start, stop) in enumerate(itertools.pairwise(bounds)):
        has = np.zeros((_AT_ONCE, len(group)), dtype=np.float32)
        has[rows[start:stop] - block * _AT_ONCE, columns[start:stop]] = 1
        total += has.T @ has
    return total
