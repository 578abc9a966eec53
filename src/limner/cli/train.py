"""`limner train` and `limner resume`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import Json, emit, note
from limner.cli.run import forget, prepare, trainer_of
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.runs import RunFolder
    from limner.train import Trainer

Precision = Annotated[str, typer.Option(help="auto (bf16 where the processor computes in it), fp32 or bf16.")]


def train(
    system: Annotated[str, typer.Argument(help="A system of `limner list`, or a file of your own, ./mine.py.")],
    data: Annotated[str, typer.Option(help="A folder of captioned pictures, a .parquet or .arrow file, a Hub id.")],
    preset: Annotated[str | None, typer.Option(help="Settings to begin from.", show_default=False)] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting, name=value; may be repeated.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Budget of the main phase, in pictures.", show_default="the preset's")
    ] = None,
    seed: Annotated[int, typer.Option(help="All randomness follows from it.")] = 0,
    run: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="a new one in runs/")] = None,
    precision: Precision = "auto",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what is broken.")] = False,
    grid_every: Annotated[
        int | None, typer.Option(help="Pictures between sample grids; 0 for none.", show_default="budget / 40")
    ] = None,
    save_every: Annotated[
        int | None, typer.Option(help="Pictures between checkpoints.", show_default="budget / 20")
    ] = None,
    tensorboard: Annotated[bool, typer.Option(help="Write curves for TensorBoard.")] = True,
    as_json: Json = False,
) -> None:
    """Train a system on captioned pictures. Ctrl-C saves and says how to go on.

    limner train miniature --data my-pictures --preset ten-minutes --run runs/mine

    limner train gan-int-cls --data birds --preset birds --set batch=32 --images 400000

    limner draw "a small yellow bird" --artist runs/mine
    """
    from limner import catalogue, settings
    from limner.runs import RunFolder

    if seed < 0:
        raise UserError(f"the seed is a whole number from 0, not {seed}")
    cls = catalogue.load_class(system)
    if preset is None:
        presets = ", ".join(cls.presets)
        raise UserError(f"choose what to begin from with --preset: {presets} (limner show {system} describes them)")
    changes = settings.pairs(set_ or []) | ({} if images is None else {"images": str(images)})
    config = catalogue.configure(cls, preset, changes)
    record = {
        "system": str(Path(system).resolve()) if system.endswith(".py") else catalogue.name_of(cls),
        "preset": preset,
        "config": settings.to_json(config),
        "data": str(Path(data).resolve()) if Path(data).exists() else data,
        "seed": seed,
        "precision": precision,
        "skip_bad": skip_bad,
        "grid_every": grid_every,
        "save_every": save_every,
        "tensorboard": tensorboard,
    }
    path = run or _free(Path("runs"), f"{catalogue.name_of(cls)}-{preset}")
    if (path / "run.json").exists():
        raise UserError(f"{path} already holds a run: go on with `limner resume {path}`, or choose another --run")
    parts = prepare(record)  # before the folder is made: a mistake in the data leaves nothing behind
    folder = RunFolder.create(path, **record, fingerprint=parts["data"].fingerprint)
    try:
        trainer = trainer_of(parts, folder)
    except UserError:
        forget(path)
        raise
    began = time.perf_counter()
    trainer.fit()
    _report(trainer, folder, time.perf_counter() - began, as_json)


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run that was stopped or killed.")],
    as_json: Json = False,
) -> None:
    """Go on with a training exactly where it was, as if it had never stopped.

    limner resume runs/mine
    """
    from limner.runs import RunFolder

    folder = RunFolder.open(run)
    parts = prepare(folder.record)
    if parts["data"].fingerprint != folder.record.get("fingerprint"):
        raise UserError(f"{folder.record['data']} has changed since the run began: put it back, or train anew")
    trainer = trainer_of(parts, folder)
    began = time.perf_counter()
    trainer.resume()
    _report(trainer, folder, time.perf_counter() - began, as_json)


def _report(trainer: Trainer, folder: RunFolder, seconds: float, as_json: bool) -> None:
    newest = folder.checkpoints()[-1]
    facts = {"run": str(folder.path), "checkpoint": str(newest), "images": trainer.at.total, "of": trainer.budget}
    emit(facts | {"seconds": round(seconds, 2)}, as_json, str(newest))
    if not trainer.finished:
        note(f"stopped at {trainer.at.total:,} of {trainer.budget:,} images: limner resume {folder.path}")
    else:
        note(f'done in {seconds:,.0f} s; draw with: limner draw "..." --artist {folder.path}')


def _free(folder: Path, stem: str) -> Path:
    from limner.cli.draw import free

    return free(folder, stem, "")
