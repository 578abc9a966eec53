"""A kind of request that nobody knows, and a fake system that takes it: all that a new kind needs is in this file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import torch
from torch import nn

from limner.data.schema import Schema
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Request, form
from limner.system import Draft, Paper, Phase, System, no_grad

COLOURS = {"red": (1.0, -1.0, -1.0), "green": (-1.0, 1.0, -1.0), "blue": (-1.0, -1.0, 1.0)}


@dataclass(frozen=True)
class Paint(Request):
    """A colour by its name, how light it is, and what is written on the tin."""

    noun: ClassVar = "a paint"
    colour: str = field(metadata=form("choice", "Choose a colour", choices=tuple(COLOURS)))
    light: float = field(default=1.0, metadata=form("number", "How light it is"))
    brand: str = field(default="", metadata=form("text", "What is written on the tin", required=False))

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Read `red .5`."""
        colour, _, light = text.strip().partition(" ")
        try:
            return cls(colour, float(light or 1))
        except ValueError:
            raise UserError(f"{text[:60]!r} is no paint: write a colour and how light it is, like `red .5`") from None


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 8
    """Side of the picture."""


class Painter(System):
    """One plain colour."""

    paper = Paper("A Fake Painter", "Nobody", 2017, "tests")
    takes = Paint
    Config = Config
    presets: ClassVar = {"tiny": Config()}

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.gain = nn.Parameter(torch.ones(()))

    def phases(self) -> list[Phase]:
        return []

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        paints = [request for request in requests if isinstance(request, Paint)]
        plain = torch.tensor([[self.gain * paint.light * c for c in COLOURS[paint.colour]] for paint in paints])
        yield Draft(images=plain[..., None, None].expand(-1, -1, self.config.size, self.config.size))
