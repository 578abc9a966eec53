"""Answers to the questions of the clevr world, from a scene that need not be the one they were asked about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from limner.worlds.clevr.dialogue import BESIDE, COUNTS, PLURAL, spot
from limner.worlds.clevr.scenes import (
    COLOURS,
    COLUMNS,
    MATERIALS,
    NOTHING,
    PLACES,
    PROPERTIES,
    ROW_PHRASES,
    SHAPES,
    SIZES,
    Thing,
    attributes,
)

ATTRIBUTES = tuple(attributes(()))
"""The names of all attributes of a scene."""
Scene = Sequence[Thing]


def scene_of(named: Mapping[str, str]) -> Scene:
    """Return the things that attributes tell of, by their names; one of which half is "nothing" is not there.

    A property of a thing that is there may still be "nothing". Of exact places and turns nothing is known: they are 0.
    """
    found = []
    for column, row in PLACES:
        known = {kind: named[f"{column} {row} {kind}"] for kind in PROPERTIES}
        if sum(value == NOTHING for value in known.values()) < len(PROPERTIES) / 2:
            found.append(Thing(**known, column=column, row=row, x=0.0, y=0.0, turned=0.0))
    return found


def answer(question: str, scene: Scene) -> str | None:
    """Answer a question of `limner.worlds.clevr.dialogue`; None where the scene has no answer.

    It has none where what the question takes for granted is not so ("what colour is the cube", and there are two), or
    where the question is none of this world's.
    """
    asked = " ".join(question.lower().rstrip("? ").split())
    for form, reply in _FORMS:
        if found := form.fullmatch(asked):
            return reply(scene, *found.groups())
    return None


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _count(scene: Scene, kind: str, value: str) -> str:
    count = sum(getattr(thing, kind) == value for thing in scene)
    return COUNTS[count] if count < len(COUNTS) else str(count)


def _only(scene: Scene, kind: str, value: str) -> Thing | None:
    """Return the one thing that is so, None where there is none or there are several."""
    found = [thing for thing in scene if getattr(thing, kind) == value]
    return found[0] if len(found) == 1 else None


def _property(scene: Scene, kind: str, value: str, asked: str) -> str | None:
    thing = _only(scene, kind, value)
    return None if thing is None else getattr(thing, asked)


def _relation(scene: Scene, one: str, word: str, other: str) -> str | None:
    first, second = _only(scene, "name", one), _only(scene, "name", other)
    if first is None or second is None:
        return None
    axis, way = BESIDE[word]
    gap = (spot(first)[axis] - spot(second)[axis]) * way
    return _yes(gap > 0) if gap else None


def _same(scene: Scene, one: str, kind: str, other: str) -> str | None:
    first, second = _only(scene, "name", one), _only(scene, "name", other)
    return None if first is None or second is None else _yes(getattr(first, kind) == getattr(second, kind))


def _any(words: Sequence[str]) -> str:
    return f"({'|'.join(sorted(words, key=len, reverse=True))})"


def _forms() -> list[tuple[re.Pattern[str], Callable[..., str | None]]]:
    """Return what a question may look like, and what answers it from a scene and what stands in the brackets."""
    colour, shape, size, material, kind = map(_any, ([*COLOURS], SHAPES, [*SIZES], MATERIALS, PROPERTIES))
    singular = {many: one for one, many in PLURAL.items()}
    place = _any([f"{column} {phrase}" for column in COLUMNS for phrase in ROW_PHRASES.values()])
    name = f"({size} {colour} {material} {shape})".replace(" (", " (?:").replace("((", "((?:")
    everything: list[tuple[str, Callable[..., str | None]]] = [
        (
            "how many things are there",
            lambda scene: COUNTS[len(scene)] if len(scene) < len(COUNTS) else str(len(scene)),
        ),
        (f"how many {colour} things are there", lambda scene, value: _count(scene, "colour", value)),
        (f"how many {_any([*singular])} are there", lambda scene, many: _count(scene, "shape", singular[many])),
        (f"how many things are made of {material}", lambda scene, value: _count(scene, "material", value)),
        (
            f"is there a {colour} {shape}",
            lambda scene, hue, form: _yes(any((thing.colour, thing.shape) == (hue, form) for thing in scene)),
        ),
        (f"is anything {size}", lambda scene, value: _yes(any(thing.size == value for thing in scene))),
        (f"what colour is the {shape}", lambda scene, value: _property(scene, "shape", value, "colour")),
        (f"is the {shape} large or small", lambda scene, value: _property(scene, "shape", value, "size")),
        (f"what shape is the {colour} thing", lambda scene, value: _property(scene, "colour", value, "shape")),
        (f"what is the {colour} thing made of", lambda scene, value: _property(scene, "colour", value, "material")),
        (
            f"what {kind} is the thing {place}",
            lambda scene, asked, where: _property(scene, "location", where, asked),
        ),
        (
            f"does anything stand {place}",
            lambda scene, where: _yes(any(thing.location == where for thing in scene)),
        ),
        (f"is the {name} {_any([*BESIDE])} the {name}", _relation),
        (f"does the {name} have the same {kind} as the {name}", _same),
    ]
    return [(re.compile(form), reply) for form, reply in everything]


_FORMS = _forms()
