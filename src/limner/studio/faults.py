"""What is wrong with a body, in the words of people: where it lies, and what was expected there.

pydantic finds the faults. It names types of Python and of its own ("constrained-int", "valid dictionary"), which say
nothing to who sends JSON; and of a field that may be of several kinds it tells a fault for each kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

NO_FIELDS: frozenset[str] = frozenset()
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
"""What was expected, by pydantic's name of the fault, where a value is of another kind."""
_SAID: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "there is no such field",
    "finite_number": "expected a finite number",
    "greater_than_equal": "must be {ge:,} or more",
    "greater_than": "must be more than {gt:,}",
    "less_than_equal": "must be {le:,} or less",
    "less_than": "must be less than {lt:,}",
    "string_too_long": "may have {max_length:,} characters at most",
    "string_too_short": "must have {min_length:,} characters or more",
    "too_long": "may have {max_length:,} entries at most",
    "too_short": "must have {min_length:,} entries or more",
    "string_pattern_mismatch": "must be of the form {pattern}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
    "json_invalid": "is not JSON: {error}",
    "recursion_loop": "holds itself",
}
"""What is said of other faults, by the same names."""
_BASE64 = "[A-Za-z0-9+/]"
_LABELS = ("constrained-", "tuple[", "function-")
_OF_KINDS = frozenset({"bool", "int", "float", "str", "none", "[key]", "StyleSeed", "Noise"})
"""Names of kinds in places, the models that a seed may be among them."""

Fault = Mapping[str, Any]
Place = tuple[str | int, ...]


def first_fault(
    faults: Sequence[Any], kinds: Set[str] = NO_FIELDS, holds: Sequence[str] = ()
) -> tuple[Place, str, Fault]:
    """Return the first fault that pydantic found: its place, what is wrong there, and the fault itself.

    Args:
        faults: as `ValidationError.errors()` gives them.
        kinds: names that stand in places for the kind of a value, not for a field.
        holds: fields after which such a name stands.
    """
    first = faults[0]["loc"]
    cut = next((at for at, part in enumerate(first) if _is_label(part)), None)
    if cut is None:
        return _fields(first, kinds, holds), _said(faults[0]), faults[0]
    of_one_value = [fault for fault in faults if fault["loc"][:cut] == first[:cut]]
    nearest = max(of_one_value, key=lambda fault: (len(fault["loc"]), fault["type"] not in _KINDS))
    if len(nearest["loc"]) > cut + 1 or nearest["type"] not in _KINDS:  # of the kind that was meant
        return _fields(nearest["loc"], kinds, holds), _said(nearest), nearest
    *some, last = dict.fromkeys(_KINDS[fault["type"]] for fault in of_one_value)
    expected = f"{', '.join(some)} or {last}" if some else last
    return _fields(first, kinds, holds), f"expected {expected}", faults[0]


def _is_label(part: str | int) -> bool:
    """Tell whether a part of a place names a kind that a value may be of, as pydantic writes them."""
    return isinstance(part, str) and (part in _OF_KINDS or part.startswith(_LABELS))


def _fields(place: Sequence[str | int], kinds: Set[str], holds: Sequence[str]) -> Place:
    parts = [part for before, part in zip(("", *place), place, strict=False) if not (before in holds and part in kinds)]
    return tuple(part for part in parts if not _is_label(part))


def _said(fault: Fault) -> str:
    kind, about = fault["type"], fault.get("ctx") or {}
    if kind in _KINDS:
        return f"expected {_KINDS[kind]}"
    if _BASE64 in str(about.get("pattern")):
        return "expected base64"
    return _SAID.get(kind, "cannot be read").format(**{name: _plain(value) for name, value in about.items()})


def _plain(value: Any) -> Any:
    """Return a bound as people write it: 1 for 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
