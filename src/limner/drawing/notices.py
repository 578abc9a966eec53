"""Warnings of what an artist will not draw as asked: unknown words, and what its system remarks."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

from limner.data.schema import words_of
from limner.errors import Remark, UnknownWords
from limner.requests import Request
from limner.system import System

SHOWN = 8
"""Unknown words that are named; of others only the number is said."""


def warn(name: str, system: System, requests: Sequence[Request]) -> None:
    """Warn of words it was not trained on (`UnknownWords`), of what else it cannot draw (`Remark`), of no words.

    Args:
        name: of the artist.
        system: that draws.
        requests: what is asked.
    """
    if unknown := system.unknown_words(requests):
        named = [f"{word!r} (read as {near!r})" if near else repr(word) for word, near in unknown.items()]
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        text = f"words that {name} does not know: {', '.join(named[:SHOWN])}{more}"
        warnings.warn(text, UnknownWords, stacklevel=_outside())
    for remark in system.remarks(requests):
        warnings.warn(remark, Remark, stacklevel=_outside())
    for request in requests:
        if (text := request.sentence()) and not words_of(text):
            text = f"{text[:40]!r} has no word in it, so {name} draws what comes to its mind"
            warnings.warn(text, UnknownWords, stacklevel=_outside())


def _outside() -> int:
    """Return the stack level, for a warning of our caller, of the first line that is not in this package."""
    here = Path(__file__).parent
    frames = (frame.f_code.co_filename for frame, _ in traceback.walk_stack(sys._getframe(1)))
    return next((level for level, file in enumerate(frames, start=1) if Path(file).parent != here), 1)
