"""A toy system of three phases, and a trainer of it, for tests of training itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from limner import catalogue
from limner.data.dataset import Dataset
from limner.data.views import Pictures
from limner.noise import RowNoise
from limner.optimisers import adam, linear_to_zero
from limner.system import Draft, NoKnobs, Nothing, Paper, Phase, Player, System, Update
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import shapes

STEPS = 10


@dataclass(frozen=True)
class ToyConfig:
    size: int = 16
    images: int = STEPS * 4
    poison: int = -1


LONG = ToyConfig(images=1200)
"""Seconds of training, in which there is time to be killed ten times."""


class Toy(System):
    """Two phases and a `once`: a mean picture learnt with an average, then a scale with a clipped gradient."""

    paper = Paper("Toy", "nobody", 2026, "a test")
    takes = Nothing
    Config = ToyConfig
    presets: ClassVar = {"tiny": ToyConfig()}

    def __init__(self, config: Any, schema: Any) -> None:
        super().__init__(config, schema)
        self.mean = nn.Sequential(nn.Linear(4, 3 * 16 * 16), nn.BatchNorm1d(3 * 16 * 16))
        self.scale = nn.Linear(1, 1)
        self.register_buffer("table", torch.zeros(3))
        self.poisoned = 0

    def phases(self) -> list[Phase]:
        mean = Player(modules=[self.mean], optimiser=adam(1e-2), ema=8.0, schedule=linear_to_zero)
        scale = Player(modules=[self.scale], optimiser=adam(1e-2), clip=0.5)
        return [
            Phase(
                name="mean",
                view=Pictures,
                images=self.config.images,
                batch=4,
                step=self.fit_mean,
                players={"mean": mean},
            ),
            Phase(name="table", view=Pictures, images=0, batch=4, once=self.count),
            Phase(
                name="scale",
                view=Pictures,
                images=self.config.images,
                batch=4,
                step=self.fit_scale,
                players={"scale": scale},
            ),
        ]

    def draw(self, noise: Tensor) -> Tensor:
        return self.mean(noise).unflatten(1, (3, 16, 16)).tanh() * self.scale(noise[:, :1])[..., None, None].tanh()

    def fit_mean(self, batch: Pictures, clock: Any) -> Iterator[Update]:
        loss = (self.draw(torch.randn(len(batch.images), 4)) - batch.images).square().mean()
        if clock.step == self.config.poison and not self.poisoned:
            self.poisoned += 1
            loss = loss * torch.nan
        yield Update("mean", loss, {"twice": 2 * loss})

    def count(self, data: Dataset) -> None:
        self.table.copy_(data.pictures(range(data.length()), "train").float().mean(dim=(0, 2, 3)))

    def fit_scale(self, batch: Pictures, clock: Any) -> Iterator[Update]:
        yield Update("scale", 100 * (self.draw(torch.randn(len(batch.images), 4)) - batch.images).square().mean())

    def sample(self, requests: Any, knobs: NoKnobs, rng: RowNoise) -> Iterator[Draft]:
        yield Draft(images=self.draw(rng.normal(4)).clamp(-1, 1))


def trainer(data: Dataset, folder: Path, config: ToyConfig = ToyConfig(), **options: Any) -> Trainer:
    torch.manual_seed(0)
    run = RunFolder.open(folder) if (folder / "run.json").exists() else RunFolder.create(folder)
    engine = Engine("fp32", quiet=options.pop("quiet", True))
    return Trainer(
        Toy(config, data.schema), data, run, engine=engine, **({"grid_every": 0, "save_every": 12} | options)
    )


def weights(which: Trainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in which.system.state_dict().items()}


def go_on(folder: Path, begun: Connection) -> None:
    """Train in a process of its own, from the last checkpoint where there is one; at the end save the weights."""
    catalogue.name_of = lambda cls: cls.__name__.lower()  # type: ignore[assignment]
    run = trainer(shapes(folder / "data"), folder / "run", LONG, save_every=40)
    begun.send("ready")
    if run.run.checkpoints():
        run.resume()
    else:
        run.fit()
    torch.save(weights(run), folder / "final.pt")
