"""Sentences, one a picture."""

from __future__ import annotations

from dataclasses import dataclass

from limner.requests.request import Request


@dataclass(frozen=True)
class Story(Request):
    """Sentences, one a picture, in order."""

    lines: tuple[str, ...]
    setting: tuple[str, ...] = ()
    """The lines as first told, where one was changed since: what belongs to the story as a whole stays theirs."""
