"""Words of a text in any script; `page/words/words.js` splits alike in JavaScript.

A text is normalised (NFC), marks belong to the letter before them, so that Hindi, Arabic and Hebrew keep their vowels,
and what only steers how letters join (ZWJ, ZWNJ, soft hyphen) is dropped. Scripts that put no blanks between words
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) are read letter by letter, each with its marks. English is read as ever.
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Callable

_ASCII = re.compile(r"[^\W_]+(?:'[^\W_]+)?", re.ASCII)
_BLANKLESS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)  # fmt: skip
"""Code points of Thai, Lao, Burmese, Khmer, Chinese and Japanese; words.js has the same."""
_JOINING = "\u00ad\u200c\u200d\u2060"
_CLEANED = {ord(one): None for one in _JOINING} | {0x2019: "'"}
_INSIDE = "'\u2019\u00b7\u05f3\u05f4"
"""Apostrophes, the dot of Catalan, geresh and gershayim of Hebrew: between letters they do not end a word."""
_LAST_MARK = 0x20000
"""Behind it are selectors of variants alone, from U+E0100 to U+E01EF."""


def words_of(text: str) -> list[str]:
    """Split into lower-case words; punctuation, hyphens and emoji only separate."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    return _word().findall(normalised(text.lower()))


def places_of(text: str, marks: str = "") -> list[tuple[str, int, int]]:
    """Return each word of a text as it was typed, in lower case, and where it begins and ends; `marks` count, too."""
    pattern = (_ASCII if text.isascii() else _word()).pattern + (f"|[{re.escape(marks)}]" if marks else "")
    found = re.finditer(pattern, text, re.ASCII if text.isascii() else 0)
    return [(normalised(one[0].lower()), one.start(), one.end()) for one in found]


def normalised(text: str) -> str:
    """Return a text in the form in which words are compared: NFC, one kind of apostrophe, nothing that only joins."""
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(_CLEANED))


def replaced(text: str, other: Callable[[str], str | None]) -> str:
    """Return a text, normalised, in which `other(word)` stands in place of each word for which it is not None."""

    def one(found: re.Match[str]) -> str:
        new = other(normalised(found[0].lower()))
        return found[0] if new is None else new

    return (_ASCII if text.isascii() else _word()).sub(one, normalised(text))


def is_letter_by_letter(word: str) -> bool:
    """Tell whether a word is a letter of a script without blanks, which is never a misspelt word."""
    return any(first <= ord(word[:1] or "a") <= last for first, last in _BLANKLESS)


@functools.cache
def _word() -> re.Pattern[str]:
    marks = _ranges(lambda letter: unicodedata.category(letter)[0] == "M") + "\U000e0100-\U000e01ef"
    blankless = "".join(f"{chr(first)}-{chr(last)}" for first, last in _BLANKLESS)
    letter, mark = rf"(?![{blankless}])[^\W_]", rf"[{marks}{_JOINING}]"
    run = rf"{letter}(?:{letter}|{mark})*"
    return re.compile(rf"(?=[{blankless}])[^\W_]{mark}*|{run}(?:[{_INSIDE}]{run})?")


def _ranges(chosen: Callable[[str], bool]) -> str:
    """Return the inside of a class of characters: those that are chosen, in a hundredth of a second."""
    found, start = [], -1
    for code in range(min(_LAST_MARK, sys.maxunicode) + 1):
        inside = chosen(chr(code))
        if inside and start < 0:
            start = code
        elif not inside and start >= 0:
            found.append(f"{chr(start)}-{chr(code - 1)}")
            start = -1
    return "".join(found)
