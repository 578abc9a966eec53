"""Named values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from limner.requests.request import Request


@dataclass(frozen=True)
class Attributes(Request):
    """Named values, for example hair colour: red."""

    values: Mapping[str, str] = field(default_factory=dict)
