"""Requests as JSON values and back, and the texts within them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from limner.errors import UserError
from limner.requests.attributes import Attributes
from limner.requests.blend import MOST_PARTS, TOO_MIXED, Blend, shares
from limner.requests.caption import Caption
from limner.requests.dialogue import Dialogue
from limner.requests.label_set import LabelSet
from limner.requests.layout import Layout
from limner.requests.nothing import Nothing
from limner.requests.request import Request
from limner.requests.story import Story

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
