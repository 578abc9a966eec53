"""What Russian grammar asks for: adjectives in three cases, and phrases that are written once for all of them.

A phrase is written in the nominative and in the instrumental, clothes in the prepositional, too; `{c}` is a colour, which
agrees with the gender and case of its noun, and `{i}` one in the feminine instrumental whatever the case of the phrase.
"""

from __future__ import annotations

from typing import NamedTuple

NOMINATIVE, INSTRUMENTAL, PREPOSITIONAL = range(3)
_HARD = {
    "m": ("ый", "ым", "ом"),
    "f": ("ая", "ой", "ой"),
    "n": ("ое", "ым", "ом"),
    "p": ("ые", "ыми", "ых"),
}
_STRESSED = {**_HARD, "m": ("ой", "ым", "ом")}
_SOFT = {
    "m": ("ий", "им", "ем"),
    "f": ("яя", "ей", "ей"),
    "n": ("ее", "им", "ем"),
    "p": ("ие", "ими", "их"),
}
_HUSHING = {
    "m": ("ий", "им", "ем"),
    "f": ("ая", "ей", "ей"),
    "n": ("ее", "им", "ем"),
    "p": ("ие", "ими", "их"),
}
_CLASSES = {"ый": _HARD, "ой": _STRESSED, "ий": _SOFT}


class Phrase(NamedTuple):
    """A noun phrase: gender (m, f, n, or p for plural) and its cases; the last is the second where it is missing."""

    gender: str
    nominative: str
    instrumental: str
    prepositional: str = ""

    def case(self, case: int) -> str:
        """Return the phrase in a case, `{c}` still in it."""
        return (self.nominative, self.instrumental, self.prepositional or self.instrumental)[case]


def adjective(word: str, gender: str, case: int) -> str:
    """Return an adjective, given as its masculine nominative, in a gender and case; what does not decline stays."""
    if word.endswith("ся"):  # participles keep it whole: улыбающийся, улыбающаяся
        return adjective(word.removesuffix("ся"), gender, case) + "ся"
    stem, ending = word[:-2], word[-2:]
    if ending not in _CLASSES:
        return word
    endings = _HUSHING if ending == "ий" and stem[-1] in "жчшщ" else _CLASSES[ending]
    return stem + endings[gender][case]
