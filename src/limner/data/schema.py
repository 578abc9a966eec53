"""The schema travels with data and checkpoint: words, attributes, labels, sizes. Nobody types a vocabulary size."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from limner.data.spelling import Spelling
from limner.data.words import is_letter_by_letter, words_of

__all__ = ["NOTHING", "PAD", "UNKNOWN", "Lexicon", "Schema", "words_of"]

PAD, UNKNOWN = 0, 1
NOTHING = "nothing"
"""The value of every attribute of a thing that is not in the picture."""
_LONGEST_TYPO, _MOST_LOOKED_UP = 64, 64
_LEXICONS = ("lexicon", "spoken")
_LEFT = re.compile(r"\bleft\b")
_LATER = ("things", "points", "masks", "turns", "spoken", "embedding")
"""Fields that older schemas lack; they are written only where there is something in them."""


@dataclass(frozen=True)
class Lexicon:
    """The known words. Word k of `words` has number k + 2: 0 pads, 1 stands for every unknown word."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], at_most: int = 20_000) -> Lexicon:
        """Count the words of all texts; the most frequent come first, ties by alphabet."""
        return cls.counted(Counter(word for text in texts for word in words_of(text)), at_most)

    @classmethod
    def counted(cls, counts: Mapping[str, int], at_most: int = 20_000) -> Lexicon:
        """Take the most frequent of words that were counted already."""
        return cls(tuple(w for w, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:at_most]))

    def with_words_of(self, other: Lexicon) -> Lexicon:
        """Return a lexicon that knows the words of another one too, after its own."""
        known = set(self.words)
        return Lexicon((*self.words, *(word for word in other.words if word not in known)))

    def __len__(self) -> int:
        """Return how many numbers there are, padding and unknown included."""
        return len(self.words) + 2

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number + 2 for number, word in enumerate(self.words)}

    def ids(self, text: str) -> list[int]:
        """Return the number of each word; a misspelt word counts as the nearest known one, others as `UNKNOWN`."""
        words = words_of(text)
        near = self._nearest_of(words)
        return [self._numbers.get(word) or self._numbers.get(near[word] or "", UNKNOWN) for word in words]

    def unknown(self, text: str) -> dict[str, str | None]:
        """Return the words of `text` that are not known, each with the nearest that is (None where none is near)."""
        return self._nearest_of(words_of(text))

    def nearest(self, word: str) -> str | None:
        """Return the known word that is spelt most alike, the more frequent of two, or None where none is near."""
        return word if word in self._numbers else self._nearest_of([word])[word]

    def _nearest_of(self, words: Iterable[str]) -> dict[str, str | None]:
        """Return each unknown word with the nearest known one; no more than `_MOST_LOOKED_UP` of a text are looked up.

        It does not matter which were looked up before: a text is read the same by every process.
        """
        found: dict[str, str | None] = {}
        for word in words:
            if word in self._numbers or word in found:
                continue
            can_be_near = len(word) <= _LONGEST_TYPO and len(found) < _MOST_LOOKED_UP
            can_be_near = can_be_near and not is_letter_by_letter(word)
            found[word] = self._spelling.nearest(word) if can_be_near else None
        return found

    @functools.cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self.words)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or not all(type(value) is str for value in values):
        raise ValueError("words are given in lists of texts")
    return tuple(values)


@dataclass(frozen=True)
class Schema:
    """What a data set holds, and so what a system trained on it can be asked for."""

    size: int
    """Side of the pictures in pixels."""
    lexicon: Lexicon = field(default_factory=lambda: Lexicon(()))
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Each attribute's values, sorted."""
    labels: tuple[str, ...] = ()
    captions: int = 0
    """Most captions that one picture has."""
    longest: int = 0
    """Words in the longest caption."""
    story: int = 1
    """Pictures in a story."""
    examples: tuple[str, ...] = ()
    """A few captions, to show what can be asked."""
    things: tuple[str, ...] = ()
    """Labels of boxes, by their numbers in a `Draft.layout`."""
    points: tuple[str, ...] = ()
    """Names of key points, in the order in which the data names them first."""
    masks: tuple[str, ...] = ()
    """Names of masks: foreground, or the labels of things; the most frequent first."""
    turns: int = 0
    """Most turns that one dialogue has."""
    spoken: Lexicon = field(default_factory=lambda: Lexicon(()))
    """The words of dialogues and descriptions, apart from `lexicon`: growing that would change what readers see."""

    embedding: int = 0
    """Numbers of the sentence vector that came with each caption; 0 where none came."""

    @property
    def mirrored(self) -> tuple[tuple[int, int], ...]:
        """Return the numbers of each two key points that change places in a mirrored picture: left wing, right wing."""
        number = {name: k for k, name in enumerate(self.points)}
        others = {k: number.get(_LEFT.sub("right", name)) for name, k in number.items()}
        return tuple((k, other) for k, other in others.items() if other is not None and other != k)

    @property
    def asked_labels(self) -> tuple[str, ...]:
        """Return the labels that one can ask to appear: those of boxes, or of pictures where there are no boxes."""
        return self.things or self.labels

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; what came later (`things` and after it) only where there is some."""
        body = asdict(self) | {name: list(getattr(self, name).words) for name in _LEXICONS}
        return {name: value for name, value in body.items() if value or name not in _LATER}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Schema:
        """Return the schema that `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: where something else wrote it.
        """
        fields = dict(body)
        for name in _LEXICONS:
            fields[name] = Lexicon(_texts(fields.get(name, ())))
        fields["attributes"] = {name: _texts(values) for name, values in fields["attributes"].items()}
        for name in ("labels", "examples", "things", "points", "masks"):
            fields[name] = _texts(fields.get(name, ()))
        for name in ("size", "captions", "longest", "story", "turns", "embedding"):
            if type(fields.get(name, 0)) is not int or not 0 <= fields.get(name, 0) < 2**31:
                raise ValueError(f"{name} is no count")
        return cls(**fields)
