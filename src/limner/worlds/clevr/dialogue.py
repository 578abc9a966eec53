"""Questions and answers about a scene of the clevr world, all of them true."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from limner.worlds.clevr.scenes import (
    COLOURS,
    COLUMNS,
    MATERIALS,
    PLACES,
    PROPERTIES,
    ROW_PHRASES,
    ROWS,
    SHAPES,
    SIZES,
    Thing,
)

TURNS = 10
COUNTS = ("none", "one", "two", "three", "four")
PLURAL = {"cube": "cubes", "sphere": "spheres", "cylinder": "cylinders"}
BESIDE = {"to the left of": (0, -1), "to the right of": (0, 1), "behind": (1, -1), "in front of": (1, 1)}
"""Each relation's axis, columns or rows, and which way along it; rows are counted from the back."""


def dialogue(things: Sequence[Thing], chance: random.Random) -> list[tuple[str, str]]:
    """Ask ten questions about a scene, no two the same, and answer them; kinds take turns."""
    kinds = [_shuffled(kind(things, chance), chance) for kind in (_counts, _presence, _properties, _places, _relations)]
    turns: list[tuple[str, str]] = []
    while len(turns) < TURNS:
        for questions in kinds:
            if questions and len(turns) < TURNS:
                turns.append(questions.pop())
    return turns


def _shuffled(questions: Iterator[tuple[str, str]], chance: random.Random) -> list[tuple[str, str]]:
    found = list(dict.fromkeys(questions))
    chance.shuffle(found)
    return found


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _counts(things: Sequence[Thing], chance: random.Random) -> Iterator[tuple[str, str]]:
    """How many are there?"""
    yield "how many things are there", COUNTS[len(things)]
    for colour in [*(thing.colour for thing in things), chance.choice(list(COLOURS))]:
        yield f"how many {colour} things are there", COUNTS[sum(thing.colour == colour for thing in things)]
    for shape in SHAPES:
        yield f"how many {PLURAL[shape]} are there", COUNTS[sum(thing.shape == shape for thing in things)]
    for material in MATERIALS:
        count = sum(thing.material == material for thing in things)
        yield f"how many things are made of {material}", COUNTS[count]


def _presence(things: Sequence[Thing], chance: random.Random) -> Iterator[tuple[str, str]]:
    """Is there one?"""
    asked = [(thing.colour, thing.shape) for thing in things]
    asked += [(chance.choice(list(COLOURS)), chance.choice(SHAPES)) for _ in range(3)]
    for colour, shape in asked:
        present = any((thing.colour, thing.shape) == (colour, shape) for thing in things)
        yield f"is there a {colour} {shape}", _yes(present)
    for size in SIZES:
        yield f"is anything {size}", _yes(any(thing.size == size for thing in things))


def _properties(things: Sequence[Thing], chance: random.Random) -> Iterator[tuple[str, str]]:
    """What is the one like that is so and so? Asked only where there is just one."""
    for thing in things:
        alike = [other for other in things if other.shape == thing.shape]
        if len(alike) == 1:
            yield f"what colour is the {thing.shape}", thing.colour
            yield f"is the {thing.shape} large or small", thing.size
        if sum(other.colour == thing.colour for other in things) == 1:
            yield f"what shape is the {thing.colour} thing", thing.shape
            yield f"what is the {thing.colour} thing made of", thing.material


def _places(things: Sequence[Thing], chance: random.Random) -> Iterator[tuple[str, str]]:
    """What stands there?"""
    for thing in things:
        kind = chance.choice(PROPERTIES)
        words = {"colour": "what colour", "material": "what material", "shape": "what shape", "size": "what size"}
        yield f"{words[kind]} is the thing {thing.location}", getattr(thing, kind)
    taken = {(thing.column, thing.row): thing for thing in things}
    column, row = chance.choice(PLACES)
    yield f"does anything stand {column} {ROW_PHRASES[row]}", _yes((column, row) in taken)


def _relations(things: Sequence[Thing], chance: random.Random) -> Iterator[tuple[str, str]]:
    """How do two stand to each other? Asked only where names differ and the answer is plain to see."""
    named = [thing for thing in things if sum(other.name == thing.name for other in things) == 1]
    for one in named:
        for other in named:
            if one is other:
                continue
            word, (axis, way) = chance.choice(list(BESIDE.items()))
            gap = (spot(one)[axis] - spot(other)[axis]) * way
            if gap:
                yield f"is the {one.name} {word} the {other.name}", _yes(gap > 0)
            kind = chance.choice(PROPERTIES)
            same = getattr(one, kind) == getattr(other, kind)
            yield f"does the {one.name} have the same {kind} as the {other.name}", _yes(same)


def spot(thing: Thing) -> tuple[int, int]:
    """Return the numbers of the thing's column, from the left, and row, from the back."""
    return COLUMNS.index(thing.column), list(ROWS).index(thing.row)
