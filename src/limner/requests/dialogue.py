"""A caption and turns of question and answer."""

from __future__ import annotations

from dataclasses import dataclass

from limner.requests.request import Request


@dataclass(frozen=True)
class Dialogue(Request):
    """A caption and (question, answer) turns about the same picture."""

    caption: str
    turns: tuple[tuple[str, str], ...] = ()
