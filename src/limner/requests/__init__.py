"""What one can ask of a system: a caption, a story, a dialogue, attributes, labels, a layout, or nothing at all.

Requests are plain values. They travel as JSON (`to_json`, `from_json`) through recipes in pictures, the gallery and
the API, and compare equal when they say the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from limner.errors import UserError


@dataclass(frozen=True)
class Request:
    """Base of all requests."""


@dataclass(frozen=True)
class Nothing(Request):
    """For systems that draw without being told what."""


@dataclass(frozen=True)
class Caption(Request):
    """One sentence."""

    text: str


@dataclass(frozen=True)
class Story(Request):
    """Sentences, one a picture, in order."""

    lines: tuple[str, ...]
    setting: tuple[str, ...] = ()
    """The lines as first told, where one was changed since: what belongs to the story as a whole stays theirs."""


@dataclass(frozen=True)
class Dialogue(Request):
    """A caption and (question, answer) turns about the same picture."""

    caption: str
    turns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Attributes(Request):
    """Named values, for example hair colour: red."""

    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelSet(Request):
    """The labels that should appear, repeated as often as they should."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class Layout(Request):
    """Labelled boxes, each (label, x, y, width, height) in shares of the picture."""

    boxes: tuple[tuple[str, float, float, float, float], ...]
    caption: str = ""


@dataclass(frozen=True)
class Blend(Request):
    """The point between two requests of one kind: `first` at t = 0, `second` at t = 1; blends mix again."""

    first: Request
    second: Request
    t: float


MOST_PARTS = 64
"""Requests that one may lie between: six generations of children of two."""
TOO_MIXED = f"it is mixed of more than {MOST_PARTS}: mix with one of its ancestors instead"


def shares(request: Request) -> list[tuple[Request, float]]:
    """Return the requests that one lies between, and how much it has of each: itself, whole, where it is no `Blend`."""
    if not isinstance(request, Blend):
        return [(request, 1.0)]
    first = [(part, share * (1 - request.t)) for part, share in shares(request.first)]
    return first + [(part, share * request.t) for part, share in shares(request.second)]


_KINDS: dict[str, type[Request]] = {
    kind.__name__.lower(): kind for kind in (Nothing, Caption, Story, Dialogue, Attributes, LabelSet, Layout, Blend)
}


def to_json(request: Request) -> dict[str, Any]:
    """Return the request as plain JSON values, its kind under "kind"."""
    body = {f.name: getattr(request, f.name) for f in dataclasses.fields(request)}
    if isinstance(request, Blend):
        body |= {"first": to_json(request.first), "second": to_json(request.second)}
    return {"kind": type(request).__name__.lower(), **body}


def from_json(body: Mapping[str, Any]) -> Request:
    """Return the request that `to_json` wrote.

    Raises:
        UserError: where the kind is unknown, its fields do not fit, or it lies between more than `MOST_PARTS`.
    """
    request = _from_json(body, MOST_PARTS)
    if len(shares(request)) > MOST_PARTS:
        raise UserError(TOO_MIXED)
    return request


def _from_json(body: Mapping[str, Any], deep: int) -> Request:
    if deep < 1:
        raise UserError(TOO_MIXED)
    fields = dict(body)
    kind = _KINDS.get(str(fields.pop("kind", "")))
    if kind is None:
        raise UserError(f"unknown kind of request {body.get('kind')!r}: use one of {', '.join(_KINDS)}")
    if kind is Blend:
        first, second = (_from_json(fields[end], deep - 1) for end in ("first", "second"))
        return Blend(first, second, float(fields["t"]))
    try:
        return kind(**{name: _tuples(value) for name, value in fields.items()})
    except TypeError as error:
        raise UserError(f"a request of kind {body['kind']!r} does not take these fields: {error}") from None


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def texts(request: Request) -> Iterator[str]:
    """Yield every text in a request, however deep."""

    def within(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Request):
            yield from texts(value)
        elif isinstance(value, Mapping):
            yield from (text for item in value.items() for text in within(item))
        elif isinstance(value, Sequence):
            yield from (text for item in value for text in within(item))

    for part in dataclasses.fields(request):
        yield from within(getattr(request, part.name))
