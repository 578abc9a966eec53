"""`limner data`: build a world of pictures, check a data set."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
import time
from collections import Counter
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner import settings
from limner.cli import imports
from limner.cli.commands import Command, Group
from limner.cli.console import ImageColumn, Json, TextColumn, bar, emit
from limner.errors import UserError

if TYPE_CHECKING:
    from rich.text import Text

    from limner.data.problems import Problem
    from limner.data.summary import Summary

app = typer.Typer(help="Build, import and check data sets.", no_args_is_help=True)
app.add_typer(imports.app, name="import", cls=Group)


@app.command(cls=Command)
def build(
    world: Annotated[str, typer.Argument(help="The world to build, for example avatars.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder to build in, or an address such as s3://bucket/set.")],
    images: Annotated[int, typer.Option(help="Number of pictures.")] = 10_000,
    size: Annotated[int, typer.Option(help="Side of the pictures in pixels.")] = 64,
    seed: Annotated[int, typer.Option(help="Same seed, same pictures.")] = 0,
    part_masks: Annotated[
        bool,
        typer.Option(
            "--part-masks", help="Of avatars and characters: also a mask of each part, beside the foreground's."
        ),
    ] = False,
    languages: Annotated[
        str, typer.Option(help="Of characters: languages of captions, such as en,zh,ru; English by default.")
    ] = "",
    workers: Annotated[int | None, typer.Option(help="Processes; every core by default.")] = None,
    shard: Annotated[
        str | None, typer.Option(help="Of many machines: the part of this one, such as 3/16.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw a data set of captioned pictures. A build that was stopped goes on where it was.

    limner data build avatars --images 20000 -o data/avatars

    limner data build avatars --images 5000000 --shard 3/16 -o s3://bucket/avatars

    Sixteen machines that build 1/16 to 16/16 make together what one makes, byte for byte.
    """
    from limner.worlds.build import WHOLE, Part

    module = world_named(world)
    options: dict[str, Any] = {"part_masks": True} if part_masks else {}
    if part_masks and not getattr(module, "PART_MASKS", False):
        raise UserError(f"--part-masks is for avatars: the world {world} is built the same way always, leave it out")
    if languages:
        if not getattr(module, "LANGUAGES", ()):
            raise UserError(f"--languages is for characters: captions of {world} are English, leave it out")
        options["languages"] = tuple(one.strip() for one in languages.split(","))
    began = time.perf_counter()
    with bar(f"building {world}") as progress:
        part = WHOLE if shard is None else Part.parse(shard)
        folder = module.build(
            out, images=images, size=size, seed=seed, workers=workers, part=part, progress=progress, **options
        )
    result = {"folder": str(folder), "world": world, "images": images, "size": size, "seed": seed}
    result |= {"shard": shard} if shard else {}
    result["seconds"] = round(time.perf_counter() - began, 3)
    built = f"{images} pictures of {size} x {size} pixels"
    emit(result, as_json, f"the shard {shard} of {built} lies in {folder}" if shard else f"{built} lie in {folder}")


@app.command(cls=Command)
def check(
    data: Annotated[str, typer.Argument(help="A folder, a .parquet or .arrow file, or a Hub id.")],
    image_column: ImageColumn = None,
    text_column: TextColumn = None,
    as_json: Json = False,
) -> None:
    """Say what a data set holds, what of it is not read, and all that is wrong with it.

    Exits with 1 where there is something to put right.
    """
    from limner.data.check import examine
    from limner.data.choose import Choice

    with bar("checking") as progress:
        choice = Choice(image_column, tuple(text_column or ()))
        problems, summary = examine(data, choice=choice, progress=progress)
    errors = sum(problem.is_error for problem in problems)
    if as_json:
        for problem in problems:
            print(json.dumps(dataclasses.asdict(problem) | {"error": problem.is_error}))
        about = {"file": data, "line": 0, "kind": "summary", "message": "; ".join(summary.lines()), "error": False}
        print(json.dumps(about | {"summary": summary.to_json()}))
    else:
        _show(problems, errors, data, summary)
    if errors:
        raise typer.Exit(1)


def _show(problems: list[Problem], errors: int, data: str, summary: Summary) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if problems:
        table = Table("where", "kind", "problem", box=None)
        for one in problems:
            place = f"{one.file}:{one.line}" if one.line else one.file
            table.add_row(_printable(place), Text(one.kind), _printable(one.message))
        console.print(table)
    for line in summary.lines():
        console.print(_printable(line), soft_wrap=True)
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(problem.kind for problem in problems).most_common())
    notes = len(problems) - errors
    verdict = f"{errors} to put right, {notes} to note: {kinds}" if problems else "nothing is wrong"
    console.print(Text(f"{data}: {verdict}"), soft_wrap=True)


def _printable(text: str) -> Text:
    from rich.text import Text

    return Text(text.encode("utf-8", "replace").decode(), overflow="fold")


def worlds() -> list[str]:
    """Return the names of all worlds: the modules of `limner.worlds` that can build."""
    names = (found.name for found in pkgutil.iter_modules(_package().__path__))
    return [name for name in names if _builds(name)]


def _package() -> ModuleType:
    return importlib.import_module("limner.worlds")


def _builds(name: str) -> bool:
    return callable(getattr(importlib.import_module(f"limner.worlds.{name}"), "build", None))


def world_named(name: str) -> ModuleType:
    """Return the module of a world.

    Raises:
        UserError: there is none of this name (with the nearest).
    """
    known = {found.name for found in pkgutil.iter_modules(_package().__path__)}
    if name in known and _builds(name):
        return importlib.import_module(f"limner.worlds.{name}")
    raise UserError(f"unknown world {name!r}: {settings.hint(name, worlds())}")
