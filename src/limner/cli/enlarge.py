"""`limner enlarge`: teach an artist to draw larger pictures than its system does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import Device, Json, bar, emit, note
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.enlarging.enlarger import Config

WORLD_PICTURES = 3_000
"""Of a world, where none are built yet."""


def enlarge(
    artist: Annotated[
        str, typer.Argument(help="Whose pictures: a bundled name, a checkpoint or run folder, a Hub id.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the artist with its enlarger.")],
    data: Annotated[
        str | None, typer.Option(help="A data set whose originals are as large as the pictures are to be.")
    ] = None,
    world: Annotated[str | None, typer.Option(help="Or a world, of which 3,000 pictures are built.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Or take the enlarger of this artist, of pictures of the same size.")
    ] = None,
    factor: Annotated[int, typer.Option(help="How many times as large, a power of two.")] = 4,
    images: Annotated[int | None, typer.Option(help="Patches it is shown.", show_default="the preset's")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting, name=value; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="All randomness follows from it.")] = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Teach an artist to draw larger pictures: a small net learns from large originals how to enlarge.

    limner enlarge avatars --world avatars -o artists/avatars

    limner enlarge runs/birds --data birds --factor 2 -o artists/birds

    limner enlarge runs/new --from artists/avatars -o artists/new

    limner draw "a smiling woman with curly red hair" --artist artists/avatars --size 256

    What the artist draws without --size stays the same. A training that was stopped goes on when the same command is
    given again.
    """
    from limner import checkpoint
    from limner.devices import choose
    from limner.drawing.resolve import find
    from limner.enlarging import publish

    choose(device)
    if sum(given is not None for given in (data, world, from_)) != 1:
        raise UserError("say what it learns from: --data, --world, or --from an artist that has an enlarger already")
    source = find(artist)
    system = checkpoint.open(source)
    size = publish.check(system, artist, factor)
    if out.exists() and not (out.is_dir() and out.resolve() == source.resolve()):
        raise UserError(f"{out} exists: choose another folder with -o")
    if from_ is not None:
        trained = publish.give(source, find(from_), out, int(system.config.size))
    else:
        config = _config(size, factor, images, set_ or [])
        data = data or _built(world or "", size, out)
        with bar("reading pictures") as progress:
            trained = publish.train(source, data, out, config, seed, progress)
    about = checkpoint.read(out)["enlarger"]
    result = {"artist": str(out), "size": about["config"]["size"], "parameters": about["parameters"]}
    emit(result | {"trained": trained}, as_json, str(out))
    if "PSNR" in trained:
        note(f"held-out originals: {trained['PSNR']} dB; bilinear enlargement: {trained['PSNR, bilinear']} dB")


def _config(size: int, factor: int, images: int | None, changes: list[str]) -> Config:
    from limner import catalogue, settings

    own: dict[str, Any] = {"size": str(size), "factor": str(factor)}
    own |= {} if images is None else {"images": str(images)}
    cls = catalogue.load_class(catalogue.ENLARGER)
    config: Config = catalogue.configure(cls, "small", settings.pairs(changes) | own)
    return config


def _built(world: str, size: int, out: Path) -> str:
    """Build pictures of a world beside `out`, or go on with those that are there; return their folder."""
    from limner.cli.data import world_named

    module, folder = world_named(world), out.with_name(f"{world}-{size}")
    with bar(f"building {world}") as progress:
        module.build(folder, images=WORLD_PICTURES, size=size, seed=0, progress=progress)
    note(f"{WORLD_PICTURES:,} pictures of {size} pixels lie in {folder}")
    return str(folder)
