"""One sentence."""

from __future__ import annotations

from dataclasses import dataclass

from limner.requests.request import Request


@dataclass(frozen=True)
class Caption(Request):
    """One sentence."""

    text: str
