"""A fake system that gives pictures and their annotation: boxes and shapes, asked for or drawn, painted on a ground.

Reading order: `layout`, what is asked and what is drawn; `paint`; `sample`: boxes, shapes, the picture.

Letters: B rows, K = `MOST` boxes, S the side of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from limner.blocks.layout.asked import Asked, asked_things, check_most
from limner.blocks.layout.maps import interior
from limner.data.schema import Schema
from limner.noise import RowNoise
from limner.requests import Caption, Layout, Request
from limner.system import Draft, Paper, Phase, System, no_grad

MOST = 4
"""Boxes of a layout."""


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 32
    """Side of the picture."""


class Scenes(System):
    """Things of one grey each, by their label, on a ground that chance makes lighter or darker."""

    paper = Paper("A Fake Painter of Scenes", "Nobody", 2019, "tests")
    takes = (Layout, Caption)
    gives = frozenset({"images", "layout"})
    Config = Config
    presets: ClassVar = {"tiny": Config()}

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.light = nn.Parameter(torch.linspace(0.4, 1, len(schema.things)))

    def phases(self) -> list[Phase]:
        return []

    def check_request(self, request: Request) -> None:
        check_most(request, MOST)

    def layout(self, asked: Asked, noise: Tensor) -> Asked:
        """Draw one box of the first label where none is asked for, and a shape of the upper half where none is."""
        labels, boxes = asked.labels.clone(), asked.boxes.clone()
        none = (labels < 0).all(dim=1)
        labels[none, 0] = 0
        boxes[none, 0] = torch.cat([0.1 + 0.2 * noise[none, :2].sigmoid(), torch.full((int(none.sum()), 2), 0.5)], 1)
        half = boxes * torch.tensor([1, 1, 1, 0.5])
        masks = torch.where(asked.is_shaped[..., None, None], asked.masks, interior(half, self.config.size))
        return Asked(labels, boxes, masks * (labels >= 0)[..., None, None], asked.is_shaped)

    def paint(self, things: Asked, noise: Tensor) -> Tensor:
        """Paint one thing after another: (B, 3, S, S)."""
        side = self.config.size
        images = (0.05 * noise[:, 2:3, None, None] - 1).expand(-1, 3, side, side)
        for at in range(MOST):
            light = self.light[things.labels[:, at].clamp(min=0)][:, None, None, None]
            images = torch.lerp(images, light.expand_as(images), things.masks[:, at, None])
        return images

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        noise = rng.normal(3)
        things = self.layout(asked_things(requests, self.schema.things, MOST, self.config.size), noise)
        layout = {"boxes": things.boxes, "labels": things.labels}
        yield Draft(layout=layout, note="boxes", progress=0.3)
        layout = layout | {"masks": things.masks}
        yield Draft(layout=layout, note="shapes", progress=0.6)
        yield Draft(images=self.paint(things, noise), layout=layout)
