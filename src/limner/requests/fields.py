"""The fields of a kind of request, as data: what forms, the bodies of the API and the checks are made of.

A dataclass of a request declares each of its fields with `form`; what a field may hold is said once, here.

Field types: `text` a sentence; `lines` sentences; `values` a value for each of some names; `labels` names, repeated
as often as they should appear; `turns` questions with their answers; `boxes` (label, x, y, width, height) and `points`
(name, x, y) in shares of the picture; `vectors` lists of `longest` numbers at most; `choice` one of some names;
`number` a number between two others; `picture` an encoded picture in base64; `mask` one of the same size in white and
black; `masks` one of each box, or nothing; `request` a request of another kind that the artist takes, or none.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limner import settings
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.data.schema import Schema

KEY = "form"
LONGEST = 2_000
"""Characters of a text."""
MOST_NUMBERS = 8192
"""Numbers of a vector."""
LONGEST_PICTURE = 12 * 2**20
"""Characters of an encoded picture: 9 MiB of a file."""
LONGEST_MASK = 128 * 2**10
"""Characters of an encoded mask of a box: 96 KiB of a file."""
LONGEST_NAME = 100
"""Characters of a name: of an attribute, a value, a label."""
ENCODED = ("picture", "mask", "masks")
"""Field types that hold encoded pictures: reading them takes time, and they are no texts."""
ALMOST = 1e-6
"""How far a box may stick out by rounding."""
Choices = Mapping[str, Sequence[str]] | Sequence[str]


LATER = ("points", "masks", "vectors")
"""Fields that older recipes lack; they are written only where there is something in them."""


@dataclass(frozen=True)
class Field:
    """One field of a request, for whoever fills it in."""

    name: str
    type: str
    about: str
    """What to write into it."""
    required: bool = True
    """Whether it may not be empty."""
    hidden: bool = False
    """Whether no form shows it."""
    choices: Choices = ()
    """What it may hold, as an artist knows it; empty where that is open. Of `values` a sequence for each name."""
    most: int = 1
    """Most items."""
    longest: int = LONGEST
    """Most characters of each text."""
    span: tuple[float, float] = (0.0, 1.0)
    """Least and largest value of a `number`."""
    default: Any = None
    """What it is where it is left out; None where it may not be."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        choices = self.choices
        plain = {k: list(v) for k, v in choices.items()} if isinstance(choices, Mapping) else list(choices)
        return dataclasses.asdict(self) | {"choices": plain, "later": self.name in LATER}


def form(
    type: str,
    about: str,
    *,
    required: bool = True,
    hidden: bool = False,
    choices: str | Sequence[str] = (),
    most: int = 1,
    longest: int = LONGEST,
    span: tuple[float, float] = (0.0, 1.0),
) -> dict[str, Any]:
    """Return the `metadata` of a dataclass field.

    Args:
        type: one of the field types above.
        about: what to write into it.
        required: whether it may not be empty.
        hidden: whether no form shows it.
        choices: what it may hold; as one text, the name of the property of the schema that says so.
        most: items at most.
        longest: characters of each text.
        span: least and largest value of a number.
    """
    assert type in CHECKS, f"no field type {type!r}"
    if longest == LONGEST and type in ENCODED:
        longest = LONGEST_MASK if type == "masks" else LONGEST_PICTURE
    made = Field("", type, about, required, hidden, (), most, longest, span)
    return {KEY: (made, choices)}


def fields_of(kind: type, schema: Schema | None) -> tuple[Field, ...]:
    """Return the fields of a kind of request, with the choices that an artist of this schema knows."""
    found = []
    for field in dataclasses.fields(kind):
        made, choices = field.metadata[KEY]
        if isinstance(choices, str):
            choices = () if schema is None else getattr(schema, choices)
        default = None if field.default is dataclasses.MISSING else field.default
        required = made.required and default is None and field.default_factory is dataclasses.MISSING
        known = {"name": field.name, "choices": choices, "default": default, "required": required}
        found.append(dataclasses.replace(made, **known))
    return tuple(found)


def check(field: Field, value: Any) -> None:
    """Make sure that a field holds what it may hold.

    Raises:
        UserError: saying what is wrong and what to do.
    """
    check_shape(field, value)
    CHECKS[field.type](field, value)


def check_shape(field: Field, value: Any) -> None:
    """Make sure that a field is of its type.

    Raises:
        UserError: saying what it must be.
    """
    fits, words = SHAPES[field.type]
    if not fits(value):
        raise UserError(f"{field.name} must be {words}, not {value!r:.60}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that a float can hold, NaN and infinite ones too; no `bool` is one."""
    return type(value) is float or (type(value) is int and abs(value) < 10**300)


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list | tuple) and all(map(fits, value))


def _are_texts(value: Any) -> bool:
    return _is_list(value, _is_text)


def _are_values(value: Any) -> bool:
    return isinstance(value, Mapping) and _are_texts([*value, *value.values()])


def _is_turn(value: Any) -> bool:
    return _are_texts(value) and len(value) == 2


def is_box(value: Any) -> bool:
    """Tell whether a value is a label and four numbers."""
    return isinstance(value, list | tuple) and len(value) == 5 and _is_text(value[0]) and all(map(is_number, value[1:]))


def is_point(value: Any) -> bool:
    """Tell whether a value is a name and two numbers."""
    return isinstance(value, list | tuple) and len(value) == 3 and _is_text(value[0]) and all(map(is_number, value[1:]))


def _is_vector(value: Any) -> bool:
    return _is_list(value, is_number)


SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (_is_text, "a text"),
    "lines": (_are_texts, "a list of texts"),
    "values": (_are_values, "a text for each of some names"),
    "labels": (_are_texts, "a list of labels"),
    "turns": (lambda value: _is_list(value, _is_turn), "a list of [question, answer], two texts each"),
    "boxes": (
        lambda value: _is_list(value, is_box),
        "a list of [label, x, y, width, height], a text and four numbers each",
    ),
    "points": (lambda value: _is_list(value, is_point), "a list of [name, x, y], a text and two numbers each"),
    "vectors": (lambda value: _is_list(value, _is_vector), "a list of vectors, a list of numbers each"),
    "choice": (_is_text, "a text"),
    "number": (is_number, "a number"),
    "picture": (_is_text, "a picture in base64"),
    "mask": (_is_text, "a mask in base64"),
    "masks": (_are_texts, "a list of masks in base64, one a box, empty where its shape is open"),
    "request": (lambda value: value is None or hasattr(value, "without_picture"), "a request, or none"),
}
"""Of each field type: what tells whether a value has its shape, and that shape in words."""


def _text(field: Field, value: str) -> None:
    if len(value) > field.longest:
        raise UserError(f"the prompt has {len(value):,} characters, and {field.longest:,} is the limit: shorten it")
    if field.required and not value.strip():
        raise UserError("the prompt is empty: say what to draw")


def _lines(field: Field, value: Sequence[str]) -> None:
    _count(field, value, "lines")
    for line in value:
        _text(dataclasses.replace(field, required=True), line)


def _values(field: Field, value: Mapping[str, str]) -> None:
    _count(field, value, "values")
    for name, one in value.items():
        _named("attribute", name, list(field.choices), field.longest)
        known = field.choices[name] if isinstance(field.choices, Mapping) and field.choices else ()
        _named(f"value of {name}:", one, known, field.longest)


def _labels(field: Field, value: Sequence[str]) -> None:
    _count(field, value, "labels")
    for label in value:
        _named("label", label, list(field.choices), field.longest)


def _turns(field: Field, value: Sequence[tuple[str, str]]) -> None:
    _count(field, value, "turns")
    for number, (question, answer) in enumerate(value, start=1):
        for text, what in ((question, "question"), (answer, "answer")):
            if not text.strip():
                raise UserError(f"turn {number} of the dialogue has no {what}: give each question its answer")
            _text(field, text)


def _boxes(field: Field, value: Sequence[tuple[str, float, float, float, float]]) -> None:
    _count(field, value, "boxes")
    for label, *box in value:
        _named("label", label, list(field.choices), field.longest)
        shown = f"the box of {label!r}, " + " ".join(f"{number:g}" for number in box)
        if not all(map(math.isfinite, box)):
            raise UserError(f"{shown}, has what is no number: give x, y, width and height from 0 to 1")
        x, y, width, height = box
        if width <= 0 or height <= 0:
            raise UserError(f"{shown}, has no size: give a width and a height above 0")
        if min(x, y) < -ALMOST or max(x + width, y + height) > 1 + ALMOST:
            raise UserError(f"{shown}, lies outside the picture: x, y, width and height are shares of it, from 0 to 1")


def _points(field: Field, value: Sequence[tuple[str, float, float]]) -> None:
    _count(field, value, "points")
    for place, (name, x, y) in enumerate(value):
        _named("point", name, list(field.choices), field.longest)
        shown = f"the point {name!r} at {x:g} {y:g}"
        if not (math.isfinite(x) and math.isfinite(y)):
            raise UserError(f"{shown} has what is no number: give x and y from 0 to 1")
        if min(x, y) < -ALMOST or max(x, y) > 1 + ALMOST:
            raise UserError(f"{shown} lies outside the picture: x and y are shares of it, from 0 to 1")
        if name in (other[0] for other in value[:place]):
            raise UserError(f"the point {name!r} stands there twice: a picture has one, leave the other out")


def _vectors(field: Field, value: Sequence[Sequence[float]]) -> None:
    _count(field, value, "vectors")
    for vector in value:
        if len(vector) > field.longest:
            raise UserError(f"a vector has {len(vector):,} numbers, and {field.longest:,} is the limit")
        if not all(map(math.isfinite, vector)):
            raise UserError("a vector has what is no number: give finite numbers")


def _choice(field: Field, value: str) -> None:
    _named(field.name, value, list(field.choices), field.longest)


def _number(field: Field, value: float) -> None:
    low, high = field.span
    if not (math.isfinite(value) and low <= value <= high):
        raise UserError(f"{field.name} must be a number from {low:g} to {high:g}, not {value:g}")


def _picture(field: Field, value: str) -> None:
    """Check the length of an encoded picture, and by its first bytes that it is one and not too large."""
    if not value:
        if field.required:
            raise UserError(f"{field.name} is empty: give a picture in base64")
        return
    if len(value) > field.longest:
        raise UserError(f"{field.name} has {len(value):,} characters, and {field.longest:,} is the limit: shrink it")
    from limner.requests import pixels

    pixels.check(value, field.name)


def _masks(field: Field, value: Sequence[str]) -> None:
    _count(field, value, "masks")
    for place, one in enumerate(value, start=1):
        _picture(dataclasses.replace(field, name=f"mask {place}", required=False), one)


def _request(field: Field, value: Any) -> None:
    """Leave what is asked within a request to that request."""


CHECKS: dict[str, Callable[[Field, Any], None]] = {
    "text": _text, "lines": _lines, "values": _values, "labels": _labels, "turns": _turns, "boxes": _boxes,
    "points": _points, "choice": _choice, "number": _number, "picture": _picture, "mask": _picture,
    "masks": _masks, "request": _request, "vectors": _vectors,
}  # fmt: skip


def _count(field: Field, value: Any, what: str) -> None:
    if len(value) > field.most:
        raise UserError(f"the request has {len(value):,} {what}, and {field.most:,} is the limit: ask for fewer")
    if field.required and not value:
        raise UserError(f"the request has no {what}: {field.about}")


def _named(what: str, name: str, known: Sequence[str], longest: int) -> None:
    if not name.strip():
        what_there_is = settings.hint(name, known) if known else "give it a name"
        raise UserError(f"the {what.removesuffix(':')} is empty: {what_there_is}")
    if len(name) > longest:
        raise UserError(f"the {what.removesuffix(':')} has {len(name):,} characters, and {longest:,} is the limit")
    if known and name not in known:
        raise UserError(f"unknown {what} {name!r}: {settings.hint(name, known)}")
