"""A system that trains in no time and draws what it is told: a text's letters choose the colour, noise the pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.data.schema import Schema, words_of
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Request
from limner.requests import texts as texts_in
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, blend, no_grad


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 8
    """Side of the picture."""
    kind: Literal["soft", "hard"] = "soft"
    """Shape of the pattern."""
    widths: tuple[int, ...] = (4, 4)
    """Channels."""
    rate: float | None = None
    """Learning rate."""
    frozen: bool = False
    """Whether it learns nothing."""
    images: int = 16
    """Budget."""
    batch: int = 4
    """Pictures in a step."""

    def __post_init__(self) -> None:
        if self.size < 4:
            raise ValueError(f"size must be 4 or more, not {self.size}")


@dataclass(frozen=True)
class Knobs:
    """What people turn while drawing."""

    strength: float = 1.0
    """Contrast of the pattern."""


class Fake(System):
    """Linear layers."""

    paper = Paper("A Fake System", "Nobody", 2014, "tests")
    takes = Caption
    Config = Config
    Knobs = Knobs
    presets: ClassVar = {"tiny": Config(), "large": Config(size=16)}

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.body = nn.Linear(8 + 8, 3 * config.size**2)
        self.critic = nn.Linear(3 * config.size**2, 1)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def encode(self, requests: Sequence[Request]) -> Tensor:
        """Letters to numbers: (B, 8)."""
        rows = []
        for request in requests:
            assert isinstance(request, Caption)
            codes = [ord(letter) % 97 / 48 - 1 for letter in request.text[:8].ljust(8)]
            rows.append(codes)
        return torch.tensor(rows)

    def phases(self) -> list[Phase]:
        player = Player(modules=[self.body], optimiser=adam(self.config.rate or 1e-3))
        c = self.config
        return [Phase(name="fit", view=Pairs, images=c.images, batch=c.batch, players={"body": player}, step=self.step)]

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Draw what was seen."""
        text = self.encode([Caption(t) for t in batch.texts])
        drawn = self.body(torch.cat([text, torch.randn(len(text), 8)], dim=1)).view_as(batch.images)
        yield Update("body", F.mse_loss(drawn, batch.images))

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Knobs, rng: RowNoise) -> Iterator[Draft]:
        text, side = blend(self.encode, requests), self.config.size
        x = self.body(torch.cat([text, knobs.strength * rng.normal(8)], dim=1)).view(-1, 3, side, side)
        yield Draft(images=torch.zeros_like(x), progress=0.5)
        yield Draft(images=torch.tanh(x))

    def unknown_words(self, requests: Sequence[Request]) -> dict[str, str | None]:
        """Words that the schema lacks."""
        texts = [text for request in requests for text in texts_in(request)]
        known = self.schema.lexicon
        return {word: known.nearest(word) for text in texts for word in words_of(text) if word not in known.words}
