"""A fake system that takes boxes or a dialogue: it paints the boxes white, and the ground lighter with every turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from limner.data.schema import Schema
from limner.noise import RowNoise
from limner.requests import Dialogue, Layout, Request
from limner.system import Draft, Paper, Phase, System, no_grad


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 8
    """Side of the picture."""


class Sketcher(System):
    """Boxes on a ground."""

    paper = Paper("A Fake Sketcher", "Nobody", 2018, "tests")
    takes = (Layout, Dialogue)
    Config = Config
    presets: ClassVar = {"tiny": Config()}

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.white = nn.Parameter(torch.ones(()))

    def phases(self) -> list[Phase]:
        return []

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        side = self.config.size
        images = torch.full((len(requests), 3, side, side), -1.0)
        for image, request in zip(images, requests, strict=True):
            image += 0.5 * len(getattr(request, "turns", ()))
            for _, *box in getattr(request, "boxes", ()):
                x, y, width, height = (round(side * number) for number in box)
                image[:, y : y + height, x : x + width] = self.white
        yield Draft(images=images)
