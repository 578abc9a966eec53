"""Requests as JSON values and back, and the texts within them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from limner.errors import UserError
from limner.requests.blend import MOST_PARTS, TOO_MIXED, Blend
from limner.requests.request import Request, kinds

_ENDS = ("first", "second")


def to_json(request: Request) -> dict[str, Any]:
    """Return the request as plain JSON values, its kind under "kind"."""
    values = ((field.name, getattr(request, field.name)) for field in dataclasses.fields(request))
    body = {name: to_json(value) if isinstance(value, Request) else value for name, value in values}
    return {"kind": request.kind(), **body}


def from_json(body: Mapping[str, Any]) -> Request:
    """Return the request that `to_json` wrote.

    Raises:
        UserError: the kind is unknown, a field is missing, unknown or of another type, or too many are mixed.
    """
    request = _from_json(body, MOST_PARTS)
    if len(request.ends()) > MOST_PARTS:
        raise UserError(TOO_MIXED)
    return request


def _from_json(body: Mapping[str, Any], deep: int) -> Request:
    if deep < 1:
        raise UserError(TOO_MIXED)
    fields, known = dict(body), kinds()
    kind = known.get(str(fields.pop("kind", "")))
    if kind is None:
        raise UserError(f"unknown kind of request {body.get('kind')!r:.60}: use one of {', '.join(known)}")
    if kind is Blend:
        return _blend(fields, deep)
    try:
        request = kind(**{name: _tuples(value) for name, value in fields.items()})
    except TypeError as error:
        raise UserError(f"a request of kind {body['kind']!r} does not take these fields: {error}") from None
    hints = get_type_hints(kind)
    for name in (field.name for field in dataclasses.fields(kind)):
        value = getattr(request, name)
        if not _fits(value, hints[name]):
            raise UserError(f"{name} of a {body['kind']} must be {_named(hints[name])}, not {value!r:.60}")
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
    """Yield every text in a request, however deep, but for empty ones that need not be there."""
    return request.texts()
