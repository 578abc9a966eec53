"""A cascade that was never trained: three stages, attention of known places, and a captioner that names the colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.data.schema import Schema, words_of
from limner.noise import RowNoise
from limner.requests import Caption, Request
from limner.system import Draft, Paper, Phase, System, no_grad

COLOURS = {"red": (1.0, -0.8, -0.8), "green": (-0.8, 0.6, -0.6), "blue": (-0.8, -0.5, 1.0), "grey": (-0.2, -0.2, -0.2)}
STAGES = (8, 16, 32)


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = STAGES[-1]
    """Side of the picture."""


class Cascade(System):
    """A ball of the colour that the text names, on sand; noise shifts the sand."""

    paper = Paper("A Fake Cascade", "Nobody", 2018, "tests")
    takes = Caption
    gives = frozenset({"images", "attention"})
    Config = Config
    presets: ClassVar = {"tiny": Config()}

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.sand = nn.Parameter(torch.tensor([0.6, 0.4, 0.0]))

    def phases(self) -> list[Phase]:
        return []

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: object, rng: RowNoise) -> Iterator[Draft]:
        texts = [request.text for request in requests if isinstance(request, Caption)]
        noise = rng.normal(3, STAGES[0], STAGES[0])
        for number, side in enumerate(STAGES, start=1):
            sand = self.sand[:, None, None] + 0.2 * F.interpolate(noise, size=(side, side))
            colours = torch.stack([_colour(text) for text in texts])[..., None, None]
            images = torch.where(_ball(side) > 0.5, colours, sand).clamp(-1, 1)
            looked = attention(texts, side // 2) if number > 1 else None
            yield Draft(images, looked, note=f"stage {number}", progress=number / len(STAGES))

    def unknown_words(self, requests: Sequence[Request]) -> dict[str, str | None]:
        """Words that the schema lacks."""
        told = [self.schema.lexicon.unknown(request.text) for request in requests if isinstance(request, Caption)]
        return {word: near for words in told for word, near in words.items()}

    def attributes_of(self, images: Tensor) -> list[dict[str, str]]:
        """Say which colour a picture is most of."""
        return [{"ball": ("red", "green", "blue")[int(image.mean(dim=(1, 2)).argmax())]} for image in images]

    def describe(self, images: Tensor) -> list[str]:
        """Name the colour in the middle."""
        middle = images[:, :, 12:20, 12:20].mean(dim=(2, 3))
        distances = torch.cdist(middle, torch.tensor(list(COLOURS.values())))
        return [f"a {list(COLOURS)[int(i)]} ball" for i in distances.argmin(dim=1)]


def attention(texts: Sequence[str], side: int) -> Tensor:
    """(B, T, side, side): "ball" is looked at where the ball is, "sand" elsewhere, all other words evenly."""
    told = [words_of(text) for text in texts]
    maps = torch.full((len(texts), max(map(len, told), default=0) or 1, side, side), -torch.inf)
    for row, words in enumerate(told):
        for t, word in enumerate(words):
            there = {"ball": _ball(side), "sand": 1 - _ball(side)}.get(word, torch.zeros(side, side))
            maps[row, t] = 3 * there
    return maps.softmax(dim=1).nan_to_num()


def _colour(text: str) -> Tensor:
    return torch.tensor(next((COLOURS[word] for word in words_of(text) if word in COLOURS), COLOURS["grey"]))


def _ball(side: int) -> Tensor:
    along = (torch.arange(side) + 0.5) / side - 0.5
    return (along[:, None] ** 2 + along**2 < 0.1).float()
