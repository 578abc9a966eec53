"""`limner export`: an artist that draws without Limner, in a program or in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import Json, bar, emit
from limner.errors import UserError


def export(
    artists: Annotated[list[str], typer.Argument(metavar="ARTIST...", help="Who draws there: a name or a folder.")],
    onnx: Annotated[
        Path | None, typer.Option("--onnx", metavar="FILE", help="Write one artist as one ONNX file, for programs.")
    ] = None,
    web: Annotated[
        Path | None, typer.Option("--web", metavar="FOLDER", help="Write a page that draws in any browser.")
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            help="Where onnxruntime-web lies already: the .tgz of `npm pack`, or a folder; else npm fetches it."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write in the place of an earlier export.")] = False,
    as_json: Json = False,
) -> None:
    """Make artists draw without Limner. Every export is checked: it draws what the artist draws, to 1 of 255.

    limner export avatars --onnx avatars.onnx

    limner export avatars faces clevr-stories --web public

    `--onnx` writes one file that onnxruntime runs, in any language. It is given the numbers of a text's words and
    noise from N(0, 1), and gives pictures as bytes; its metadata ("limner", JSON) holds the words and says the rest.
    docs/export.md has the ten lines of Python. The enlarger of an artist that carries one is written beside it.

    `--web` writes a folder that any static host can serve, from any path, with no program behind it: the studio's
    page, the artists, and onnxruntime-web, which npm fetches once. To look at it: python -m http.server -d public
    """
    if (onnx is None) == (web is None):
        raise UserError("say what to write: --onnx FILE for programs, or --web FOLDER for browsers")
    if onnx is not None and len(artists) != 1:
        raise UserError(f"an ONNX file holds one artist, not {len(artists)}: export them one by one")
    from limner.drawing.artist import load

    found = [load(name, device="cpu") for name in artists]
    with bar("exporting") as progress:
        if onnx is not None:
            from limner.export import single_file

            beside = [single_file.enlarger_beside(onnx)] if found[0].enlarger else []
            for path in (onnx, *beside):
                _check_file(path, force)
            worst = {found[0].name: single_file.write(found[0], onnx)}
        else:
            from limner.export import web as pages

            assert web is not None
            worst = pages.write(found, web, given=runtime, force=force, progress=progress)
    place = onnx or web
    emit({"written": str(place), "difference": worst}, as_json, str(place))


def _check_file(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise UserError(f"{path} is there already: choose another name, or replace it with --force")
