"""Labelled boxes."""

from __future__ import annotations

from dataclasses import dataclass

from limner.requests.request import Request


@dataclass(frozen=True)
class Layout(Request):
    """Labelled boxes, each (label, x, y, width, height) in shares of the picture."""

    boxes: tuple[tuple[str, float, float, float, float], ...]
    caption: str = ""
