"""Requests as JSON values and back, and the texts within them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

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

_ENDS = ("first", "second")
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
        UserError: the kind is unknown, a field is missing, unknown or of another type, or too many are mixed.
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
        return _blend(fields, deep)
    try:
        request = kind(**{name: _tuples(value) for name, value in fields.items()})
    except TypeError as error:
        raise UserError(f"a request of kind {body['kind']!r} does not take these fields: {error}") from None
    for name, hint in get_type_hints(kind).items():
        value = getattr(request, name)
        if not _fits(value, hint):
            raise UserError(f"{name} of a {body['kind']} must be {_named(hint)}, not {value!r:.60}")
    return request


def _blend(fields: Mapping[str, Any], deep: int) -> Blend:
    if set(fields) != {"first", "second", "t"} or not all(isinstance(fields[end], Mapping) for end in _ENDS):
        raise UserError("a blend takes two requests, first and second, and a share t")
    t = fields["t"]
    if type(t) not in (int, float) or not 0 <= t <= 1:
        raise UserError(f"the share t of a blend is a number from 0 to 1, not {t!r:.60}")
    first, second = (_from_json(fields[end], deep - 1) for end in _ENDS)
    return Blend(first, second, float(t))


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value has the type of a request's field; whole numbers count as floats."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is tuple and parts[-1] is Ellipsis:
        return isinstance(value, tuple) and all(_fits(item, parts[0]) for item in value)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(_fits, value, parts))
    if origin is not None:  # a mapping of texts
        return isinstance(value, Mapping) and all(
            _fits(name, parts[0]) and _fits(item, parts[1]) for name, item in value.items()
        )
    return type(value) in (int, float) if hint is float else isinstance(value, hint)


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint).replace("typing.", "")


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
