"""Trainings from their beginning: what run.json says becomes a system, its data and a trainer.

`limner train` and `limner resume`, typed or called, all go this way, so that they cannot differ.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner import catalogue, settings
from limner.data.cache import Progress
from limner.data.choose import Choice
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.files import free
from limner.processes import Processes

if TYPE_CHECKING:
    from limner.drawing.artist import Artist
    from limner.training.run_folder import RunFolder
    from limner.training.trainer import Trainer

TRACKERS = ("tensorboard", "wandb", "mlflow")
"""What keeps curves."""
IN_MEMORY = "in memory"
"""Key of run.json that says whether the data was handed over, not named."""


@contextlib.contextmanager
def _unseen(what: str) -> Iterator[None]:
    yield


@dataclass(frozen=True)
class Around:
    """What a caller brings beside what run.json holds."""

    data: Any = None
    """The data set itself, where it is in memory."""
    callbacks: Sequence[Any] = ()
    bar: Callable[[str], AbstractContextManager[Progress | None]] = _unseen
    """Shows how far something has come that takes long, by its name."""
    quiet: bool = False
    """Whether training prints nothing."""


@dataclass(frozen=True)
class Trained:
    """What became of a training."""

    run: Path
    """Its folder: run.json, log.jsonl, grids, checkpoints."""
    checkpoint: Path
    """The newest one."""
    images: int
    """How many it has seen, in all phases."""
    budget: int
    """How many it is to see."""
    finished: bool
    """Whether it came to its end; `limner.resume(run)` goes on with one that was stopped."""

    @functools.cached_property
    def artist(self) -> Artist:
        """What was trained, ready to draw.

        Raises:
            UserError: as `limner.load`.
        """
        from limner.drawing.artist import load

        return load(self.run)

    @property
    def history(self) -> list[dict[str, Any]]:
        """Return the lines of the log: means of losses, figures of held-out data; a DataFrame can be made of them."""
        log = self.run / "log.jsonl"
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []

    def _repr_html_(self) -> str:
        """Return what a notebook shows: how far it came, and the newest sample grid."""
        from PIL import Image

        from limner.drawing import notebook
        from limner.training.run_folder import RunFolder

        rows = {"run": str(self.run), "images": f"{self.images:,} of {self.budget:,}"}
        shown = notebook.table((rows | {"finished": "yes" if self.finished else "no: limner.resume(run)"}).items())
        for grid in RunFolder(self.run, {}).grids()[-1:]:
            with Image.open(grid, formats=("PNG",)) as opened:
                shown += notebook.figures([opened.convert("RGB")], [f"samples after {int(grid.stem):,} images"])
        return shown


def train(
    system: str,
    data: Any,
    *,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    images: int | None = None,
    run: str | Path | None = None,
    seed: int = 0,
    from_: str | Path | None = None,
    parts: Sequence[str] = (),
    precision: str = "auto",
    image_column: str | None = None,
    text_column: str | Sequence[str] = (),
    skip_bad: bool = False,
    save_every: int | None = None,
    grid_every: int | None = None,
    tensorboard: bool = False,
    log_with: Sequence[str] = (),
    callbacks: Sequence[Any] = (),
    go_on: bool = False,
    quiet: bool = False,
) -> Trained:
    """Train a system on captioned pictures, as `limner train` does; Ctrl-C saves, and returns what there is.

    Args:
        system: a name of `limner.names()`, or your own by path: "./mine.py", "./mine/"; with a preset NAME:PRESET.
        data: a folder, a .parquet or .arrow file, a Hub id; a data set of Hugging Face, a pandas DataFrame, or a
            `limner.data.dataset.Dataset` that was opened at the side that the system reads.
        preset: settings to begin from; the system's own default where None.
        settings: changes of them, by name.
        images: budget of the main phase; the preset's where None.
        run: folder of the run; a new one in runs/ where None.
        seed: all randomness follows from it.
        from_: begin with the weights of a checkpoint or run.
        parts: with `from_`, names of modules to take; all where there is none.
        precision: auto (bf16 where the processor computes in it), fp32 or bf16.
        image_column: the column of pictures, where its name does not tell.
        text_column: the column of captions, or several.
        skip_bad: leave out what is broken.
        save_every: pictures between checkpoints; a twentieth of the budget where None.
        grid_every: pictures between sample grids; a fortieth of the budget where None, 0 for none.
        tensorboard: write curves for TensorBoard.
        log_with: send curves to "wandb" or "mlflow", too.
        callbacks: objects with methods of `limner.Callback`.
        go_on: with `run`: go on where that run was, if it has begun.
        quiet: print nothing.

    Raises:
        UserError: in one line, for all that can be put right; of a training that could not begin nothing is left.
    """
    name, preset, config = configured(system, preset, settings or {}, images)
    columns = (text_column,) if isinstance(text_column, str) else text_column
    record = record_of(
        system, data, name=name, preset=preset, config=config, seed=seed, precision=precision, skip_bad=skip_bad,
        image_column=image_column, text_column=list(columns) or None, save_every=save_every, grid_every=grid_every,
        tensorboard=tensorboard, log_with=log_with, parts=list(parts), from_=None if from_ is None else str(from_),
    )  # fmt: skip
    held = None if isinstance(data, str | Path) else data
    around = Around(held, callbacks, quiet=quiet)
    folder = None if run is None else Path(run)
    return run_to_end(*started(record, folder, f"{name}-{preset}", go_on=go_on, around=around))


def resume(run: str | Path, *, data: Any = None, callbacks: Sequence[Any] = (), quiet: bool = False) -> Trained:
    """Go on with a training exactly where it was, as if it had never stopped.

    Args:
        run: its folder.
        data: the data set again, where it was handed over in memory.
        callbacks: objects with methods of `limner.Callback`.
        quiet: print nothing.

    Raises:
        UserError: there is none, its data has changed, or it has to be handed over again.
    """
    return run_to_end(*continued(Path(run), Around(data, callbacks, quiet=quiet)))


def run_to_end(trainer: Trainer, fit: Callable[[], None]) -> Trained:
    """Train, and say what became of it."""
    fit()
    run = trainer.run
    return Trained(run.path, run.checkpoints()[-1], trainer.at.total, trainer.budget, trainer.finished)


def configured(system: str, preset: str | None, changes: Mapping[str, Any], images: int | None) -> tuple[str, str, Any]:
    """Return the name of a system, the preset it begins from, and the configuration that was asked for.

    Raises:
        UserError: as `catalogue.load_class`, `preset_of` and `configure`; two presets are named.
    """
    bare, named, given = catalogue.parted(system)
    if named and preset and named != preset:
        raise UserError(f"{system} names the preset {named!r}, and {preset!r} is asked for, too: leave one of them out")
    cls = catalogue.load_class(bare)
    chosen = catalogue.preset_of(cls, preset or named or None)
    values = given | dict(changes) | ({} if images is None else {"images": str(images)})
    return catalogue.name_of(cls), chosen, catalogue.configure(cls, chosen, values)


def record_of(
    system: str,
    data: Any,
    *,
    name: str,
    preset: str,
    config: Any,
    from_: str | None,
    parts: list[str],
    seed: int,
    precision: str,
    skip_bad: bool,
    image_column: str | None,
    text_column: list[str] | None,
    grid_every: int | None,
    save_every: int | None,
    tensorboard: bool,
    log_with: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what run.json holds of a training, all that it takes to begin it again; see `train`.

    Raises:
        UserError: the seed is none; a tracker is unknown, or its library is not installed.
    """
    if not 0 <= seed < 2**63:
        raise UserError(f"the seed is a whole number from 0, below 2^63, not {seed}")
    own, named = catalogue.own_source(catalogue.parted(system)[0]), isinstance(data, str | Path)
    held = {} if named else {IN_MEMORY: True}
    return {
        "system": str(own.resolve()) if own else name,
        "preset": preset,
        "config": settings.to_json(config),
        "data": str(Path(data).resolve() if Path(data).exists() else data) if named else f"a {type(data).__name__}",
        "from": from_,
        "parts": parts,
        "seed": seed,
        "precision": precision,
        "skip_bad": skip_bad,
        "image_column": image_column,
        "text_column": text_column,
        "grid_every": grid_every,
        "save_every": save_every,
        "tensorboard": tensorboard or "tensorboard" in log_with,
        **_trackers(log_with),
        **held,
    }


def _trackers(asked: Sequence[str]) -> dict[str, list[str]]:
    """Return what run.json says of trackers beside TensorBoard; nothing where there are none, as in older runs."""
    for name in asked:
        if name not in TRACKERS:
            raise UserError(f"--log-with {name}: {settings.hint(name, TRACKERS)}")
        if importlib.util.find_spec(name) is None:
            raise UserError(f"--log-with {name} needs the package {name}: pip install {name}")
    others = [name for name in dict.fromkeys(asked) if name != "tensorboard"]
    return {"log_with": others} if others else {}


def started(
    record: dict[str, Any], run: Path | None, stem: str, *, go_on: bool, around: Around
) -> tuple[Trainer, Callable[[], None]]:
    """Make ready to train from the start, in the folder `run` or a new one, or to go on with the run that is there.

    Returns:
        the trainer, and what to call.

    Raises:
        UserError: in one line; of a training that could not begin nothing is left.
    """
    from limner.training.run_folder import RunFolder

    ranks = Processes()
    path = ranks.lead(lambda: run or free(Path("runs"), stem, ""))
    if ranks.lead(lambda: begun(path, record, go_on)):
        return continued(path, around, or_begin=True)
    parts = opened(ranks, record, around)  # before the folder is made: a mistake in the data leaves nothing behind
    folder = ranks.lead(lambda: RunFolder.create(path, **record, fingerprint=parts["data"].fingerprint))
    try:
        trainer = ranks.in_turn(lambda: trainer_of(parts, folder, around))
    except UserError:
        ranks.lead(lambda: forget(path))
        raise
    return trainer, trainer.fit


def continued(path: Path, around: Around, or_begin: bool = False) -> tuple[Trainer, Callable[[], None]]:
    """Make ready to go on with a run; `or_begin`: to begin it, where it was killed before its first checkpoint.

    Raises:
        UserError: there is none, its data has changed, or it has to be handed over again.
    """
    from limner.training.run_folder import RunFolder

    ranks = Processes()
    folder = ranks.lead(lambda: RunFolder.open(path))
    parts = opened(ranks, folder.record, around)
    if parts["data"].fingerprint != folder.record.get("fingerprint"):
        raise UserError(f"{folder.record['data']} has changed since the run began: put it back, or train anew")
    trainer = ranks.in_turn(lambda: trainer_of(parts, folder, around))
    killed_early = or_begin and ranks.lead(folder.newest) is None
    return trainer, trainer.fit if killed_early else trainer.resume


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


def opened(ranks: Processes, record: dict[str, Any], around: Around) -> dict[str, Any]:
    """Build system and data in every process; the leading one decodes the pictures that the others then find.

    Raises:
        UserError: as `prepare`; where a process sees other data than the leading one.
    """
    if not ranks.leads:  # what is left out of the data is told once
        logging.getLogger("limner").setLevel(logging.ERROR)
    parts = ranks.in_turn(lambda: prepare(record, around))
    same = ranks.lead(lambda: str(parts["data"].fingerprint)) == parts["data"].fingerprint
    if ranks.anywhere(not same):
        raise UserError(f"{record['data']} is not the same for all processes: give every machine the same files")
    return parts


def choice_of(record: dict[str, Any]) -> Choice:
    """Return what run.json says of columns; that of an older Limner says nothing."""
    return Choice(record.get("image_column"), tuple(record.get("text_column") or ()))


def prepare(record: dict[str, Any], around: Around) -> dict[str, Any]:
    """Build system and data from what run.json says.

    Raises:
        UserError: as opening and building do; where the data was handed over and is not handed over again.
    """
    import torch

    try:
        cls = catalogue.load_class(record["system"])
        config: Any = settings.from_json(cls.Config, record["config"], "run.json, config")
        seed = record["seed"]
        with around.bar("reading pictures") as progress:
            data = _data(record, cls.data_size(config), around, progress)
    except KeyError as error:
        raise UserError(f"run.json is damaged: it lacks {error}") from None
    torch.manual_seed(seed)
    system = catalogue.build(cls, config, data.schema)
    with around.bar("reading masks") as progress:
        for view in dict.fromkeys(phase.view for phase in system.phases()):
            data.require(view, progress)  # one process decodes for all
    return {"system": system, "data": data}


def _data(record: dict[str, Any], size: int, around: Around, progress: Progress | None) -> Dataset:
    """Open the data of a run, by its name or as it was handed over."""
    held = around.data
    if held is None and record.get(IN_MEMORY):
        raise UserError(
            f"the data of this run was handed over in Python ({record['data']}): limner.resume(run, data=...)"
        )
    if isinstance(held, Dataset):
        if held.schema.size != size:
            raise UserError(f"the data set was opened at {held.schema.size} pixels and is read at {size}: open it so")
        return held
    source, skip_bad = record["data"] if held is None else held, record["skip_bad"]
    return Dataset.open(source, size=size, skip_bad=skip_bad, choice=choice_of(record), progress=progress)


def trainer_of(parts: dict[str, Any], folder: RunFolder, around: Around) -> Trainer:
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
        engine=Engine(record.get("precision", "auto"), trackers, folder.path, around.quiet, record["config"]),
        save_every=record.get("save_every"),
        grid_every=record.get("grid_every"),
        callbacks=around.callbacks,
    )
