"""What each of two processes does in tests/test_processes.py: run by torchrun, with a folder to work in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import toy_training
from limner import catalogue
from limner.cli.console import leave
from limner.data.dataset import Dataset
from limner.data.views import Pictures
from limner.errors import UserError
from limner.processes import Processes
from limner.system import Nothing, Paper, Phase, Player, System, Update
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import shapes


class Copyist(System):
    """Learns to copy pictures, without noise and without batch statistics: a batch may be shared in any way."""

    paper = Paper("Copyist", "nobody", 2026, "a test")
    takes = Nothing
    Config = toy_training.ToyConfig

    def __init__(self, config: Any, schema: Any) -> None:
        super().__init__(config, schema)
        self.net = nn.Sequential(nn.Linear(3 * 8 * 8, 32), nn.Tanh(), nn.Linear(32, 3 * 8 * 8))

    def phases(self) -> list[Phase]:
        player = Player(modules=[self.net], optimiser=lambda parameters: torch.optim.SGD(parameters, lr=1.0))
        return [Phase(name="copy", view=Pictures, images=32, batch=32, players={"net": player}, step=self.step)]

    def step(self, batch: Pictures, clock: Any) -> Iterator[Update]:
        yield Update("net", (self.net(batch.images.flatten(1)) - batch.images.flatten(1)).square().mean())


def one_step(folder: Path) -> dict[str, Tensor]:
    """Take one step with a batch of 32, by however many processes there are; return the weights."""
    engine = Engine("fp32", quiet=True)
    engine.lead(lambda: noise_pictures(folder / "noise"))
    data = Dataset.open(folder / "noise", size=8, held_out=0.0)
    torch.manual_seed(5)
    system = Copyist(toy_training.ToyConfig(size=8), data.schema)
    before = {name: value.clone() for name, value in system.state_dict().items()}
    trainer = Trainer(system, data, run(engine, folder / f"one-step-{engine.world}"), engine=engine, grid_every=0)
    trainer.fit()
    after = toy_training.weights(trainer)
    return {name: value - before[name] for name, value in after.items()}


def noise_pictures(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir()
        pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
        for number, picture in enumerate(pixels):
            Image.fromarray(picture).save(folder / f"{number}.png")


def run(engine: Engine, folder: Path) -> RunFolder:
    return engine.lead(lambda: RunFolder.create(folder))


def fifty_steps(folder: Path, data: Dataset) -> dict[str, Tensor]:
    """Train a system with batch statistics for fifty steps; return what it is, and what it publishes."""
    engine = Engine("fp32", quiet=True)
    torch.manual_seed(engine.rank)  # each begins with other weights: the first one's must win
    system = toy_training.Toy(toy_training.ToyConfig(images=200), data.schema)
    options: Any = {"engine": engine, "grid_every": 0, "save_every": 10**6}
    trainer = Trainer(system, data, run(engine, folder / "fifty"), **options)
    trainer.fit(stop_after=196)  # 49 steps, and one more
    trainer.step(trainer.phases[0])
    found = toy_training.weights(trainer)
    with trainer.published():
        found |= {f"published {name}": value for name, value in toy_training.weights(trainer).items()}
    return found


def stop_of_one(folder: Path, data: Dataset) -> dict[str, int]:
    """Ask the second process alone to stop, in its step 13; return where this one stands then."""
    engine = Engine("fp32", quiet=True)
    system = toy_training.Toy(toy_training.ToyConfig(images=400), data.schema)
    trainer = Trainer(system, data, run(engine, folder / "stop"), engine=engine, grid_every=0, save_every=10**6)
    take = trainer.step

    def step(phase: Phase) -> None:
        if engine.rank == 1 and trainer.at.step == 13:
            trainer.stop()
        take(phase)

    trainer.step = step  # type: ignore[method-assign]
    trainer.fit()
    assert not trainer.finished
    return vars(trainer.at)


def agreements(processes: Processes) -> None:
    """Rows come together in order, whatever their number and kind; what fails in one process fails in all."""
    for count in (0, 1, 5, 6):
        for dtype in (torch.float32, torch.int64, torch.bool, torch.bfloat16):
            rows = (torch.arange(count * 6).reshape(count, 2, 3) % 2).to(dtype)
            assert torch.equal(processes.gather(rows[list(processes.mine(count))]), rows)
    assert processes.gather(torch.tensor([float(processes.rank)])).tolist() == [0.0, 1.0]
    assert processes.lead(lambda: processes.rank) == 0 and processes.in_turn(lambda: processes.rank) == processes.rank
    assert processes.anywhere(processes.rank == 1) and not processes.anywhere(False)
    for who, ways in (
        (0, (processes.lead, processes.in_turn, processes.together)),
        (1, (processes.in_turn, processes.together)),
    ):
        for way in ways:
            assert fault(way, lambda who=who: stumble(processes, who)) == f"process {who} stumbled"


def stumble(processes: Processes, who: int) -> None:
    if processes.rank == who:
        raise UserError(f"process {who} stumbled")


def fault(way: Any, task: Any) -> str:
    try:
        way(task)
    except UserError as error:
        return str(error)
    return ""


def main(folder: Path) -> None:
    catalogue.name_of = lambda cls: cls.__name__.lower()
    processes = Processes()
    assert processes.world == 2
    agreements(processes)
    data = processes.in_turn(lambda: shapes(folder / "data"))
    found = {"fifty": fifty_steps(folder, data), "one step": one_step(folder), "stop": stop_of_one(folder, data)}
    torch.save(found, folder / f"found{processes.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    leave(0)
