"""What held-out captions say: the real pictures of which it is true, other wordings of it, and one-word changes of it.

Letters: A attributes (and the label), K pictures, or wordings, of a description.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from limner.data.edits import OneWordEdits, Pair, pairs_of
from limner.data.schema import words_of
from limner.evaluation.judge import truth, values_of, with_label

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

SAID = "said"
"""The column with the attributes that each caption speaks of."""
SURE = 0.95
"""Words stand for a value where so great a share of the pictures whose captions have them shows it."""
FEWEST = 20
"""Pictures that it takes to say so."""
SEEN = 0.5
"""An attribute counts where the new words leave it to be seen in so great a share of their pictures."""


@dataclass(frozen=True)
class Open:
    """A held-out caption that is true of several real pictures."""

    caption: str
    train: tuple[int, ...]
    """Training rows of K such pictures, with those of `test`."""
    test: tuple[int, ...]
    """Held-out rows."""


@dataclass(frozen=True)
class Edit:
    """A held-out caption, and the same with one word replaced, so that one attribute has another value."""

    before: str
    after: str
    attribute: int
    """Which attribute, in the judge's order."""
    value: int
    """The value that is asked for instead."""
    counted: Tensor
    """bool (A,): the other attributes that can be seen both in the real picture and where this value is said."""
    said: Tensor
    """bool (A,): the attributes that the caption speaks of."""


def open_captions(data: Dataset, rows: Sequence[int], count: int, each: int) -> list[Open]:
    """Return at most `count` captions, one of a held-out row, the first of its captions that `each` pictures fit.

    The pictures are of both splits, spread evenly over those that fit. Without attributes and labels there are none.
    """
    if not values_of(data.schema):
        return []
    known = {split: _everything(data, split) for split in ("train", "test")}
    every, trained = torch.cat([*known.values()]), len(known["train"])
    found: list[Open] = []
    for row, captions in _described(data, rows):
        for caption, said in captions:
            places = said & (known["test"][row] >= 0)
            fits = (every[:, places] == known["test"][row, places]).all(dim=1).nonzero()[:, 0].tolist()
            if places.any() and len(fits) >= each:
                chosen = [fits[i] for i in np.linspace(0, len(fits) - 1, each).astype(int)]
                train = tuple(k for k in chosen if k < trained)
                found.append(Open(caption, train, tuple(k - trained for k in chosen if k >= trained)))
                break
        if len(found) == count:
            break
    return found


def wordings(data: Dataset, rows: Sequence[int], count: int, each: int) -> list[tuple[str, ...]]:
    """Return at most `count` times `each` captions that say the same in other words, one group of a held-out row.

    They are captions of any pictures, with the same values of the same attributes, a held-out one first. Data without
    the column `said` does not tell what a caption says, so there are none.
    """
    if SAID not in data.columns or not data.schema.attributes:
        return []
    pool: dict[tuple[int, ...], dict[tuple[str, ...], str]] = defaultdict(dict)
    for split in ("test", "train"):
        everything = _everything(data, split)
        for row, captions in _described(data, range(data.length(split)), split):
            for caption, said in captions:
                meaning = tuple(torch.where(said, everything[row], -1).tolist())
                pool[meaning].setdefault(tuple(words_of(caption)), caption)
    mine = _everything(data, "test")
    found: dict[tuple[int, ...], tuple[str, ...]] = {}
    for row, captions in _described(data, rows):
        for caption, said in captions:
            meaning = tuple(torch.where(said, mine[row], -1).tolist())
            others = [text for words, text in pool[meaning].items() if words != tuple(words_of(caption))]
            if len(others) >= each - 1 and meaning not in found:
                chosen = [others[i] for i in np.linspace(0, len(others) - 1, each - 1).astype(int)]
                found[meaning] = (caption, *chosen)
                break
        if len(found) == count:
            break
    return list(found.values())


def edits(data: Dataset, rows: Sequence[int], count: int, least: int = 30, expected: float = 5.0) -> list[Edit]:
    """Return at most `count` one-word edits of held-out captions, one of a row, its captions taken in turn.

    Which attribute a word changes is found from the training pictures whose captions have it beside the same neighbour.
    Edits that change no attribute, or more than one, are left out; of those that remain the one is taken whose
    attribute was changed least so far. Without attributes there are none.
    """
    if not values_of(data.schema) or not data.schema.captions:
        return []
    rng, replaceable = np.random.default_rng(0), OneWordEdits.of(data, least, expected)
    values, true = _Values(data, replaceable), _everything(data, "test")
    found: list[Edit] = []
    often: Counter[int] = Counter()
    for turn, (row, captions) in enumerate(_described(data, rows)):
        caption, said = captions[turn % len(captions)]
        every = replaceable.every(caption)
        possible = [values.edit(caption, every[k], said, true[row]) for k in rng.permutation(len(every)).tolist()]
        chosen = min((edit for edit in possible if edit), key=lambda edit: often[edit.attribute], default=None)
        if chosen is not None:
            found.append(chosen)
            often[chosen.attribute] += 1
        if len(found) == count:
            break
    return found


class _Values:
    """The value of each attribute that pairs of words stand for, found from the training pictures."""

    def __init__(self, data: Dataset, replaceable: OneWordEdits) -> None:
        self.attributes = _everything(data, "train").numpy()
        wanted = {*replaceable.followed, *replaceable.preceded}
        rows: dict[Pair, list[int]] = defaultdict(list)
        for row in range(data.length()):
            for pair in {pair for caption in data.captions(row) for pair in pairs_of(caption)} & wanted:
                rows[pair].append(row)
        self.rows = rows
        self._found: dict[Pair, tuple[np.ndarray, np.ndarray]] = {}

    def of(self, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        """Return the value of each attribute that this pair stands for, -1 where none, and how often it is seen."""
        if pair not in self._found:
            numbers = self.attributes[self.rows[pair]]
            values = np.full(numbers.shape[1], -1)
            seen = (numbers >= 0).mean(axis=0) if len(numbers) else np.zeros(numbers.shape[1])
            for attribute in np.flatnonzero(seen >= SURE) if len(numbers) >= FEWEST else ():
                known = numbers[:, attribute][numbers[:, attribute] >= 0]
                value = np.bincount(known).argmax()
                if (known == value).mean() >= SURE:
                    values[attribute] = value
            self._found[pair] = values, seen
        return self._found[pair]

    def edit(self, before: str, after: str, said: Tensor, true: Tensor) -> Edit | None:
        """Return the edit, if it changes the value of one attribute that the caption speaks of, and of no other.

        Args:
            before: a caption.
            after: the same with one word replaced.
            said: bool (A,), what the caption speaks of.
            true: (A,) numbers of the values of its picture, -1 where not known.
        """
        old, new = (dict.fromkeys(pairs_of(text)) for text in (before, after))
        gone = [self.of(pair) for pair in old if pair not in new and pair in self.rows]
        come = [self.of(pair) for pair in new if pair not in old and pair in self.rows]
        if not gone or not come:
            return None
        was, now = (np.max([values for values, _ in side], axis=0) for side in (gone, come))
        changed = np.flatnonzero((now >= 0) & (now != true.numpy()))
        if len(changed) != 1 or not said[changed[0]] or was[changed[0]] != true[changed[0]]:
            return None
        attribute = int(changed[0])
        stays = [self.of(pair)[0][attribute] for pair in old if pair in new and pair in self.rows]
        if any(value >= 0 for value in stays):  # the rest of the caption speaks of it, too
            return None
        visible = torch.from_numpy(np.min([seen for _, seen in come], axis=0) >= SEEN)
        counted = visible & (true >= 0)
        counted[attribute] = False
        return Edit(before, after, attribute, int(now[attribute]), counted, said)


def _everything(data: Dataset, split: str) -> Tensor:
    """Return what is true of every picture of a split: (N, A) numbers of values, -1 where not known."""
    return truth(data, range(data.length(split)), split)


def _described(
    data: Dataset, rows: Sequence[int], split: str = "test"
) -> Iterator[tuple[int, list[tuple[str, Tensor]]]]:
    """Yield each row with its captions, and of each which attributes (and the label) it speaks of: bool (A,)."""
    names = list(data.schema.attributes)
    spoken_of = data.column(SAID, rows, split) if SAID in data.columns else None
    for place, row in enumerate(rows):
        captions = data.captions(int(row), split)
        spoken = [names] * len(captions) if spoken_of is None else spoken_of[place]
        said = torch.tensor([[name in some for name in names] for some in spoken], dtype=torch.bool)
        said = with_label(
            said.view(len(captions), len(names)), torch.ones(len(captions), dtype=torch.bool), data.schema
        )
        yield int(row), list(zip(captions, said, strict=True))
