"""A fake system that answers in boxes: labels in; a layout of the data out.

Reading order: `place`, the box of each label; `step`, its distance; `sample`.

Letters: B rows, K = `MOST` boxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.data.schema import Schema
from limner.data.views import Rows, View
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import LabelSet, Request
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, no_grad

MOST = 4
"""Boxes of a layout."""


@dataclass(frozen=True)
class Arranged(View):
    """Boxes with their labels."""

    needs: ClassVar = frozenset({"boxes"})
    boxes: tuple[tuple[tuple[str, float, float, float, float], ...], ...]

    @classmethod
    def gather(cls, data: Any, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the boxes of `rows`."""
        return cls(tuple(tuple(data.boxes(int(row), split)) for row in rows))


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 16
    """Side of the pictures it takes from the data; it reads none of them."""
    images: int = 1600
    """Budget."""


class Arranger(System):
    """A box for each label, and a little noise."""

    paper = Paper("A Fake Arranger", "Nobody", 2019, "tests")
    takes = LabelSet
    gives = frozenset({"layout"})
    Config = Config
    presets: ClassVar = {"tiny": Config()}
    default_preset = "tiny"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.numbers = {label: number for number, label in enumerate(schema.things)}
        self.body = nn.Embedding(len(self.numbers) + 1, 4)

    def phases(self) -> list[Phase]:
        player = Player(modules=[self.body], optimiser=adam(0.05))
        return [
            Phase(
                name="place", view=Arranged, images=self.config.images, batch=8,
                players={"body": player}, step=self.step,
            )
        ]  # fmt: skip

    def place(self, labels: Tensor, noise: Tensor | float = 0.0) -> Tensor:
        """Return boxes (..., 4) of labels (...)."""
        low, wide = (self.body(labels) + noise).sigmoid().split(2, dim=-1)
        return torch.cat([low * (1 - wide), wide], dim=-1)

    def step(self, batch: Arranged, clock: Clock) -> Iterator[Update]:
        """Place labels where they are."""
        placed = [(self.numbers[label], box) for row in batch.boxes for label, *box in row]
        labels, boxes = torch.tensor([one for one, _ in placed]), torch.tensor([box for _, box in placed])
        yield Update("body", F.l1_loss(self.place(labels), boxes))

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        rows = [[self.numbers[label] for label in getattr(request, "labels", ())][:MOST] for request in requests]
        labels = torch.tensor([row + [-1] * (MOST - len(row)) for row in rows])
        boxes = self.place(labels.clamp(min=0), 0.05 * rng.normal(MOST, 4))
        first = torch.where(torch.arange(MOST) < 1, labels, -1)
        yield Draft(layout={"boxes": boxes, "labels": first}, note="the first box", progress=0.5)
        yield Draft(layout={"boxes": boxes, "labels": labels})
