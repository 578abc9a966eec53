"""Labels that should appear."""

from __future__ import annotations

from dataclasses import dataclass

from limner.requests.request import Request


@dataclass(frozen=True)
class LabelSet(Request):
    """The labels that should appear, repeated as often as they should."""

    labels: tuple[str, ...]
