"""`limner morph` and `limner walk`: strips and films of what lies between two prompts, or between two seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import Device, Json, emit, loaded, notes
from limner.cli.draw import DEFAULT, Knobs, Name, Show, Size
from limner.cli.places import kind_of, slug
from limner.files import free

if TYPE_CHECKING:
    from PIL.Image import Image

    from limner.drawing.artist import Artist
    from limner.drawing.interpolation import Rows

FORMS = (".png", ".gif")
SHOWN = 64
"""Single pictures that are shown in a terminal, the first of them."""
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="strip.png, film.gif, or a folder for the single pictures.", show_default=False),
]


def morph(
    first: Annotated[str, typer.Argument(help="The prompt to begin with.")],
    second: Annotated[str, typer.Argument(help="The prompt to end with.")],
    artist: Name = DEFAULT,
    frames: Annotated[int, typer.Option(help="Pictures, both ends included.")] = 8,
    seed: Annotated[int, typer.Option(help="Same seed, same pictures.")] = 0,
    out: Out = None,
    knob: Knobs = None,
    size: Size = None,
    device: Device = "auto",
    show: Show = True,
    as_json: Json = False,
) -> None:
    """Draw the way from one prompt to another.

    limner morph "a man with short black hair" "a woman with long blond hair" -o morph.gif
    """
    from limner import settings
    from limner.drawing.interpolation import morph_of

    _check(out)
    knobs = settings.pairs(knob or [], "--knob")
    out = out or free(Path("drawings"), f"{slug(first)}-to-{slug(second)}-{seed}")
    with notes():
        drawer = loaded(artist, device, frames).at(size)
        rows = morph_of(drawer, first, second, frames, seed)
        _keep(drawer, rows, knobs, out, {"prompt": first, "to": second, "seed": seed}, show, as_json)


def walk(
    prompt: Annotated[str | None, typer.Argument(help="What to draw all along the way.", show_default=False)] = None,
    artist: Name = DEFAULT,
    seeds: Annotated[str, typer.Option(help="Two or more seeds, with commas between.")] = "0,1",
    frames: Annotated[int, typer.Option(help="Pictures from each seed to the next.")] = 8,
    out: Out = None,
    knob: Knobs = None,
    size: Size = None,
    device: Device = "auto",
    show: Show = True,
    as_json: Json = False,
) -> None:
    """Draw one prompt while chance moves from seed to seed.

    limner walk "a woman with a blue hat" --seeds 3,14,15 --frames 12 -o walk.gif
    """
    from limner import settings
    from limner.drawing.interpolation import walk_of
    from limner.errors import UserError

    _check(out)
    try:
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError:
        raise UserError(f"--seeds {seeds!r}: write whole numbers with commas between, like 3,14,15") from None
    knobs = settings.pairs(knob or [], "--knob")
    out = out or free(Path("drawings"), f"walk-{slug(prompt or '')}")
    with notes():
        drawer = loaded(artist, device, frames * len(numbers)).at(size)
        rows = walk_of(drawer, prompt, numbers, frames)
        _keep(drawer, rows, knobs, out, {"prompt": prompt or "", "seeds": numbers}, show, as_json)


def _check(out: Path | None) -> None:
    if out is not None:
        kind_of(out, FORMS)


def _keep(
    drawer: Artist, rows: Rows, knobs: Mapping[str, Any], out: Path, result: dict[str, Any], show: bool, as_json: bool
) -> None:
    """Draw a strip (.png), a film (.gif) or single pictures (a folder), and report what was made.

    Single pictures are written as they are drawn, so there may be any number of them; others are in memory together.
    """
    from limner.cli import picture
    from limner.drawing import held, recipe
    from limner.imaging import sheets

    kind = kind_of(out, FORMS)
    out, together = free(out.parent, out.stem, kind) if kind else out, bool(kind)
    drawn = drawer.rows(held.check(rows, drawer.size) if together else rows, knobs=knobs)
    images: list[Image] = []
    milliseconds, width, height = 0.0, 0, 0
    for i, image in enumerate(drawn):
        if not together:
            recipe.write(image, free(out, f"{i:04d}"))
        if together or i < SHOWN:
            images.append(image)
        milliseconds, (width, height) = milliseconds + image.info["milliseconds"] / len(rows), image.size
    strip = sheets.sheet(images, len(images))
    if kind == ".gif":
        sheets.film(images, out)
    elif kind == ".png":
        recipe.write(strip, out)
    size = {"frames": len(rows), "width": width, "height": height}
    emit({"file": str(out), **result, **size, "milliseconds": round(milliseconds, 2)}, as_json, str(out))
    if show and not as_json:
        picture.show(strip)
