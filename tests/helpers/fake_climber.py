"""A system that climbs: it draws by gradients through a recurrent net, begins from pictures, and has many drafts.

Reading order: Climber, from top to bottom. Letters: B requests, S the side of a picture, Z the width of a code h.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.blocks.given import Given, given_pictures, keep_known
from limner.blocks.gradients import recurrent_gradients
from limner.data.schema import Schema, words_of
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Nothing, Picture, Request, Takes, asked
from limner.settings import Between
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, blend

Z = 6
SPREAD = 0.3


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 8
    """Side of the picture."""
    first: str = "caption"
    """The kind that a plain text means."""
    images: int = 6400
    """Budget."""


@dataclass(frozen=True)
class Knobs:
    """What people turn while drawing."""

    steps: Annotated[int, Between(1, 1000)] = 6
    """Steps of the climb."""
    every: Annotated[int, Between(1, 1000)] = 1
    """A draft after as many steps; those between show nothing."""
    noise: Annotated[float, Between(0, 10)] = 0.1
    """How much chance is in each step."""


class Climber(System):
    """One linear generator, and an LSTM that reads a picture line by line."""

    paper = Paper("A Fake Climber", "Nobody", 2017, "tests")
    takes = (Caption, Picture, Nothing)
    Config = Config
    Knobs = Knobs
    presets: ClassVar = {"tiny": Config(), "completes": Config(first="picture")}
    default_preset: ClassVar[str] = "tiny"
    on_step: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    """Called before every step, for tests that count, wait or interrupt."""

    def __init__(self, config: Config, schema: Schema) -> None:
        super().__init__(config, schema)
        self.write = nn.Linear(8, Z)
        self.generator = nn.Linear(Z, 3 * config.size**2)
        self.eye = nn.LSTM(3 * config.size, 8, 2, batch_first=True, dropout=0.5)

    @classmethod
    def request_type(cls, config: Config) -> Takes:
        return (Picture, Caption, Nothing) if config.first == "picture" else cls.takes

    def phases(self) -> list[Phase]:
        players = {"all": Player(modules=[self.write, self.generator, self.eye], optimiser=adam(1e-2))}
        return [Phase(name="fit", view=Pairs, images=self.config.images, batch=8, players=players, step=self.step)]

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Draw what was seen from what was written, and see what was written."""
        code = self.encode([Caption(text) for text in batch.texts])
        drawn, fits = self.draw(self.write(code)), F.mse_loss(self.look(batch.images), code)
        yield Update("all", F.mse_loss(drawn, batch.images) + fits)

    def draw(self, h: Tensor) -> Tensor:
        """(B, Z) to (B, 3, S, S)."""
        return torch.tanh(self.generator(h)).view(-1, 3, self.config.size, self.config.size)

    def look(self, images: Tensor) -> Tensor:
        """What the eye makes of pictures: (B, 8)."""
        return self.eye(images.permute(0, 2, 1, 3).flatten(2))[0][:, -1]

    def encode(self, requests: Sequence[Request]) -> Tensor:
        """Words to numbers, a bit of each for each word: (B, 8); zeros where nothing is asked."""
        words = [words_of((request.captions() or ("",))[0]) for request in requests]
        bits = [[[zlib.crc32(word.encode()) >> bit & 1 for bit in range(8)] for word in some] for some in words]
        rows = [torch.tensor(some).float().mul(2).sub(1).sum(0) / 4 if some else torch.zeros(8) for some in bits]
        return torch.stack(rows).to(self.device)

    def sample(self, requests: Sequence[Request], knobs: Knobs, rng: RowNoise) -> Iterator[Draft]:
        """Climb towards what the eye would read so, and towards what is given."""
        given = given_pictures(requests, self.config.size, self.device)
        code, further = blend(self.encode, asked(requests)), rng.more()
        h = self.write(code).detach() + SPREAD * rng.normal(Z)
        for i in range(knobs.steps):
            self.on_step()
            uphill = self.gradient(h, code, given)
            move = uphill / uphill.abs().mean(dim=1, keepdim=True).clamp_min(1e-12) + knobs.noise * further.normal(Z)
            h = h + 0.1 * (1 - i / knobs.steps) * move
            done = (i + 1) / knobs.steps
            shown = (i + 1) % knobs.every == 0 or done == 1
            images = keep_known(self.draw(h).detach(), given) if shown else None
            yield Draft(images=images, note=f"step {i + 1}", progress=done)

    def gradient(self, h: Tensor, code: Tensor, given: Given) -> Tensor:
        """Of what is asked and what is given, by h: (B, Z)."""
        with torch.enable_grad(), recurrent_gradients(self.eye):
            h = h.detach().requires_grad_()
            drawn = self.draw(h)
            misses = (self.look(drawn) - code).square().sum() + (given.known * (drawn - given.pixels)).square().sum()
            return -torch.autograd.grad(misses, h)[0]

    def style(self, images: Tensor) -> Tensor:
        """Climb to the h whose picture is nearest, and return the noise that leads there where nothing is asked."""
        h = images.new_zeros(len(images), Z)
        for _ in range(20):
            with torch.enable_grad():
                h = h.detach().requires_grad_()
                (uphill,) = torch.autograd.grad((self.draw(h) - images).square().sum(), h)
            h = h - 0.1 * uphill / uphill.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return (h - self.write.bias).detach() / SPREAD
