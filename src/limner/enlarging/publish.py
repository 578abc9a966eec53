"""From originals to an artist that enlarges: an enlarger is trained, or taken from another artist, and attached."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limner import catalogue, checkpoint, settings
from limner.data.cache import Progress
from limner.data.dataset import Dataset
from limner.data.scales import scales
from limner.enlarging.attached import NAME, AttachedEnlarger
from limner.enlarging.enlarger import Config, Enlarging
from limner.errors import UserError
from limner.system import System
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer

HELD_OUT = 200
"""Held-out originals, at most, on which a trained enlarger is measured."""


def check(artist: System, name: str, factor: int) -> int:
    """Return the side of the pictures that an artist would draw with an enlarger.

    Raises:
        UserError: it draws no pictures, or the factor is no power of two.
    """
    if "images" not in artist.gives:
        raise UserError(f"{name} draws no pictures, so there is nothing to enlarge")
    if factor < 2 or factor & (factor - 1):
        raise UserError(f"--factor is a power of two (2, 4, ...), not {factor}")
    return int(artist.config.size) * factor


def train(
    source: Path, data: str, out: Path, config: Config, seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Train an enlarger on the originals of a data set and publish `source` with it as `out`.

    A training that was stopped is resumed from a folder beside `out`.

    Returns:
        what the checkpoint says of its training: how near held-out originals it comes, beside bilinear enlargement.

    Raises:
        UserError: the data's originals are smaller than what is to be learnt, or `out` is something else.
        KeyboardInterrupt: where a person stopped it.
    """
    opened = Dataset.open(data, size=config.size, progress=progress)
    check_originals(opened, data, config)
    torch.manual_seed(seed)
    game = catalogue.build(Enlarging, config, opened.schema)
    assert isinstance(game, Enlarging)
    place = out.with_name(f".{out.name}.{NAME}")
    trainer = Trainer(game, opened, _run(place, config, opened.fingerprint, seed), seed=seed, grid_every=0)
    trainer.resume() if trainer.run.checkpoints() else trainer.fit()
    if not trainer.finished:
        raise KeyboardInterrupt
    trained = {"data": Path(data).name, "images": trainer.at.total, "seed": seed} | measured(game.eval(), opened)
    about = {"config": settings.to_json(config), "trained": trained}
    checkpoint.attach(source, out, NAME, game.net.state_dict(), about)
    shutil.rmtree(place)
    return trained


def give(source: Path, other: Path, out: Path, size: int) -> dict[str, Any]:
    """Publish `source`, which draws pictures of `size` pixels, as `out` with the enlarger of the checkpoint `other`.

    Returns:
        what is said of the enlarger's training.

    Raises:
        UserError: `other` has no enlarger, or one for pictures of another size.
    """
    found = AttachedEnlarger.open(other)
    if found is None:
        raise UserError(f"{other} carries no enlarger: train one with --data")
    if found.small != size:
        raise UserError(f"the enlarger of {other} takes pictures of {found.small} pixels, and these have {size}")
    about = checkpoint.read(other)[NAME]
    checkpoint.attach(source, out, NAME, found.net.state_dict(), about)
    trained: dict[str, Any] = about.get("trained", {})
    return trained


def check_originals(data: Dataset, name: str, config: Config) -> None:
    """Make sure that there is something to learn.

    Raises:
        UserError: more than a tenth of the originals looked at are smaller than `config.size`.
    """
    sides = data.original_sides()
    small = [side for side in sides if side < config.size]
    if len(small) > len(sides) // 10:
        raise UserError(
            f"{len(small)} of {len(sides)} pictures looked at in {name} are smaller than {config.size} pixels (one has "
            f"{min(small)}): an enlarger learns from originals of {config.size} or more; take larger ones or a smaller "
            "--factor"
        )


@torch.no_grad()
def measured(game: Enlarging, data: Dataset) -> dict[str, float]:
    """Return how near held-out originals (training ones, where none is held out) come in dB, as `Enlarging.check`."""
    split = "test" if data.length("test") else "train"
    view, found = scales(game.config.factor), list[Mapping[str, float]]()
    for row in range(min(data.length(split), HELD_OUT)):
        batch = view.gather(data, [row], np.random.default_rng(0), split).to(game.device)
        found.append(game.check(batch))
    return {name: round(sum(one[name] for one in found) / len(found), 2) for name in found[0]}


def _run(place: Path, config: Config, fingerprint: str, seed: int) -> RunFolder:
    """Open the run that was stopped, or begin one.

    Raises:
        UserError: another one lies there.
    """
    record = {"config": settings.to_json(config), "fingerprint": fingerprint, "seed": seed}
    if not (place / "run.json").exists():
        return RunFolder.create(place, **record)
    run = RunFolder.open(place)
    if any(run.record.get(name) != value for name, value in record.items()):
        raise UserError(f"{place} holds a training with other settings or data: give those again, or remove it")
    return run
