"""`limner story`: a picture for every line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import Device, Json, emit, loaded, note, notes
from limner.cli.draw import Knobs, Show, Size
from limner.cli.places import check_quotes, kind_of, slug
from limner.errors import UserError
from limner.files import free

if TYPE_CHECKING:
    from limner.drawing.artist import Artist
    from limner.drawing.story import Strip

DEFAULT = "clevr-stories"
SUFFIXES = (".png", ".gif", ".html")
Name = Annotated[
    str, typer.Option("--artist", "-a", help="Who draws: a bundled name, a checkpoint or run folder, or a Hub id.")
]


def story(
    lines: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE | LINE...",
            help="A text file, a line a picture; or the lines; or - for stdin. Required without --from.",
        ),
    ] = None,
    artist: Name = DEFAULT,
    n: Annotated[int, typer.Option("-n", help="Tellings, each with a seed of its own.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Same seed, same pictures; by chance without it.")] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the strips, or a file ending in .png, .gif or .html.")
    ] = Path("drawings"),
    gif: Annotated[bool, typer.Option("--gif", help="Also a film, picture after picture.")] = False,
    page: Annotated[bool, typer.Option("--html", help="Also a page to read, all in one file.")] = False,
    earlier: Annotated[
        Path | None, typer.Option("--from", help="Tell the story of this strip again; give new lines, or --change.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option(help="With --from: put a line otherwise, NUMBER=TEXT; may be repeated.")
    ] = None,
    knob: Knobs = None,
    size: Size = None,
    device: Device = "auto",
    show: Show = True,
    as_json: Json = False,
) -> None:
    """Draw a story, a picture for every line.

    limner story "a large red metal cube, left at the back" "a small blue rubber sphere, centre in front"

    limner story tale.txt --seed 7 --html

    limner story tale.txt -o tale.gif --artist runs/mine

    limner story --from drawings/a-large-red-7.png --change 2="a small green rubber sphere, centre in front"

    In a file, blank lines and lines that begin with # are passed over. A strip holds its recipe: --from tells the story
    again, and all pictures before the first changed line stay as they were.
    """
    from limner import settings
    from limner.drawing.seeds import check_seed

    suffix = kind_of(out, SUFFIXES)
    with notes():
        if earlier is not None:
            if seed is not None or n != 1 or knob:
                raise UserError("--from keeps seed and knobs: leave --seed, -n and --knob out")
            keep(_again(earlier, artist, lines, change or [], device, size), out, suffix, gif, page, show, as_json)
            return
        if change:
            raise UserError("--change goes with --from STRIP.png")
        if n < 1:
            raise UserError(f"-n, the number of tellings, must be 1 or more, not {n}")
        if seed is not None:
            check_seed(check_seed(seed) + n - 1)
        check_quotes("story", lines or [], "write lines of one word into a file, one a line")
        given = read(lines or [])
        drawer, knobs = loaded(artist, device, len(given)).at(size), settings.pairs(knob or [], "--knob")
        for place in range(n):
            strip = drawer.story(given, None if seed is None else seed + place, knobs=knobs)
            keep(strip, out, suffix, gif, page, show, as_json)


def read(given: Sequence[str]) -> list[str]:
    """Return the lines of a story: of a file, of stdin for "-", or as given.

    Raises:
        UserError: the file is missing, or no text.
    """
    if len(given) != 1:
        return [line for line in given if line.strip()]
    (text,) = given
    if text == "-":
        return _lines(sys.stdin.buffer.read(), "what came by stdin")
    if not _names_a_file(text):
        return _lines(os.fsencode(text), repr(text[:40]))
    try:
        return _lines(Path(text).read_bytes(), text)
    except OSError as error:
        raise UserError(f"cannot read the story {text}: {error.strerror}") from None


def _names_a_file(text: str) -> bool:
    if "\n" not in text and ("/" in text or text.lower().endswith((".txt", ".md"))):
        return True
    try:
        return Path(text).is_file()
    except OSError:  # a sentence too long for a name
        return False


def _lines(raw: bytes, what: str) -> list[str]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{what} is no text: a story is text in UTF-8, a line for each picture")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _again(
    path: Path, artist: str, given: list[str] | None, changes: list[str], device: str, size: int | None
) -> Strip:
    from limner.drawing.recipe import read as read_recipe
    from limner.drawing.story import changed, story_of, tell

    recipe = read_recipe(path)
    story = story_of(recipe)
    lines = tuple(read(given)) if given else story.lines
    for one in changes:
        number, _, text = one.partition("=")
        if not number.strip().isdigit() or not text.strip():
            raise UserError(f"--change {one!r}: write it as NUMBER=TEXT")
        lines = changed(lines, int(number), text.strip())
    by_recipe = artist == DEFAULT
    drawer: Artist = loaded(recipe["artist"] if by_recipe else artist, device, len(lines), hub_ids=not by_recipe)
    if drawer.sha256 != recipe.get("checkpoint"):
        note(f"note: {drawer.name} is not the checkpoint that drew {path}; its pictures will differ")
    setting = story.setting or (story.lines if lines != story.lines else ())
    drawer = drawer.as_in(recipe) if size is None else drawer.at(size)
    return tell(drawer, type(story)(lines, setting), recipe["seed"], recipe.get("knobs"))


def keep(strip: Strip, out: Path, suffix: str, gif: bool, page: bool, show: bool, as_json: bool) -> None:
    """Save a strip in every form that is asked for, report it, and show it where that can be done."""
    from limner.cli import picture
    from limner.drawing import recipe

    stem = f"{slug(' '.join(strip.lines))}-{strip.recipe['seed']}"
    folder, name = (out.parent, out.stem) if suffix else (out, stem)
    wanted = [suffix or ".png", *[".gif"] * gif, *[".html"] * page]
    files = []
    for kind in dict.fromkeys(wanted):
        path = out if kind == suffix and not out.exists() else free(folder, name, kind)
        whole = {".png": lambda path: recipe.write(strip.image(), path), ".gif": strip.gif, ".html": strip.html}
        files.append(str(whole[kind](path)))
    result = {"files": files, "lines": list(strip.lines), "seed": strip.recipe["seed"]}
    emit(result, as_json, "\n".join(files))
    if show and not as_json:
        picture.show(strip.image(captions=False))
