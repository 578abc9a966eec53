"""Artists of known faults: one draws the very pictures that answer, one grey, one the same always, one copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.noise import RowNoise
from limner.requests import Caption, Request
from limner.system import Draft, Paper, System, no_grad


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 16
    """Side of the picture."""


class Answers(System):
    """Draws, for each caption of the test split, the picture that it is told to."""

    paper = Paper("An artist of known faults", "Nobody", 2026, "tests")
    takes = Caption
    Config = Config
    presets: ClassVar = {"tiny": Config()}

    def __init__(self, data: Dataset, fault: str) -> None:
        super().__init__(Config(data.schema.size), data.schema)
        self.fault, self.data = fault, data
        self.places = {data.captions(row, "test")[0]: row for row in range(data.length("test"))}

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        rows = [self.places[r.text] for r in requests if isinstance(r, Caption)]
        count = self.data.length("test")
        if self.fault == "shuffled":
            rows = [(row + 1) % count for row in rows]
        if self.fault == "repeats":
            rows = [0 for _ in rows]
        images = self.data.pictures(rows, "test").float() / 127.5 - 1
        if self.fault == "copies":
            images = self.data.pictures(rows, "train").float() / 127.5 - 1
        if self.fault == "grey":
            images = torch.zeros_like(images)
        if self.fault == "lively":
            images = images + 0.3 * rng.normal(3, 16, 16)
        yield Draft(images=images.clamp(-1, 1))


def artist(data: Dataset, fault: str = "") -> Artist:
    """Make one."""
    system = Answers(data, fault).eval()
    return Artist(system, {"system": "answers", "trained": {}}, fault or "truth", Path("nowhere"))
