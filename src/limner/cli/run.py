"""From what run.json says to a trainer: `train` and `resume` both go this way, so that they cannot differ."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.cli.console import bar
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.runs import RunFolder
    from limner.train import Trainer


def forget(path: Path) -> None:
    """Take a run back that could not begin; what the person had in the folder before stays."""
    (path / "run.json").unlink()
    for folder in (path / "grids", path / "checkpoints", path):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


def prepare(record: dict[str, Any]) -> dict[str, Any]:
    """Build system and data from what run.json says, so that `train` and `resume` cannot differ."""
    import torch

    from limner import catalogue, settings
    from limner.data.dataset import Dataset

    try:
        cls = catalogue.load_class(record["system"])
        config: Any = settings.from_json(cls.Config, record["config"], "run.json, config")
        where, skip_bad, seed = record["data"], record["skip_bad"], record["seed"]
    except KeyError as error:
        raise UserError(f"run.json is damaged: it lacks {error}") from None
    with bar("reading pictures") as progress:
        data = Dataset.open(where, size=cls.reads(config), skip_bad=skip_bad, progress=progress)
    torch.manual_seed(seed)
    return {"system": catalogue.build(cls, config, data.schema), "data": data}


def trainer_of(parts: dict[str, Any], folder: RunFolder) -> Trainer:
    """Seat system and data at the run's trainer, as run.json says.

    Raises:
        UserError: where they do not fit, or the precision cannot be had here.
    """
    from limner.engine import Engine
    from limner.train import Trainer

    record = folder.record
    trackers = ["tensorboard"] if record.get("tensorboard") else []
    return Trainer(
        parts["system"],
        parts["data"],
        folder,
        seed=record["seed"],
        engine=Engine(record.get("precision", "auto"), trackers, folder.path),
        save_every=record.get("save_every"),
        grid_every=record.get("grid_every"),
    )
