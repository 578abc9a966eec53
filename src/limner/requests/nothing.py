"""For systems that draw without being told what."""

from __future__ import annotations

from dataclasses import dataclass

from limner.requests.request import Request


@dataclass(frozen=True)
class Nothing(Request):
    """For systems that draw without being told what."""
