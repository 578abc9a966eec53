"""What is addressed to the user: one exception, two warnings, and text that a terminal does not obey."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class UserError(ValueError):
    """A mistake that the user can correct: a missing folder, an unknown name, a caption that is not text.

    The message is one line that names what is wrong and what to do about it. The command line prints that line and
    exits with code 2; it never shows a traceback for it. From Python it is an ordinary `ValueError`.
    """


class Remark(UserWarning):
    """What is drawn falls short of what was asked for, as the message says in one line."""


class UnknownWords(UserWarning):
    """A prompt has words that the artist was not trained on; the message names them and the nearest known ones."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether there was not enough memory, which torch says of a CPU by a plain `RuntimeError`.

    Where there is too little even for its libraries, the system's loader refuses to map them.
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
        or (isinstance(error, ImportError) and "failed to map segment" in str(error))
    )


def one_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def plain(text: str) -> str:
    """Return text without what makes a terminal do other things than show it: control characters, turned direction."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
