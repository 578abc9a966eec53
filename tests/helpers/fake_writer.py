"""A fake system that answers in text: values, or nothing, in; a sentence of the data out.

Reading order: `words_for`, the logits of each place of the sentence; `step`, their cross-entropy; `sample`.

Letters: B rows, T words of the longest sentence, V words of the lexicon, A values of all attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.data.schema import Schema
from limner.data.views import Readable, Rows, View
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Attributes, Nothing, Request
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, blend, no_grad


@dataclass(frozen=True)
class Described(View):
    """Sentences with the values of their pictures."""

    needs: ClassVar = frozenset({"text", "attributes"})
    texts: tuple[str, ...]
    attributes: Tensor
    """(B, attributes), numbers of values."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the first captions of `rows`."""
        return cls(tuple(data.captions(int(row), split)[0] for row in rows), data.attributes(rows, split))


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 16
    """Side of the pictures it takes from the data; it reads none of them."""
    images: int = 1600
    """Budget."""


@dataclass(frozen=True)
class Knobs:
    """What people turn while writing."""

    spread: float = 1.0
    """Scale of the noise on the logits."""


class Writer(System):
    """One linear layer."""

    paper = Paper("A Fake Writer", "Nobody", 2018, "tests")
    takes = (Attributes, Nothing)
    gives = frozenset({"text"})
    Config = Config
    Knobs = Knobs
    presets: ClassVar = {"tiny": Config()}
    default_preset = "tiny"

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.places = [(name, value) for name, values in schema.attributes.items() for value in values]
        self.length = schema.longest
        self.body = nn.Linear(len(self.places), self.length * len(schema.lexicon))

    def phases(self) -> list[Phase]:
        player = Player(modules=[self.body], optimiser=adam(0.05))
        return [
            Phase(
                name="write", view=Described, images=self.config.images, batch=8,
                players={"body": player}, step=self.step,
            )
        ]  # fmt: skip

    def step(self, batch: Described, clock: Clock) -> Iterator[Update]:
        """Write what is there."""
        names = list(self.schema.attributes)
        asked = [
            Attributes({names[a]: self.schema.attributes[names[a]][k] for a, k in enumerate(row) if k >= 0})
            for row in batch.attributes.tolist()
        ]
        ids = [self.schema.lexicon.ids(text) for text in batch.texts]
        target = torch.tensor([row + [0] * (self.length - len(row)) for row in ids])
        yield Update("body", F.cross_entropy(self.words_for(asked).flatten(0, 1), target.flatten()))

    def encode(self, requests: Sequence[Request]) -> Tensor:
        """Values to (B, A)."""
        return torch.tensor(
            [[float(getattr(request, "values", {}).get(name) == value) for name, value in self.places]
             for request in requests]
        )  # fmt: skip

    def words_for(self, requests: Sequence[Request]) -> Tensor:
        """Return logits (B, T, V)."""
        return self.body(blend(self.encode, requests)).unflatten(1, (self.length, -1))

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Knobs, rng: RowNoise) -> Iterator[Draft]:
        logits = self.words_for(requests)
        ids = (logits + knobs.spread * rng.normal(*logits.shape[1:])).argmax(dim=-1)
        words = ("", "?", *self.schema.lexicon.words)
        texts = [" ".join(filter(None, (words[k] for k in row))) for row in ids.tolist()]
        yield Draft(text=[text.partition(" ")[0] for text in texts], note="the first word", progress=0.5)
        yield Draft(text=texts)
