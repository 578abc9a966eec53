"""`limner layout`: layouts drawn, shown, edited and passed on, between what places things and what paints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli import piped
from limner.cli.commands import Command
from limner.cli.console import Device, Json, emit, loaded, notes
from limner.cli.draw import Knobs, Show
from limner.cli.places import kind_of
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.drawing.layouts import Placed
    from limner.requests import Layout

app = typer.Typer(
    help="Draw, show, edit and pass on layouts: labelled boxes, shapes, key points.", no_args_is_help=True
)
Source = Annotated[
    str,
    typer.Argument(
        metavar="LAYOUT",
        help="A file of layouts, a drawn PNG, `-` for standard input, or boxes such as 'cup .1 .2 .3 .4'.",
    ),
]
Edits = list[str] | None
AsText = Annotated[bool, typer.Option("--text", help="Print it as one types it, not as JSON; without shapes.")]


@app.command(cls=Command)
def draw(
    artist: Annotated[str, typer.Option("--artist", "-a", help="Who places: an artist that answers with a layout.")],
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT...", help="Labels, such as '2 cups, table'.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="Boxes to go on from, as LAYOUT of `edit`.")] = None,
    caption: Annotated[str | None, typer.Option(help="What a picture of it shows, for those who paint it.")] = None,
    n: Annotated[int, typer.Option("-n", help="Layouts of each prompt.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Same seed, same layouts; by chance without it.")] = None,
    knob: Knobs = None,
    text: AsText = False,
    device: Device = "auto",
) -> None:
    """Draw layouts and print them, a line each, for `limner layout edit`, `limner draw --layout` and the API.

    limner layout draw "2 cups, table, lamp" --artist runs/places --seed 7 > layout.jsonl

    limner layout draw "tree, house" -a runs/places | limner draw "a house" --layout - -a runs/painter

    The seed goes along, so that what is drawn after an edit is drawn with the same chance.
    """
    from limner import settings
    from limner.drawing.layouts import placed_in, rows

    with notes():
        drawer = loaded(artist, device, n)
        if "layout" not in drawer.system.gives:
            raise UserError(f"{artist} places nothing: it gives {' and '.join(sorted(drawer.system.gives))}")
        if layout is not None and prompts:
            raise UserError("--layout says what to go on from: leave the prompt out, or write both as one layout")
        planned = drawer.plan(prompts, n, seed) if layout is None else rows(drawer, piped.read(layout), n, seed)
        for image in drawer.rows(planned, knobs=settings.pairs(knob or [], "--knob")):
            placed = placed_in(image)
            says = placed.layout.caption if "images" in drawer.system.gives else ""  # else it named what to add
            _print(placed._replace(layout=_captioned(placed.layout, says if caption is None else caption)), text)


@app.command(cls=Command)
def edit(
    layout: Source = "-",
    move: Annotated[Edits, typer.Option(help="'2 .1 0': box 2, or a point by its name, so far right and down.")] = None,
    place: Annotated[Edits, typer.Option(help="'2 .1 .2 .3 .4': put box 2 there; 'nose .5 .3': a point.")] = None,
    resize: Annotated[Edits, typer.Option(help="'2 .3 .4': make box 2 so wide and high; its middle stays.")] = None,
    relabel: Annotated[Edits, typer.Option(help="'2 house': box 2 is a house; its shape goes.")] = None,
    add: Annotated[Edits, typer.Option(help="'tree .1 .2 .3 .4': one more box; 'nose .5 .3': a point.")] = None,
    delete: Annotated[Edits, typer.Option(help="2, or nose: take a box or a point away.")] = None,
    caption: Annotated[str | None, typer.Option(help="What a picture of it shows.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draw it with another seed.")] = None,
    text: AsText = False,
) -> None:
    """Change layouts and print them; what is not named stays. Each option may be repeated, its words in one quote.

    limner layout edit layout.jsonl --move '2 .1 0' --delete 3 --add 'tree .6 .1 .3 .5'

    limner layout edit drawings/a-house-7.png --relabel '1 barn' | limner draw --layout - --artist runs/painter

    Boxes are counted from 1 as `limner layout show` does, in the layout as it was read, whatever else is done.
    """
    from limner.drawing.layouts import OPEN
    from limner.drawing.seeds import check_seed

    for placed in piped.read(layout):
        found = placed.layout
        for option, given, change in (
            ("--place", place, _placed), ("--move", move, _moved), ("--resize", resize, _resized),
            ("--relabel", relabel, _relabelled), ("--add", add, _added),
        ):  # fmt: skip
            for one in given or ():
                found = _changed(option, one, found, change)
        found = _without(found, delete or (), len(placed.layout.boxes))
        if caption is not None:
            found = _captioned(found, caption)
        found.check(OPEN)
        if seed is not None:
            check_seed(seed)
        _print(placed._replace(layout=found, seed=placed.seed if seed is None else seed), text)


@app.command(cls=Command)
def show(
    layout: Source = "-",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write it as this PNG, labelled boxes.")] = None,
    show: Show = True,
    as_json: Json = False,
) -> None:
    """Show layouts: their boxes and points with their numbers and, where a terminal can, as a picture.

    limner layout show drawings/a-house-7.png

    limner layout draw "2 cups, table" --artist runs/places | limner layout show - -o layout.png
    """
    from limner.cli import picture
    from limner.drawing import recipe
    from limner.drawing.layouts import to_line
    from limner.imaging.answers import boxes_drawn
    from limner.imaging.sheets import sheet

    if out is not None and not kind_of(out):
        raise UserError(f"{out}: name a file to write the picture into, such as layout.png")
    found = piped.read(layout)
    drawn = [boxes_drawn(one.boxes, points=one.points, masks=one.masks) for one, _ in found]
    page = drawn[0] if len(drawn) == 1 else sheet(drawn, min(len(drawn), 8))
    if out is not None:
        recipe.write(page, out)
    for one in found:
        emit(json.loads(to_line(one)), as_json, _table(one.layout))
    if show and not as_json:
        picture.show(page)


@app.command(cls=Command)
def coco(
    files: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Drawn PNGs that hold a layout.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("annotations.json"),
) -> None:
    """Write the annotation of drawn pictures as COCO does: boxes, shapes and key points, in one JSON file.

    limner layout coco drawings/*.png -o drawings/annotations.json
    """
    from limner.drawing.coco import annotated
    from limner.drawing.layouts import layout_of
    from limner.files import make_folder, write_file
    from limner.pictures import size_of

    if not kind_of(out, (".json",)):
        raise UserError(f"{out}: name a file to write the annotations into, such as annotations.json")
    if out.exists():
        raise UserError(f"{out} exists: nothing is overwritten, so name another file")
    found = annotated((file.name, size_of(file), layout_of(file)) for file in files)
    make_folder(out.parent)
    write_file(out, json.dumps(found).encode())
    emit({"file": str(out)}, False, f"{out}: {len(found['images'])} pictures, {len(found['annotations'])} annotations")


def _print(placed: Placed, text: bool) -> None:
    from limner.drawing.layouts import to_line, to_text

    print(to_text(placed.layout) if text else to_line(placed), flush=True)


def _captioned(layout: Layout, caption: str) -> Layout:
    from dataclasses import replace

    return replace(layout, caption=caption)


def _table(layout: Layout) -> str:
    """Return boxes with their numbers, and points, in columns."""
    wide = max((len(name) for some in (layout.boxes, layout.points) for name, *_ in some), default=0)
    masks = [*layout.masks, *[""] * len(layout.boxes)]
    lines = [
        f"{at:3}  {label:{wide}}  {_numbers(box)}{'  with its shape' if masks[at - 1] else ''}"
        for at, (label, *box) in enumerate(layout.boxes, start=1)
    ]
    lines += [f"     {name:{wide}}  {_numbers(place)}" for name, *place in layout.points]
    return "\n".join([*filter(None, [layout.caption]), *lines])


def _numbers(some: list[float]) -> str:
    return " ".join(f"{one:.3f}" for one in some)


# The edits: each takes a layout, and what was written; a target is a box, counted from 0, or the name of a point.

Target = int | str


def _changed(option: str, text: str, layout: Layout, change: Callable[[Layout, str], Layout]) -> Layout:
    try:
        return change(layout, text)
    except UserError as error:
        raise UserError(f"{option} {text[:80]!r}: {error}") from None


def _target(text: str) -> Target:
    """Return the box that a text names, from 0, or the name of a point."""
    return int(text) - 1 if re.fullmatch(r"\d{1,9}", text) else text


def _split(text: str, *counts: int) -> tuple[Target, list[float]]:
    """Return what is changed, and one of so many numbers."""
    words = text.replace(",", " ").split()
    numbers: list[float] = []
    while words and len(numbers) < max(counts) and len(words) > 1:
        try:
            numbers.insert(0, float(words[-1]))
        except ValueError:
            break
        words.pop()
    if len(numbers) not in counts or not words:
        some, like = " or ".join(map(str, counts)), " ".join(["2", *[".1"] * counts[0]])
        raise UserError(f"write the number of the box and {some} numbers in one quote, like '{like}'")
    return _target(" ".join(words)), numbers


def _moved(layout: Layout, text: str) -> Layout:
    what, (right, down) = _split(text, 2)
    return layout.moved(what, right, down) if isinstance(what, int) else layout.moved_point(what, right, down)


def _placed(layout: Layout, text: str) -> Layout:
    what, numbers = _split(text, 4, 2)
    if isinstance(what, int) and len(numbers) == 4:
        return layout.placed(what, *numbers)
    if isinstance(what, str) and len(numbers) == 2:
        return layout.moved_point(what, 0, 0).with_point(what, *numbers)
    raise UserError("a box takes x, y, width and height, and a point x and y")


def _resized(layout: Layout, text: str) -> Layout:
    what, (width, height) = _split(text, 2)
    if not isinstance(what, int):
        raise UserError("a point has no size: name a box by its number")
    return layout.resized(what, width, height)


def _relabelled(layout: Layout, text: str) -> Layout:
    number, _, label = text.strip().partition(" ")
    what = _target(number)
    if not isinstance(what, int) or not label.strip():
        raise UserError("write the number of the box and its new label in one quote, like '2 house'")
    return layout.relabelled(what, label.strip())


def _added(layout: Layout, text: str) -> Layout:
    from limner.drawing.layouts import OPEN
    from limner.requests import Layout as Kind

    more = Kind.parse(text, OPEN)
    for box in more.boxes:
        layout = layout.with_box(*box)
    for name, x, y in more.points:
        layout = layout.with_point(name, x, y)
    return layout


def _without(layout: Layout, targets: list[str] | tuple[str, ...], boxes: int) -> Layout:
    """Take boxes and points away; of boxes those that were there at first, so that numbers mean what they meant."""
    gone = list[int]()
    for text in targets:
        what = _target(text.strip())
        if isinstance(what, str):
            layout = layout.without_point(what)
        elif 0 <= what < boxes:
            gone.append(what)
        else:
            raise UserError(f"--delete {text[:80]}: there is no such box: the layout has {boxes}, counted from 1")
    return layout.without_boxes(gone)
