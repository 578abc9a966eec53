"""`limner train` and `limner resume`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import Device, ImageColumn, Json, TextColumn, emit, leads, note
from limner.cli.run import begun, forget, opened, trainer_of
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.processes import Processes
    from limner.training.run_folder import RunFolder
    from limner.training.trainer import Trainer

TRACKERS = ("tensorboard", "wandb", "mlflow")
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
    from limner import catalogue, settings
    from limner.devices import choose

    _check(seed, go_on, run)
    choose(device)
    system, preset, set_ = _parted(system, preset, set_ or [])
    name, preset, config = _configured(system, preset, set_, images)
    own = catalogue.own_source(system)
    record = {
        "system": str(own.resolve()) if own else name,
        "preset": preset,
        "config": settings.to_json(config),
        "data": str(Path(data).resolve()) if Path(data).exists() else data,
        "from": from_,
        "parts": part or [],
        "seed": seed,
        "precision": precision,
        "skip_bad": skip_bad,
        "image_column": image_column,
        "text_column": text_column,
        "grid_every": grid_every,
        "save_every": save_every,
        "tensorboard": tensorboard or "tensorboard" in (log_with or []),
    } | _trackers(log_with or [])
    _begin(record, run, f"{name}-{preset}", go_on, as_json)


def _check(seed: int, go_on: bool, run: Path | None) -> None:
    """Refuse a seed that is none, and to go on with no run."""
    if not 0 <= seed < 2**63:
        raise UserError(f"the seed is a whole number from 0, below 2^63, not {seed}")
    if go_on and run is None:
        raise UserError("--continue goes on with a run: name it with --run")


def _trackers(asked: list[str]) -> dict[str, list[str]]:
    """Return what run.json says of trackers beside TensorBoard; nothing where there are none, as in older runs.

    Raises:
        UserError: one is unknown, or its library is not installed.
    """
    import importlib.util

    from limner import settings

    for name in asked:
        if name not in TRACKERS:
            raise UserError(f"--log-with {name}: {settings.hint(name, TRACKERS)}")
        if importlib.util.find_spec(name) is None:
            raise UserError(f"--log-with {name} needs the package {name}: pip install {name}")
    others = [name for name in dict.fromkeys(asked) if name != "tensorboard"]
    return {"log_with": others} if others else {}


def _parted(system: str, preset: str | None, changes: list[str]) -> tuple[str, str | None, list[str]]:
    """Understand SYSTEM:PRESET:name=value, as `limner bench` does; what stands in options of its own goes before."""
    from limner import catalogue

    name, named, given = catalogue.parted(system)
    if named and preset and named != preset:
        raise UserError(f"{system} names the preset {named!r}, and --preset {preset!r}: leave one of them out")
    return name, preset or named or None, [f"{key}={value}" for key, value in given.items()] + changes


def _configured(system: str, preset: str | None, changes: list[str], images: int | None) -> tuple[str, str, Any]:
    """Return the name of a system, the preset it begins from, and the configuration that was asked for."""
    from limner import catalogue, settings

    cls = catalogue.load_class(system)
    name, chosen = catalogue.name_of(cls), catalogue.preset_of(cls, preset)
    values = settings.pairs(changes) | ({} if images is None else {"images": str(images)})
    config = catalogue.configure(cls, chosen, values)
    if preset is None and leads():
        note(f"preset {chosen}, the default of {name} (limner show {system} lists all)")
    return name, chosen, config


def _begin(record: dict[str, Any], run: Path | None, stem: str, go_on: bool, as_json: bool) -> None:
    """Train from the start, in the folder `run` or a new one, or go on with the run that is there."""
    from limner.processes import Processes
    from limner.training.run_folder import RunFolder

    ranks = Processes()
    path = ranks.lead(lambda: run or _free(Path("runs"), stem))
    if ranks.lead(lambda: begun(path, record, go_on)):
        _go_on(path, ranks, as_json, or_begin=True)
        return
    parts = opened(ranks, record)  # before the folder is made: a mistake in the data leaves nothing behind
    folder = ranks.lead(lambda: RunFolder.create(path, **record, fingerprint=parts["data"].fingerprint))
    try:
        trainer = ranks.in_turn(lambda: trainer_of(parts, folder))
    except UserError:
        ranks.lead(lambda: forget(path))
        raise
    if ranks.leads:  # once all is sound: a mistake is one line
        for line in parts["data"].summary().lines():
            note(f"data: {line}")
    _fit(trainer, trainer.fit, as_json)


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run that was stopped or killed.")],
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Go on with a training exactly where it was, as if it had never stopped.

    limner resume runs/mine
    """
    from limner.devices import choose
    from limner.processes import Processes

    choose(device)
    _go_on(run, Processes(), as_json, or_begin=False)


def _go_on(path: Path, ranks: Processes, as_json: bool, or_begin: bool) -> None:
    from limner.training.run_folder import RunFolder

    folder = ranks.lead(lambda: RunFolder.open(path))
    parts = opened(ranks, folder.record)
    if parts["data"].fingerprint != folder.record.get("fingerprint"):
        raise UserError(f"{folder.record['data']} has changed since the run began: put it back, or train anew")
    trainer = ranks.in_turn(lambda: trainer_of(parts, folder))
    killed_early = or_begin and ranks.lead(folder.newest) is None
    _fit(trainer, trainer.fit if killed_early else trainer.resume, as_json)


def _fit(trainer: Trainer, train: Callable[[], None], as_json: bool) -> None:
    if trainer.engine.leads:
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


def _free(folder: Path, stem: str) -> Path:
    from limner.files import free

    return free(folder, stem, "")
