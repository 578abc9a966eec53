"""Requests as JSON values and back, and the texts within them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from limner.errors import UserError
from limner.requests.blend import MOST_PARTS, TOO_MIXED, Blend
from limner.requests.fields import LATER, Field, check_shape
from limner.requests.request import Request, kinds

_ENDS = ("first", "second")


def to_json(request: Request) -> dict[str, Any]:
    """Return the request as plain JSON values, its kind under "kind"."""
    values = ((field.name, getattr(request, field.name)) for field in dataclasses.fields(request))
    values = ((name, value) for name, value in values if value or name not in LATER)
    body = {name: to_json(value) if isinstance(value, Request) else value for name, value in values}
    return {"kind": request.kind(), **body}


def from_json(body: Mapping[str, Any]) -> Request:
    """Return the request that `to_json` wrote.

    Raises:
        UserError: the kind is unknown, a field is missing, unknown or of another type, or too many are mixed.
    """
    request = _from_json(body, MOST_PARTS)
    if sum(max((len(one.ends()) for one in end.inside()), default=1) for end in request.ends()) > MOST_PARTS:
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
    asked, there = f"a request of kind {body['kind']!r}", {field.name: field for field in kind.fields()}
    for name in fields:
        if name not in there:
            raise UserError(f"{asked} has no field {name[:60]!r}: it has {', '.join(there) or 'none'}")
    for field in dataclasses.fields(kind):
        if field.name not in fields and field.default is field.default_factory is dataclasses.MISSING:
            raise UserError(f"{asked} needs a field {field.name!r}: {there[field.name].about}")
    values = {name: _value(there[name], value, deep) for name, value in fields.items()}
    for name, value in values.items():
        check_shape(there[name], value)
    return kind(**values)


def _blend(fields: Mapping[str, Any], deep: int) -> Blend:
    if set(fields) != {"first", "second", "t"} or not all(isinstance(fields[end], Mapping) for end in _ENDS):
        raise UserError("a blend takes two requests, first and second, and a share t")
    t = fields["t"]
    if type(t) not in (int, float) or not 0 <= t <= 1:
        raise UserError(f"the share t of a blend is a number from 0 to 1, not {t!r:.60}")
    first, second = (_from_json(fields[end], deep - 1) for end in _ENDS)
    return Blend(first, second, float(t))


def _value(field: Field, value: Any, deep: int) -> Any:
    """Return the value of a field: lists as tuples, the body of a request as that request."""
    if field.type == "request" and isinstance(value, Mapping):
        return _from_json(value, deep - 1)
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def texts(request: Request) -> Iterator[str]:
    """Yield every text in a request, however deep, but for empty ones that need not be there."""
    return request.texts()
