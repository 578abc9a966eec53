"""Layouts in files and pipes: as JSON, a line each; as the text that one types; or out of a picture that holds one.

{"kind": "layout", "boxes", "caption"} and, where there are any, {"points", "masks"}: a request as the API takes it; and
{"seed"} where one is known, so that what is drawn after an edit is drawn with the same chance.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from PIL import Image

from limner import pictures
from limner.data.schema import Schema
from limner.drawing import recipe
from limner.drawing.interpolation import Row, Rows
from limner.drawing.seeds import seed_from_json
from limner.errors import UserError
from limner.requests import Layout, from_json, to_json

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

MOST = 10_000
"""Layouts of one file."""
MOST_BYTES = 64 * 2**20
"""Of a file of layouts."""
OPEN = Schema(size=1)
"""Of no artist: labels and names may be any."""
HOW = 'a layout is JSON such as {"boxes": [["cup", 0.1, 0.2, 0.3, 0.4]]}, or text such as `cup .1 .2 .3 .4`'


class Placed(NamedTuple):
    """A layout, and the seed it came with as recipes hold it, None where it came without."""

    layout: Layout
    seed: Any = None


def layout_of(picture: Image.Image | str | Path) -> Layout:
    """Return the layout of a drawn picture: what its artist answered, or else what it was asked, as a request.

    A sentence that the picture was drawn from is its caption.

    Args:
        picture: an image that an artist drew, or the file of one.

    Raises:
        UserError: it holds no recipe, or nothing in it is placed.
    """
    return placed_in(picture).layout


def placed_in(picture: Image.Image | str | Path) -> Placed:
    """Return the layout of a drawn picture as `layout_of` does, with its seed."""
    if isinstance(picture, Image.Image):
        text = picture.info.get(recipe.KEY)
        if text is None:
            raise UserError("the picture holds no recipe: it was not drawn by Limner, or was changed since")
        return _placed(recipe.from_text(str(text)), picture.info.get(recipe.ANSWER, {}), "the picture")
    return _placed(recipe.read(picture), recipe.answer_in(Path(picture)), str(picture))


def placed_from(data: bytes, name: str) -> list[Placed]:
    """Return the layouts that the bytes of a file hold, each sound by itself, its masks made small.

    Args:
        data: a drawn PNG; JSON, one layout, a list, or one a line; or text.
        name: of the file, for messages.

    Raises:
        UserError: there are none, they are damaged or too many; with the line where there are several.
    """
    if len(data) > MOST_BYTES:
        raise UserError(f"{name} has more than {MOST_BYTES // 2**20} MiB: no layout is as large")
    if data.startswith(pictures.SENT) and not data.startswith(b"\x89PNG"):
        raise UserError(f"{name} is a picture that holds no layout: only a PNG that Limner drew does")
    if data.startswith(b"\x89PNG"):
        return [_sound(_of_png(data, name), name)]
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise UserError(f"{name} holds no layout: {HOW}") from None
    if not text:
        raise UserError(f"there is no layout in {name}: it is empty")
    if not text.startswith(("{", "[")):
        return [_sound(Placed(_typed(text, name)), name)]
    found = [_sound(_of_json(body, place), place) for place, body in _bodies(text, name)]
    if not found:
        raise UserError(f"there is no layout in {name}: its list is empty")
    if len(found) > MOST:
        raise UserError(f"{name} has {len(found):,} layouts, and {MOST:,} is the limit")
    return found


def to_line(placed: Placed) -> str:
    """Return a layout as a line of JSON that `placed_from` reads."""
    body = to_json(placed.layout)
    return json.dumps(body if placed.seed is None else body | {"seed": placed.seed})


def to_text(layout: Layout) -> str:
    """Return a layout as one types it: `a red cup; cup .1 .2 .3 .4; handle .3 .2`; shapes cannot be typed."""
    boxes = [f"{label} {_shares(box)}" for label, *box in layout.boxes]
    points = [f"{name} {_shares(place)}" for name, *place in layout.points]
    return "; ".join([*filter(None, [layout.caption]), *boxes, *points])


def rows(artist: Artist, placed: Sequence[Placed], n: int, seed: int | None) -> Rows:
    """Return what to draw of layouts, `n` of each: each with its own seed where none is given.

    Raises:
        UserError: the artist cannot draw one of them.
    """
    found: list[Sequence[Row]] = []
    for layout, own in placed:
        begins = own if seed is None and type(own) is int else seed
        planned: Sequence[Row] = artist.plan(layout, n, begins)
        if seed is None and own is not None and type(own) is not int:
            if n > 1:
                raise UserError("the layout's own seed gives one picture: leave -n out, or say --seed")
            planned = [(planned[0][0], seed_from_json(own))]
        found.append(planned)
    return Rows.joined(found)


def _shares(numbers: Sequence[float]) -> str:
    """Return numbers as text; a whole one with its dot, by which points are told from sentences."""
    return " ".join(repr(round(float(one), 6)) for one in numbers)


def _placed(found: Mapping[str, Any], answer: Mapping[str, Any], name: str) -> Placed:
    request = from_json(found["request"])
    plain: Any = request.without_picture().ends()[0]
    caption = request.without_picture().sentence()
    fields = {field: answer.get(field) or getattr(plain, field, ()) for field in ("boxes", "points")}
    if not any(fields.values()):
        raise UserError(f"{name} holds no layout: neither its artist nor its request places anything")
    fields["masks"] = answer.get("masks") or () if answer.get("boxes") else getattr(plain, "masks", ())
    body = {"kind": "layout", "caption": caption}
    layout = from_json(
        body | {field: [*value] if isinstance(value, tuple) else value for field, value in fields.items()}
    )
    return Placed(cast(Layout, layout), found["seed"])


def _of_png(data: bytes, name: str) -> Placed:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            answer = recipe.answer_of(image)
            text = recipe.find(io.BytesIO(data))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{name} is broken: {error}") from None
    if text is None:
        raise UserError(f"{name} holds no recipe: it was not drawn by Limner, or another program saved it again")
    return _placed(recipe.from_text(text), answer, name)


def _bodies(text: str, name: str) -> list[tuple[str, Any]]:
    """Return the values of a file of JSON, each with its place, for messages."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [(f"{name}:{at}", line) for at, line in enumerate(text.splitlines(), start=1) if line.strip()]
        if len(lines) < 2 or isinstance(error, RecursionError):
            raise UserError(f"{name} is not JSON ({str(error).splitlines()[0][:80]}): {HOW}") from None
        return [(place, _parsed(line, place)) for place, line in lines]
    if isinstance(whole, list) and any(isinstance(one, Mapping) for one in whole):
        return [(f"{name}:{at}", one) for at, one in enumerate(whole, start=1)]
    return [(name, whole)] if whole else []


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise UserError(f"{place} is not JSON: {HOW}") from None


def _of_json(body: Any, place: str) -> Placed:
    try:
        if isinstance(body, list):  # boxes and points alone
            return Placed(Layout.from_cell(body, OPEN))
        if not isinstance(body, Mapping):
            raise UserError(HOW)
        fields = {"kind": "layout", "boxes": []} | dict(body)
        seed = fields.pop("seed", None)
        if fields["kind"] != "layout":
            raise UserError(f"it is a request of kind {fields['kind']!r:.60}: {HOW}")
        layout = from_json(fields)
        if seed is not None:
            seed_from_json(seed)
        return Placed(cast(Layout, layout), seed)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _typed(text: str, name: str) -> Layout:
    try:
        return Layout.parse(text, OPEN)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


def _sound(placed: Placed, place: str) -> Placed:
    """Return a layout whose boxes lie in the picture and whose masks are small; labels may be any."""
    try:
        placed.layout.check(OPEN)
        return placed._replace(layout=placed.layout.read_at(1))
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
