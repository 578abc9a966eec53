"""`limner reword`, what one changed word does to a picture, and what a picture shows, in words or by name.

`limner caption` and `limner attributes` look at pictures that exist; `limner reword` draws.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import Device, Json, emit, loaded, notes
from limner.cli.draw import DEFAULT, Knobs, Name, Show
from limner.cli.places import kind_of, place_of, slug
from limner.errors import UserError
from limner.files import free


def reword(
    prompt: Annotated[str, typer.Argument(help="The sentence to begin with.")],
    swaps: Annotated[list[str], typer.Argument(metavar="WORD=OTHER,...", help="What to put in a word's place.")],
    artist: Name = DEFAULT,
    n: Annotated[int, typer.Option("-n", help="Rows, each with a seed of its own.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Same seed, same pictures; by chance without it.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the sheet, or a file ending in .png.")] = Path(
        "drawings"
    ),
    knob: Knobs = None,
    device: Device = "auto",
    show: Show = True,
    as_json: Json = False,
) -> None:
    """Draw a sentence, and again with one word or phrase changed, all with the same seed.

    limner reword "a woman with red hair" red=blue,green,black

    limner reword "a man with a red hat" red=blue "a red hat"="a beard" man=woman -n 3 --seed 7
    """
    from limner import settings
    from limner.cli import picture
    from limner.drawing import recipe
    from limner.drawing.reword import reword as reword_caption
    from limner.drawing.reword import wordings

    kind_of(out)
    wanted = _swaps(swaps)
    columns = len(wordings(prompt, wanted))
    knobs = settings.pairs(knob or [], "--knob")
    with notes():
        page = reword_caption(loaded(artist, device, n * columns), prompt, wanted, n, seed, knobs=knobs)
    signed = json.loads(page.info[recipe.KEY])
    folder, stem = place_of(out, f"{slug(prompt)}-reworded-{signed['seed']}")
    path = recipe.write(page, free(folder, stem))
    result = {"file": str(path), "captions": signed["captions"], "seeds": [signed["seed"] + row for row in range(n)]}
    emit(result | {"width": page.width, "height": page.height}, as_json, str(path))
    if show and not as_json:
        picture.show(page)


def _swaps(given: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in given:
        old, _, new = one.partition("=")
        others = [other.strip() for other in new.split(",") if other.strip()]
        if not old.strip() or not others:
            quotes = ", and put quotes around the sentence" if len(given) > 2 else ""
            raise UserError(f"{one!r}: write what to change as WORD=OTHER or WORD=OTHER,OTHER{quotes}")
        found.setdefault(old.strip(), []).extend(others)
    return found


def caption(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Pictures of any size.")],
    artist: Name,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Say in words what pictures show, by an artist that has learnt to: one with a captioner.

    limner caption photo.jpg --artist runs/mirror

    limner caption drawings/*.png --artist runs/mirror --json

    The middle square of each picture is looked at.
    """
    from limner.drawing.describe import describe

    captions = describe(loaded(artist, device, len(images)), images)
    for image, text in zip(images, captions, strict=True):
        emit({"file": image, "caption": text}, as_json, text if len(images) == 1 else f"{image}: {text}")


def attributes(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Pictures of any size.")],
    artist: Name,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Name the attributes of pictures, by an artist that has learnt to: what it says can be drawn again and changed.

    limner attributes photo.jpg --artist runs/layers

    limner draw "$(limner attributes photo.jpg --artist runs/layers)" --artist runs/layers --style photo.jpg

    The middle square of each picture is looked at.
    """
    from limner.drawing.describe import attributes_of

    for image, named in zip(images, attributes_of(loaded(artist, device, len(images)), images), strict=True):
        text = ", ".join(f"{name}: {value}" for name, value in named.items())
        emit({"file": image, "attributes": named}, as_json, text if len(images) == 1 else f"{image}: {text}")
