"""Pictures as strangers hand them in: a PNG within limits, with a recipe that is checked to the last field."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from PIL import Image
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StringConstraints
from pydantic import ValidationError as Invalid
from typing_extensions import TypeAliasType

from limner import pictures
from limner.drawing import recipe
from limner.errors import UserError
from limner.requests import MOST_PARTS, TOO_MIXED, from_json, texts, to_json
from limner.studio.faults import first_fault

MOST_BYTES = 16 * 2**20
"""Of one PNG."""
MOST_SIDE = 4096
"""Pixels of a side."""
MOST_TEXT = 2**20
"""Bytes of a recipe in a PNG, unpacked."""
LONGEST = 500_000
"""Characters of a recipe as JSON."""
HEADER_BYTES = 24
"""Of a PNG, up to its height."""
_HEADER = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_UNKEPT = re.compile(r"[\x00\ud800-\udfff]")


def plain(text: str) -> str:
    """Return `text`; raise ValueError where it has NUL or half a surrogate pair, which not every database keeps."""
    if _UNKEPT.search(text):
        raise ValueError("it has a character that cannot be kept")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(plain)]
Note = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(plain)]
Identity = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Mask = Annotated[str, StringConstraints(max_length=8_192, pattern="^[A-Za-z0-9+/]*={0,2}$")]
_Whole = Annotated[StrictInt, Field(ge=0, lt=2**53)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Noise(_Body):
    """A style in the place of a seed."""

    noise: Annotated[list[_Number], Field(max_length=10_000)]
    of: Note = ""


_Seed = TypeAliasType("_Seed", "_Whole | Noise | tuple[_Seed, _Seed, Annotated[_Number, Field(ge=0, le=1)]]")


class Recipe(_Body):
    """All that it takes to draw a picture again, as `limner.drawing.recipe` writes it, and what it was made from."""

    artist: Name
    checkpoint: Identity
    system: Name
    request: dict[str, Any]
    knobs: Annotated[dict[Name, bool | StrictInt | _Number | Note | None], Field(max_length=100)] = {}
    seed: _Seed
    limner: Annotated[str, StringConstraints(max_length=200), AfterValidator(plain)] = ""
    size: Annotated[StrictInt, Field(ge=1, le=MOST_SIDE)] | None = None
    """With `enlarger` only where the picture was enlarged."""
    enlarger: Identity | None = None
    stopped: Annotated[StrictInt, Field(ge=1, lt=2**53)] | None = None
    """After how many drafts, only where the drawing was stopped before it was done."""
    parents: Annotated[list[Identity], Field(max_length=16)] = []


class Answer(BaseModel):
    """What a picture says beside its pixels, as `limner.imaging.answers.said` gives it."""

    text: Note | None = None
    says: Note | None = None
    boxes: Annotated[list[tuple[Name, _Number, _Number, _Number, _Number]], Field(max_length=1_000)] | None = None
    points: Annotated[list[tuple[Name, _Number, _Number]], Field(max_length=1_000)] | None = None
    masks: Annotated[list[_Mask], Field(max_length=1_000)] | None = None


def checked(body: Any) -> dict[str, Any]:
    """Return a recipe as plain JSON values, each field checked.

    Raises:
        UserError: where it is none; the line names the field.
    """
    try:
        found = Recipe.model_validate(body)
        request = from_json(found.request)
        if _ends(found.seed) > MOST_PARTS:
            raise UserError(TOO_MIXED)
        _check_plain(to_json(request))
        made = found.model_dump() | {"request": to_json(request)}
        made = {name: value for name, value in made.items() if value is not None}
        made = json.loads(json.dumps(made, allow_nan=False))
    except Invalid as error:
        raise UserError(f"the recipe is damaged: {fault_in(error)}") from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(f"the recipe's request is damaged: {error!s:.200}") from None
    if len(json.dumps(made)) > LONGEST:
        raise UserError(f"the recipe is too long: {LONGEST:,} characters are the limit")
    return made


def _check_plain(value: Any) -> None:
    """Make sure that each text in a request can be kept, encoded pictures among them; raise ValueError."""
    if isinstance(value, str):
        plain(value)
    elif isinstance(value, Mapping):
        for item in value.items():
            _check_plain(item)
    elif isinstance(value, list | tuple):
        for one in value:
            _check_plain(one)


def fault_in(error: Invalid) -> str:
    """Return in one line what is wrong first, and where."""
    place, said, _ = first_fault(error.errors(include_url=False, include_input=False))
    return f"{'.'.join(map(str, place))}: {said}" if place else said


def _ends(seed: Any) -> int:
    """Count the seeds and styles that one lies between."""
    return _ends(seed[0]) + _ends(seed[1]) if isinstance(seed, tuple) else 1


def identity(made: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what decides the picture: checkpoint, request, knobs, seed, enlarging, stopping."""
    decides = {name: made.get(name) for name in ("checkpoint", "request", "knobs", "seed")}
    decides |= {
        name: made[name] for name in ("size", "enlarger", "stopped") if name in made
    }  # of others it stays as it was
    return hashlib.sha256(json.dumps(_canonical(decides), sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Write 1.0 as 1, as every browser does that passes a recipe on."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list | tuple) else value


def folded(*some: str) -> list[str]:
    """Return the words of texts, in the form in which they are looked for."""
    return re.findall(r"\w+", " ".join(some).casefold())


def searched(made: Mapping[str, Any], note: str) -> str:
    """Return what search looks in, a space before each word."""
    return "".join(f" {word}" for word in folded(*texts(from_json(made["request"])), str(made["artist"]), note))


def header_size(start: bytes) -> tuple[int, int]:
    """Return the width and height of a PNG, told by its first 24 bytes.

    Raises:
        UserError: where it is none, or a side has more than `MOST_SIDE`.
    """
    if not start.startswith(_HEADER) or len(start) < HEADER_BYTES:
        raise UserError("the picture is no PNG")
    width, height = (int.from_bytes(start[place : place + 4], "big") for place in (16, 20))
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE):
        raise UserError(f"the picture has {width} x {height} pixels: a side has {MOST_SIDE} at most")
    return width, height


def decode(png: bytes) -> Image.Image:
    """Decode a PNG within `MOST_BYTES` and `MOST_SIDE`, told by its header before it is unpacked.

    Returns:
        The picture, in RGB or RGBA, and in `info` its recipe if it has one, and what it says beside its pixels.

    Raises:
        UserError: where it is none, or too large, or its recipe is damaged.
    """
    if len(png) > MOST_BYTES:
        raise UserError(f"the picture has {len(png):,} bytes, and {MOST_BYTES:,} are the limit")
    header_size(png)
    try:
        image = pictures.load(png)
    except pictures.BadPicture as error:
        raise UserError(f"the picture {error}") from None
    coloured = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    text = recipe.find(io.BytesIO(png), MOST_TEXT)
    coloured.info = {} if text is None else {recipe.KEY: text}
    if answer := _answer_in(png):
        coloured.info[recipe.ANSWER] = answer
    return coloured


def _answer_in(png: bytes) -> dict[str, Any]:
    """Return what a PNG says beside its pixels; nothing where that is damaged or of no known shape."""
    try:
        text = recipe.find(io.BytesIO(png), MOST_TEXT, recipe.ANSWER_CHUNK)
        return {} if text is None else Answer.model_validate_json(text).model_dump(exclude_none=True)
    except (UserError, ValueError, RecursionError):
        return {}


def encode(image: Image.Image, made: Mapping[str, Any] | None = None) -> bytes:
    """Write a picture as PNG with the recipe `made` and its answer inside, or with nothing but its pixels."""
    bare = image.copy()
    answer = None if made is None else image.info.get(recipe.ANSWER)
    bare.info = {recipe.ANSWER: answer} if answer else {}
    return recipe.encode(bare, None if made is None else recipe.to_text(made))


def recipe_in(image: Image.Image) -> dict[str, Any]:
    """Return the recipe that a picture carries, checked.

    Raises:
        UserError: where it carries none, or a damaged one.
    """
    found = image.info.get(recipe.KEY)
    if not isinstance(found, str):
        raise UserError("the picture holds no recipe: it was not drawn by Limner, or another program saved it again")
    return checked(recipe.from_text(found))
