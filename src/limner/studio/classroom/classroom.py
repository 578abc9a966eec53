"""Who is in a class: a short word is exchanged for a pass of one's own, which ends with the class.

The token of the studio is not given away. One class is open at a time, in the memory of this process.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from limner.errors import UserError

CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aeiou"
SYLLABLES, DIGITS = 3, 3
"""Of a word: 80 to the power of 3, times 1,000, that is 512 million words."""
MOST_PEOPLE = 200
PASS_BYTES = 24


class NotIn(Exception):
    """The word is that of no open class."""

    def __init__(self) -> None:
        super().__init__("this is not the word of a class that is open: ask for it again")


@dataclass
class Person:
    """Someone who came in."""

    name: str
    picture: str | None = None
    """Id of what they made last, in the gallery."""
    at: float = 0.0
    """When they made it, by the clock."""


@dataclass
class OpenClass:
    """A class, until it ends."""

    word: str
    ends: float
    """By the clock."""
    people: dict[str, Person] = field(default_factory=dict)
    """By the SHA-256 of their pass."""


class Classroom:
    """The class of a studio, if one is open.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: OpenClass | None = None

    @property
    def now(self) -> OpenClass | None:
        """Return the class that is open, None where none is, or it has ended."""
        if self._open is not None and self._open.ends <= self._clock():
            self._open = None
        return self._open

    @property
    def seconds_left(self) -> int:
        """Return in how many seconds the class ends; 0 where none is open."""
        return round(self.now.ends - self._clock()) if self.now else 0

    def open(self, minutes: float) -> OpenClass:
        """Open a class under a new word; one that was open ends, and so do its passes."""
        self._open = OpenClass(_word(), self._clock() + 60 * minutes)
        return self._open

    def close(self) -> None:
        """End the class."""
        self._open = None

    def enter(self, word: str, name: str) -> str:
        """Return a pass for someone who knows the word.

        Raises:
            NotIn: it is not the word, or no class is open.
            UserError: too many people are in.
        """
        room = self.now
        expected = room.word if room else _word()  # so that a closed class takes as long to say no
        if not hmac.compare_digest(_plain(word).encode(), expected.encode()) or room is None:
            raise NotIn
        if len(room.people) >= MOST_PEOPLE:
            raise UserError(f"{MOST_PEOPLE} people are in the class, and there is room for no more")
        made = secrets.token_urlsafe(PASS_BYTES)
        room.people[_hashed(made)] = Person(name.strip() or f"{len(room.people) + 1}")
        return made

    def admits(self, token: str) -> bool:
        """Tell whether a token is a pass of the class that is open."""
        return self.person(token) is not None

    def person(self, token: str) -> Person | None:
        """Return whose pass it is."""
        return self.now.people.get(_hashed(token)) if self.now else None

    def made(self, token: str, picture: str) -> None:
        """Note what someone made last; of a token that is no pass nothing."""
        person = self.person(token)
        if person is not None:
            person.picture, person.at = picture, self._clock()

    def wall(self) -> list[Person]:
        """Return all who are in, those who came first at the head."""
        return list(self.now.people.values()) if self.now else []


def _word() -> str:
    letters = "".join(secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(SYLLABLES))
    return letters + "".join(str(secrets.randbelow(10)) for _ in range(DIGITS))


def _plain(word: str) -> str:
    """Return a word as it may be typed: letters of any case, spaces and hyphens between."""
    return "".join(letter for letter in word.lower() if letter.isalnum())


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
