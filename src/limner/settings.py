"""Settings are frozen dataclasses; on the command line they are `name=value`, in files JSON.

A field's type decides which values it takes: int, float, bool, str, Literal, tuple, another dataclass, or None. In a
string, commas separate the items of a tuple and colons the fields of a dataclass (all of them, in order). A number may
say between which bounds it lies: `steps: Annotated[int, Between(1, 1000)] = 200`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from limner.errors import UserError

S = TypeVar("S")


@dataclass(frozen=True)
class Between:
    """The bounds of a number, both included, as an annotation of its field."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"from {self.least:,} to {self.most:,}"


_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_WORDS = {int: "a whole number", float: "a number", bool: "yes or no", str: "text"}


def hint(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the nearest known name, where one is near, and all known names."""
    known = list(known)
    if not known:
        return "there is none"
    by_lower = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    listed = ", ".join(known)
    return f"did you mean {by_lower[near[0]]!r}? (there are: {listed})" if near else f"there are: {listed}"


def pairs(assignments: Iterable[str], option: str = "--set") -> dict[str, str]:
    """Split `name=value` strings.

    Raises:
        UserError: where one has no name or no equals sign.
    """
    found = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise UserError(f"{option} {assignment!r}: write it as name=value")
        found[name.strip()] = value.strip()
    return found


def change(settings: S, changes: Mapping[str, Any], what: str = "option") -> S:
    """Return a copy with `changes` made; strings are parsed as the field's type, other values must be of that type.

    Raises:
        UserError: for an unknown name (with the nearest known one) or a value that does not fit.
    """
    if not changes:
        return settings
    kinds = _kinds(type(settings))
    values = {}
    for name, value in changes.items():
        if name not in kinds:
            raise UserError(f"unknown {what} {name!r}: {hint(name, kinds)}")
        try:
            values[name] = _parse(value, kinds[name]) if isinstance(value, str) else _fit(value, kinds[name])
        except ValueError:
            raise UserError(f"{what} {name} expects {_describe(kinds[name])}, not {value!r}") from None
    _check_bounds(type(settings), values, f"{what} ")
    try:
        return dataclasses.replace(settings, **values)  # type: ignore[type-var]
    except ValueError as error:
        raise UserError(str(error)) from None


def from_json(cls: type[S], body: Mapping[str, Any], where: str) -> S:
    """Return the settings that `to_json` wrote; missing fields have their defaults.

    Raises:
        UserError: naming `where` (the file), for unknown fields, values that do not fit, and missing fields without a
            default.
    """
    kinds = _kinds(cls)
    unknown = [name for name in body if name not in kinds]
    if unknown:
        raise UserError(f"{where}: unknown field {unknown[0]!r}; {hint(unknown[0], kinds)}")
    values = {}
    for name, value in body.items():
        try:
            values[name] = _fit(value, kinds[name])
        except ValueError:
            raise UserError(f"{where}: {name} expects {_describe(kinds[name])}, not {value!r}") from None
    _check_bounds(cls, values, f"{where}: ")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from None


def to_json(settings: Any) -> dict[str, Any]:
    """Return the settings as plain JSON values."""
    return dataclasses.asdict(settings)


def written(value: Any) -> str:
    """Return a JSON value as one writes it in `name=value`."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ":".join(map(written, value.values()))
    if isinstance(value, list | tuple):
        return ",".join(map(written, value)) or "()"
    return str(value)


def bounds(cls: type) -> dict[str, Between]:
    """Return the bounds of the fields of a dataclass that have some, by name."""
    hints = get_type_hints(cls, include_extras=True)
    annotated = {f.name: hints[f.name] for f in dataclasses.fields(cls) if get_origin(hints[f.name]) is Annotated}
    found = {name: [one for one in kind.__metadata__ if isinstance(one, Between)] for name, kind in annotated.items()}
    return {name: some[0] for name, some in found.items() if some}


def _check_bounds(cls: type, values: Mapping[str, Any], what: str) -> None:
    for name, span in bounds(cls).items():
        value = values.get(name)
        if value is not None and not span.least <= value <= span.most:
            raise UserError(f"{what}{name} is a number {span}, not {value:,}")


def _kinds(cls: type) -> dict[str, Any]:
    resolved = get_type_hints(cls)
    return {f.name: resolved[f.name] for f in dataclasses.fields(cls) if f.init}


def _parse(text: str, kind: Any) -> Any:
    """Parse `text` as a value of type `kind`, or raise ValueError."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if types.NoneType in parts and text.lower() in ("none", ""):
            return None
        return _first(text, [part for part in parts if part is not types.NoneType], _parse)
    if origin is Literal:
        return _first(text, parts, lambda text, choice: choice if str(choice) == text else _refuse())
    if origin is tuple:
        items = [item.strip() for item in text.strip("()[] ").split(",") if item.strip()]
        return tuple(_parse(item, kind) for item, kind in zip(items, _item_kinds(parts, len(items)), strict=True))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        fields, items = _kinds(kind), [item.strip() for item in text.split(":")]
        return kind(**{n: _parse(item, fields[n]) for n, item in zip(fields, items, strict=True)})
    if kind is bool:
        return True if text.lower() in _YES else False if text.lower() in _NO else _refuse()
    if kind is int:
        number = float(text.replace("_", ""))  # 1e6 and 200_000 are whole numbers too
        return int(number) if number.is_integer() else _refuse()
    if kind is float:
        return float(text) if math.isfinite(float(text)) else _refuse()
    return text if kind is str else _refuse()


def _fit(value: Any, kind: Any) -> Any:
    """Return `value` (from JSON or Python) as a `kind`, or raise ValueError."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _first(value, parts, _fit)
    if origin is Literal:
        return value if value in parts else _refuse()
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_fit(item, kind) for item, kind in zip(value, _item_kinds(parts, len(value)), strict=True))
    if kind is types.NoneType:
        return None if value is None else _refuse()
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if isinstance(value, Mapping):
            return from_json(kind, value, kind.__name__)
        return value if isinstance(value, kind) else _refuse()
    return value if kind in (int, bool, str) and type(value) is kind else _refuse()


def _first(value: Any, kinds: Iterable[Any], convert: Callable[[Any, Any], Any]) -> Any:
    """Convert `value` to the first of `kinds` that it fits, or raise ValueError."""
    for kind in kinds:
        try:
            return convert(value, kind)
        except ValueError:
            continue
    return _refuse()


def _item_kinds(parts: tuple[Any, ...], count: int) -> list[Any]:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return [parts[0]] * count
    return list(parts) if len(parts) == count else _refuse()


def _refuse() -> Any:
    raise ValueError


def _describe(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join("none" if part is types.NoneType else _describe(part) for part in parts)
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in parts)
    if origin is tuple and len(parts) == 2 and parts[1] is Ellipsis:
        return f"values separated by commas, each {_describe(parts[0])}"
    if origin is tuple:
        return f"{len(parts)} values separated by commas"
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return ":".join(_kinds(kind))
    return _WORDS.get(kind, f"a {getattr(kind, '__name__', kind)}")
