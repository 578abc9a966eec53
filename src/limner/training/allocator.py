"""Memory that a training has freed is kept for its next step.

A step makes and frees tensors of many megabytes. glibc gives each of them back to the system at once and asks for new
pages, which the system has to clear, at the next step. Told so, it keeps them: a fifth of the page faults is left, and
the process stays as large as its largest step. What was measured is in docs/training.md.
"""

from __future__ import annotations

import ctypes
import os

LARGEST = 2**31 - 1
"""Bytes, the most that can be said."""
MORE = 2**28
"""Bytes that are asked for beyond what is needed, whenever something is."""
SETTINGS = {-3: LARGEST, -1: LARGEST, -2: MORE}
"""By the numbers in malloc.h: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD."""
USUAL = {-3: 2**25, -1: 2**26, -2: 2**17}
"""What glibc comes to by itself in a program that frees large tensors: its thresholds rise up to these."""
WAY_OUT = "LIMNER_MALLOC"
"""Set to 0 in the environment, it leaves the allocator as it is."""


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory; return whether it does.

    It says to the running process what MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ say at a
    program's start. Nothing is changed where the environment sets the allocator itself (MALLOC_..., GLIBC_TUNABLES) or
    LIMNER_MALLOC is 0, nor where there is no glibc, or one that refuses.
    """
    own = [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]
    if own or os.environ.get(WAY_OUT) == "0" or not _is_glibc():
        return False
    if all(_set(SETTINGS)):
        return True
    _set(USUAL)  # one alone would do harm
    return False


def usual() -> None:
    """Have glibc give freed memory back again, as it does at a program's start; where it is set at all."""
    if _is_glibc():
        _set(USUAL)


def _is_glibc() -> bool:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") is not None
    except (AttributeError, OSError, ValueError):  # not Unix; or a libc that does not know the question
        return False


def _set(settings: dict[int, int]) -> list[bool]:
    libc = ctypes.CDLL(None)
    return [libc.mallopt(name, value) == 1 for name, value in settings.items()]
