"""`limner draw`: pictures from prompts, or one again from its recipe."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.bulk import draw_file
from limner.cli.console import Device, Json, emit, loaded, note, notes
from limner.cli.places import check_quotes, kind_of, place_of, slug
from limner.errors import UserError
from limner.files import free

if TYPE_CHECKING:
    from PIL.Image import Image

    from limner.drawing.artist import Artist
    from limner.drawing.interpolation import Rows
    from limner.noise import Seed
    from limner.requests import Request

Name = Annotated[
    str, typer.Option("--artist", "-a", help="Who draws: a bundled name, a checkpoint or run folder, or a Hub id.")
]
Knobs = Annotated[list[str] | None, typer.Option("--knob", help="A setting of drawing, name=value; may be repeated.")]
Size = Annotated[
    int | None,
    typer.Option(help="Side in pixels: the artist's own, or what its enlarger makes of it.", show_default="its own"),
]
Show = Annotated[bool, typer.Option("--show/--no-show", help="Show pictures in a terminal that can.")]
Card = Annotated[bool, typer.Option("--card", help="Of an artist that answers in text: also a picture of the text.")]
DEFAULT = "avatars"

Prompts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROMPT...",
        help="What to draw, each in quotes; required without --again, --prompts, --start and --layout.",
        show_default=False,
    ),
]
Styles = Annotated[
    list[Path] | None,
    typer.Option(help="Draw in the style of this picture, not by chance; may be repeated.", show_default=False),
]
Start = Annotated[Path | None, typer.Option(help="Begin from this picture, where the artist can.", show_default=False)]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--keep", help="With --start: a mask of its size; white stays as it is, black is drawn.", show_default=False
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(
        help="Of an artist that climbs: whose captioner it climbs by, or judge:NAME for a judge's classes.",
        show_default=False,
    ),
]
Layouts = Annotated[
    str | None,
    typer.Option(
        help="Paint this layout: a file, a drawn PNG, `-` for standard input, or boxes; the prompt is its caption.",
        show_default=False,
    ),
]
Film = Annotated[bool, typer.Option("--film", help="Also a GIF of every draft, one after another.")]
Finish = Annotated[bool, typer.Option("--finish", help="With --again: draw a picture that Ctrl-C stopped to its end.")]
Attention = Annotated[bool, typer.Option("--attention", help="Also a sheet that shows where each word is looked at.")]
Many = Annotated[Path | None, typer.Option("--prompts", help="Draw every line of this .txt, .jsonl, .csv or .parquet.")]


def draw(
    prompts: Prompts = None,
    artist: Name = DEFAULT,
    n: Annotated[int, typer.Option("-n", help="Pictures of each prompt.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Same seed, same pictures; by chance without it.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures, or the file one.png.")] = Path(
        "drawings"
    ),
    again: Annotated[Path | None, typer.Option(help="Draw this picture again from the recipe it holds.")] = None,
    finish: Finish = False,
    many: Many = None,
    style: Styles = None,
    start: Start = None,
    mask: Mask = None,
    condition: Condition = None,
    layout: Layouts = None,
    drafts: Annotated[bool, typer.Option("--drafts", help="Also a sheet of every draft, beside the picture.")] = False,
    film: Film = False,
    attention: Attention = False,
    words: Annotated[int, typer.Option(help="With --attention: words on the sheet, those that stand out most.")] = 8,
    knob: Knobs = None,
    size: Size = None,
    batch: Annotated[int, typer.Option(help="Pictures drawn at once.")] = 16,
    card: Card = False,
    device: Device = "auto",
    show: Show = True,
    as_json: Json = False,
) -> None:
    """Draw pictures from sentences.

    limner draw "a smiling woman with curly red hair" -n 4 --seed 7

    limner draw "a bald man" "a girl with a hat" --artist runs/mine -o pictures

    limner draw --again drawings/a-bald-man-7.png

    limner draw --prompts captions.txt --seed 7 -o drawn

    limner draw "a red bird" "a blue bird" --style mine.jpg --style yours.png --artist runs/reed

    limner draw "a small red bird" --drafts --attention --artist runs/cascade

    limner draw "a smiling woman with curly red hair" --size 256

    limner draw "a red hat" --start face.png --keep mask.png --artist runs/climber --film

    limner layout edit drawings/a-house-7.png --move '2 .1 0' | limner draw --layout - --artist runs/painter

    limner draw "hair colour: red" --condition judge:avatars --artist runs/climber

    Ctrl-C keeps the last draft of a picture that takes long: --again draws it as far, with --finish to its end.

    Each PNG holds its recipe: who drew it, from which request, with which seed. An artist that answers in text prints
    it; one that answers in boxes draws them. Attributes are written `hair: red, hat: none`; labels `2 cups, table`; a
    dialogue `a bird. Q: what colour? A: red`; boxes `cup .1 .2 .3 .4; table 0 .5 1 .5` (x, y, width, height), and key
    points `a red cup; handle .3 .25` (x, y), both after a caption where that says what to draw.
    """
    from limner import settings
    from limner.drawing.stopping import Stop

    _check_together(again, many, prompts, style, start, mask, finish)
    check_quotes("draw", prompts or [], "write prompts of one word into a file, one a line (--prompts FILE)")
    kind_of(out, () if many is not None else (".png",))
    layouts = _layouts(layout, prompts, again or many or start or style)
    knobs: dict[str, Any] = settings.pairs(knob or [], "--knob")
    if many is not None:
        if again is not None or prompts or drafts or attention:
            raise UserError("--prompts draws what its file says: leave other prompts, --drafts and --attention out")
        return draw_file(
            many, artist, out, {"n": n, "seed": seed, "batch": batch, "knobs": knobs}, device, size, as_json
        )
    with notes():
        if again is not None:
            drawer, rows, knobs, after = _again(again, None if artist == DEFAULT else artist, device, size)
            stop = Stop(None if finish else after, keep=True)
        else:
            pictures = max(n, len(style or [])) * max(len(prompts or []), 1)
            drawer, stop = _conditioned(loaded(artist, device, pictures).at(size), condition), Stop(keep=True)
            asked = [drawer.start(start, one, keep=mask) for one in prompts or (None,)] if start else prompts
            rows = layouts(drawer, n, seed) if layouts else drawer.plan(asked, n, seed, style=style or None)
        how = {"batch": batch, "knobs": knobs, "stop": stop}
        with _kept():
            for image, sheets in _drawn(drawer, rows, how, drafts, words if attention else None, film):
                keep(image, out, sheets, card=card, show=show, as_json=as_json)


def _check_together(
    again: Path | None,
    many: Path | None,
    prompts: list[str] | None,
    style: list[Path] | None,
    start: Path | None,
    mask: Path | None,
    finish: bool,
) -> None:
    """Refuse options that mean nothing together."""
    if again is not None and prompts:
        raise UserError("--again repeats a picture as it was asked for: leave the prompt out")
    for option, given in (("--style", style), ("--start", start)):
        if given and (again is not None or many is not None):
            raise UserError(f"{option} goes with prompts: leave --again and --prompts out")
    if mask is not None and start is None:
        raise UserError("--keep says what of a picture stays: name the picture with --start")
    if finish and again is None:
        raise UserError("--finish goes on with a picture that was stopped: name it with --again")


def _layouts(
    source: str | None, prompts: list[str] | None, other: Path | list[Path] | None
) -> Callable[[Artist, int, int | None], Rows] | None:
    """Return what plans the pictures of layouts, whose caption a prompt is; None where there is no --layout."""
    if source is None:
        return None
    if other or len(prompts or []) > 1:
        raise UserError(
            "--layout goes with one prompt, its caption: leave other prompts, --again, --start, --style out"
        )
    from limner.cli import piped
    from limner.drawing.layouts import rows

    placed = piped.read(source)
    if prompts:
        placed = [one._replace(layout=replace(one.layout, caption=prompts[0])) for one in placed]
    return lambda drawer, n, seed: rows(drawer, placed, n, seed)


def _drawn(
    drawer: Artist,
    rows: Sequence[tuple[Request, Seed]],
    how: dict[str, Any],
    drafts: bool,
    words: int | None,
    film: bool,
) -> Iterator[tuple[Image, dict[str, Image | list[Image]]]]:
    """Draw; give each picture with its sheets: of its drafts, of its attention to so many words, and for a film."""
    if not drafts and words is None and not film:
        yield from ((image, {}) for image in drawer.rows(rows, **how))
        return
    for drawn in drawer.watch(rows, **how):
        sheets: dict[str, Image | list[Image]] = {"drafts": drawn.stages()} if drafts else {}
        sheets |= {"film": drawn.frames()} if film else {}
        yield drawn.image, sheets | ({} if words is None else {"attention": drawn.attention(words)})


def _conditioned(drawer: Artist, name: str | None) -> Artist:
    """Return the artist with another condition, where one is named."""
    from limner.drawing.condition import conditioned

    return drawer if name is None else conditioned(drawer, name)


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    """Say of a drawing that was stopped, and whose pictures so far are kept, where it was, and how it goes on."""
    try:
        yield
    except KeyboardInterrupt as error:
        if not str(error):
            raise
        how = "limner draw --again FILE --finish draws one to its end"
        note(f"stopped at {error}: what was drawn so far is kept; {how}")
        raise typer.Exit(130) from None


def keep(
    image: Image,
    folder: Path,
    sheets: Mapping[str, Image | list[Image]] | None = None,
    *,
    card: bool = True,
    show: bool,
    as_json: bool,
) -> None:
    """Save a picture under a name made of its prompt and seed, report it, and show it where that can be done.

    Sheets that belong to it lie beside it, their names ending in what they are called; they are shown in its place, and
    several pictures are a film. A text is printed; its picture, a `card`, is saved on request.
    """
    import json

    from limner.cli import picture
    from limner.drawing import recipe

    signed = json.loads(image.info[recipe.KEY])
    prompt, seed = prompt_of(signed["request"]), signed["seed"]
    answer = image.info.get(recipe.ANSWER, {})
    if "text" in answer and not card and not sheets:
        result = {"text": answer["text"], "prompt": prompt, "seed": seed}
        return emit(result | {"milliseconds": round(image.info["milliseconds"], 2)}, as_json, answer["text"])
    folder, stem = place_of(folder, f"{slug(prompt)}-{_plain(seed)}")
    path = recipe.write(image, free(folder, stem))
    chance = {"seed": None, "style": seed["of"]} if isinstance(seed, dict) else {"seed": seed}
    result = {"file": str(path), "prompt": prompt, **chance, "width": image.width, "height": image.height}
    result |= {"milliseconds": round(image.info["milliseconds"], 2)}
    beside = {name: str(_sheet(page, folder, f"{path.stem}-{name}")) for name, page in (sheets or {}).items()}
    spoken = [answer[name] for name in ("text", "says") if name in answer]
    emit(result | beside | answer, as_json, "\n".join([*spoken, str(path), *beside.values()]))
    if show and not as_json:
        for page in sheets.values() if sheets else [image]:
            picture.show(page[-1] if isinstance(page, list) else page)


def _sheet(page: Image | list[Image], folder: Path, stem: str) -> Path:
    """Write a sheet, or several pictures as a film, under a name that is not taken."""
    from limner.drawing import recipe
    from limner.imaging import sheets

    if not isinstance(page, list):
        return recipe.write(page, free(folder, stem))
    return sheets.film(page, free(folder, stem, ".gif"), back=False)


def prompt_of(request: dict[str, object]) -> str:
    """Return what a request says, in words; empty where it says nothing."""
    if "text" in request:
        return str(request["text"])
    lines = request.get("lines")
    if isinstance(lines, list | tuple):
        return "\n".join(lines)
    from limner.requests import from_json

    return ", ".join(from_json(request).texts())


def _plain(seed: object) -> str:
    if isinstance(seed, dict):
        return f"as-{slug(Path(seed['of']).stem)}"
    return "-".join(map(_plain, seed)) if isinstance(seed, list) else str(seed)


def _again(
    path: Path, instead: str | None, device: str, size: int | None
) -> tuple[Artist, Rows, dict[str, Any], int | None]:
    """Return who draws a picture again, what, with which knobs, and after how many drafts it was stopped."""
    from limner.drawing.interpolation import Rows
    from limner.drawing.recipe import read
    from limner.drawing.stopping import stop_of

    recipe = read(path)
    artist = loaded(instead or recipe["artist"], device, 1, hub_ids=instead is not None)
    if artist.sha256 != recipe.get("checkpoint"):
        note(f"note: {artist.name} is not the checkpoint that drew {path}; the picture will differ")
    artist = artist.as_in(recipe) if size is None else artist.at(size)
    if size is None and "enlarger" in recipe and artist.enlarger and artist.enlarger.sha256 != recipe["enlarger"]:
        note(f"note: the enlarger of {artist.name} is not the one that enlarged {path}; the picture will differ")
    (request, seed), knobs = artist.row_of(recipe), recipe.get("knobs", {})
    return artist, Rows.of([request], [seed]), knobs, stop_of(recipe).after
