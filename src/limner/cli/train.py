"""`limner train` and `limner resume`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import QUIET, Device, ImageColumn, Json, TextColumn, bar, emit, leads, note, volume
from limner.errors import UserError

if TYPE_CHECKING:
    from limner import launch
    from limner.training.run_folder import RunFolder
    from limner.training.trainer import Trainer

Precision = Annotated[str, typer.Option(help="auto (bf16 where the processor computes in it), fp32 or bf16.")]
Images = Annotated[int | None, typer.Option(help="Budget of the main phase, in pictures.", show_default="the preset's")]
From = Annotated[
    str | None, typer.Option("--from", help="Begin with the weights of a checkpoint or run.", show_default=False)
]
Parts = Annotated[list[str] | None, typer.Option(help="With --from: a module to take (default: all); may be repeated.")]
SaveEvery = Annotated[int | None, typer.Option(help="Pictures between checkpoints.", show_default="budget / 20")]
GridEvery = Annotated[
    int | None, typer.Option(help="Pictures between sample grids; 0 for none.", show_default="budget / 40")
]
LogWith = Annotated[
    list[str] | None,
    typer.Option(help="Send curves to wandb or mlflow, too (or tensorboard); may be repeated.", show_default=False),
]


def train(
    system: Annotated[
        str,
        typer.Argument(help="A system of `limner list`, or your own by path (./mine.py); with a preset, NAME:PRESET."),
    ],
    data: Annotated[str, typer.Option(help="A folder of captioned pictures, a .parquet or .arrow file, a Hub id.")],
    preset: Annotated[
        str | None, typer.Option(help="Settings to begin from.", show_default="the system's own default")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting, name=value; may be repeated.")
    ] = None,
    images: Images = None,
    from_: From = None,
    part: Parts = None,
    seed: Annotated[int, typer.Option(help="All randomness follows from it.")] = 0,
    run: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="a new one in runs/")] = None,
    precision: Precision = "auto",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what is broken.")] = False,
    image_column: ImageColumn = None,
    text_column: TextColumn = None,
    grid_every: GridEvery = None,
    save_every: SaveEvery = None,
    tensorboard: Annotated[bool, typer.Option(help="Write curves for TensorBoard.")] = True,
    log_with: LogWith = None,
    device: Device = "auto",
    go_on: Annotated[
        bool, typer.Option("--continue", help="With --run: go on where that run was, if it has begun.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a system on captioned pictures. Ctrl-C saves and says how to go on.

    `limner show SYSTEM` lists its presets, which of them is the default, and the settings for --set.

    limner train miniature --data my-pictures

    limner train miniature --data my-pictures --preset ten-minutes --run runs/mine

    limner train gan-int-cls --data birds --preset birds --set batch=32 --images 400000

    limner train miniature --data my-pictures --preset avatars --from runs/mine --set text_images=0

    limner draw "a small yellow bird" --artist runs/mine
    """
    from limner import catalogue, launch, settings
    from limner.devices import choose

    if go_on and run is None:
        raise UserError("--continue goes on with a run: name it with --run")
    choose(device)
    name, chosen, config = launch.configured(system, preset, settings.pairs(set_ or []), images)
    record = launch.record_of(
        system, data, name=name, preset=chosen, config=config, from_=from_, parts=part or [], seed=seed,
        precision=precision, skip_bad=skip_bad, image_column=image_column, text_column=text_column,
        grid_every=grid_every, save_every=save_every, tensorboard=tensorboard, log_with=log_with or [],
    )  # fmt: skip
    if preset is None and not catalogue.parted(system)[1] and leads():
        note(f"preset {chosen}, the default of {name} (limner show {system} lists all)")
    started = launch.started(record, run, f"{name}-{chosen}", go_on=go_on, around=_around())
    _fit(*started, as_json)


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run that was stopped or killed.")],
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Go on with a training exactly where it was, as if it had never stopped.

    limner resume runs/mine
    """
    from limner import launch
    from limner.devices import choose

    choose(device)
    _fit(*launch.continued(run, _around()), as_json)


def _around() -> launch.Around:
    from limner import launch

    return launch.Around(bar=bar, quiet=volume() == QUIET)


def _fit(trainer: Trainer, train: Callable[[], None], as_json: bool) -> None:
    if trainer.engine.leads:
        for line in [] if trainer.run.newest() else trainer.data.summary().lines():  # at its beginning
            note(f"data: {line}")
        note(_begins(trainer))
    began = time.perf_counter()
    train()
    if trainer.engine.leads:
        _report(trainer, trainer.run, time.perf_counter() - began, as_json)


def _begins(trainer: Trainer) -> str:
    """Say where and how something is trained, how large it is, and how far it goes."""
    count = sum(parameter.numel() for parameter in trainer.system.parameters())
    many = f", {trainer.engine.world} processes" if trainer.engine.world > 1 else ""
    where = f"{trainer.engine.device}, {trainer.engine.number_format}{many}"
    least = f"{16 * count / 1e6:,.0f} MB with gradients and Adam's state, activations aside"
    phases = ", ".join(f"{phase.name} {phase.images:,}" for phase in trainer.phases)
    return f"on {where}: {count:,} parameters ({least}); images: {phases}; run {trainer.run.path}"


def _report(trainer: Trainer, folder: RunFolder, seconds: float, as_json: bool) -> None:
    newest = folder.checkpoints()[-1]
    result = {"run": str(folder.path), "checkpoint": str(newest), "images": trainer.at.total, "of": trainer.budget}
    emit(result | {"seconds": round(seconds, 2)}, as_json, str(newest))
    best = trainer.monitor.health.best
    if best is not None and best.total < trainer.at.total:
        note(f"nearest to real pictures at {best.total:,} images: {folder.path / 'best'}")
    if not trainer.finished:
        note(f"stopped at {trainer.at.total:,} of {trainer.budget:,} images: limner resume {folder.path}")
    else:
        note(f'done in {seconds:,.0f} s; draw with: limner draw "..." --artist {folder.path}')
