"""From what run.json says to a trainer: `train` and `resume` both go this way, so that they cannot differ."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.cli.console import QUIET, bar, volume
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.data.choose import Choice
    from limner.processes import Processes
    from limner.training.run_folder import RunFolder
    from limner.training.trainer import Trainer


def forget(path: Path) -> None:
    """Take a run back that could not begin; what the person had in the folder before stays."""
    (path / "run.json").unlink()
    for folder in (path / "grids", path / "checkpoints", path):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


def begun(path: Path, record: dict[str, Any], go_on: bool) -> bool:
    """Tell whether `path` holds the run that `record` asks for, and that is to go on.

    Raises:
        UserError: where it holds another run, or one that was not asked to go on.
    """
    from limner.training.run_folder import RunFolder

    if not (path / "run.json").exists():
        return False
    if not go_on:
        raise UserError(f"{path} already holds a run: go on with `limner resume {path}`, or choose another --run")
    found = RunFolder.open(path).record
    asked, there = (one | one.get("config", {}) for one in (json.loads(json.dumps(record)), found))
    for key in asked:
        if key != "config" and asked[key] != there.get(key):
            differs = f"its {key} is {there.get(key)!r}, not {asked[key]!r}"
            raise UserError(f"{path} holds another run ({differs}): choose another --run, or ask for the same")
    return True


def opened(ranks: Processes, record: dict[str, Any]) -> dict[str, Any]:
    """Build system and data in every process; the leading one decodes the pictures that the others then find.

    Raises:
        UserError: as `prepare`; where a process sees other data than the leading one.
    """
    if not ranks.leads:  # what is left out of the data is told once
        logging.getLogger("limner").setLevel(logging.ERROR)
    parts = ranks.in_turn(lambda: prepare(record))
    same = ranks.lead(lambda: str(parts["data"].fingerprint)) == parts["data"].fingerprint
    if ranks.anywhere(not same):
        raise UserError(f"{record['data']} is not the same for all processes: give every machine the same files")
    return parts


def choice_of(record: dict[str, Any]) -> Choice:
    """Return what run.json says of columns; that of an older Limner says nothing."""
    from limner.data.choose import Choice

    return Choice(record.get("image_column"), tuple(record.get("text_column") or ()))


def prepare(record: dict[str, Any]) -> dict[str, Any]:
    """Build system and data from what run.json says, so that `train` and `resume` cannot differ."""
    import torch

    from limner import catalogue, settings
    from limner.data.dataset import Dataset

    try:
        cls = catalogue.load_class(record["system"])
        config: Any = settings.from_json(cls.Config, record["config"], "run.json, config")
        source, skip_bad, seed = record["data"], record["skip_bad"], record["seed"]
    except KeyError as error:
        raise UserError(f"run.json is damaged: it lacks {error}") from None
    with bar("reading pictures") as progress:
        data = Dataset.open(
            source, size=cls.data_size(config), skip_bad=skip_bad, choice=choice_of(record), progress=progress
        )
    torch.manual_seed(seed)
    system = catalogue.build(cls, config, data.schema)
    with bar("reading masks") as progress:
        for view in dict.fromkeys(phase.view for phase in system.phases()):
            data.require(view, progress)  # one process decodes for all
    return {"system": system, "data": data}


def trainer_of(parts: dict[str, Any], folder: RunFolder) -> Trainer:
    """Seat system and data at the run's trainer, as run.json says.

    Raises:
        UserError: where they do not fit, or the precision cannot be had here.
    """
    from limner import checkpoint
    from limner.drawing.resolve import find
    from limner.training.engine import Engine
    from limner.training.trainer import Trainer

    record = folder.record
    if record.get("from") and not folder.checkpoints():
        checkpoint.adopt(parts["system"], find(record["from"]), record.get("parts", ()))
    trackers = [*(["tensorboard"] if record.get("tensorboard") else []), *record.get("log_with", [])]
    return Trainer(
        parts["system"],
        parts["data"],
        folder,
        seed=record["seed"],
        engine=Engine(record.get("precision", "auto"), trackers, folder.path, volume() == QUIET, record["config"]),
        save_every=record.get("save_every"),
        grid_every=record.get("grid_every"),
    )
