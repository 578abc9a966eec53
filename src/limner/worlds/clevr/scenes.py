"""Which things stand where in a scene of the clevr world, and the sentences that say so.

Things stand at fifteen named places, five columns by three rows, a little off their middles. Camera and light never
move, so a word of place means the same place in every picture (CLEVR moves both a little from scene to scene).
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

VERSION = 1
SHAPES = ("cube", "sphere", "cylinder")
COLOURS = {
    "gray": (87, 87, 87), "red": (173, 35, 35), "blue": (42, 75, 215), "green": (29, 105, 20),
    "brown": (129, 74, 25), "purple": (129, 38, 192), "cyan": (41, 208, 208), "yellow": (255, 238, 51),
}  # fmt: skip
"""CLEVR's colours, in sRGB."""
MATERIALS, SIZES = ("rubber", "metal"), {"large": 0.72, "small": 0.42}
COLUMNS = ("far left", "left", "centre", "right", "far right")
ROWS = {"back": (2.4, 1.5), "middle": (0.0, 1.3), "front": (-2.4, 1.1)}
"""Each row's distance from the middle, and the distance of its columns: rows near the camera are set closer."""
PLACES = tuple(itertools.product(COLUMNS, ROWS))
PROPERTIES = ("colour", "material", "shape", "size")
FRAMES = 4
GAP = 0.1
"""Least distance between the outlines of two things."""
NOTHING = "nothing"
RIGHT = (1.0, 0.0, 0.0)
"""The direction to the right of the picture, in the world's coordinates."""

ROW_PHRASES = {"back": "at the back", "middle": "in the middle", "front": "in front"}
_OTHER = {
    "large": ("big",), "small": ("tiny", "little"), "metal": ("shiny", "metallic"), "rubber": ("matte",),
    "sphere": ("ball",), "cube": ("block",), "cylinder": ("tube",), "gray": ("grey",),
}  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """One object: what it is, its place, its exact middle on the ground, and how it is turned, in degrees."""

    shape: str
    colour: str
    material: str
    size: str
    column: str
    row: str
    x: float
    y: float
    turned: float

    @property
    def radius(self) -> float:
        """Half the height; cubes and cylinders are made smaller, so that all shapes look equally large."""
        return SIZES[self.size] * {"sphere": 1.0, "cube": 0.82, "cylinder": 0.86}[self.shape]

    @property
    def footprint(self) -> float:
        """Radius of the circle on the ground that it never leaves."""
        return self.radius * (math.sqrt(2) if self.shape == "cube" else 1.0)

    @property
    def name(self) -> str:
        """Say what it is: "large red metal cube"."""
        return f"{self.size} {self.colour} {self.material} {self.shape}"

    @property
    def place(self) -> str:
        """Say where it is, as attributes do: "far left back"."""
        return f"{self.column} {self.row}"

    @property
    def location(self) -> str:
        """Say where it is, as sentences do: "far left at the back"."""
        return f"{self.column} {ROW_PHRASES[self.row]}"


def propose(seed: int, story: int, attempt: int) -> tuple[Thing, ...]:
    """Return the four things of a story in the order in which they come, where they may stand; not yet if seen."""
    chance = random.Random(f"clevr:{VERSION}:{seed}:{story}:{attempt}")
    things: list[Thing] = []
    free = list(PLACES)
    while len(things) < FRAMES:
        column, row = free.pop(chance.randrange(len(free)))
        depth, pitch = ROWS[row]
        thing = Thing(
            shape=chance.choice(SHAPES),
            colour=chance.choice(list(COLOURS)),
            material=chance.choice(MATERIALS),
            size=chance.choice(list(SIZES)),
            column=column,
            row=row,
            x=round((COLUMNS.index(column) - 2) * pitch + chance.uniform(-0.12, 0.12), 3),
            y=round(depth + chance.uniform(-0.2, 0.2), 3),
            turned=round(chance.uniform(0, 90), 1),
        )
        if all(gap_between(thing, other) >= GAP for other in things):
            things.append(thing)
    return tuple(things)


def gap_between(one: Thing, other: Thing) -> float:
    """Return the distance between the circles on the ground that two things never leave."""
    return math.hypot(one.x - other.x, one.y - other.y) - one.footprint - other.footprint


def attributes(things: Sequence[Thing]) -> dict[str, str]:
    """Say of each place, property by property, what stands there."""
    found = dict.fromkeys((f"{column} {row} {kind}" for column, row in PLACES for kind in PROPERTIES), NOTHING)
    for thing in things:
        found |= {f"{thing.place} {kind}": getattr(thing, kind) for kind in PROPERTIES}
    return found


def mentioned(thing: Thing) -> list[str]:
    """Return the names of the attributes that a sentence about one thing mentions."""
    return [f"{thing.place} {kind}" for kind in PROPERTIES]


def sentences(thing: Thing, chance: random.Random) -> list[str]:
    """Say in four ways that a thing has come; the first way is always the same."""

    def other() -> str:
        words = (thing.size, thing.colour, thing.material, thing.shape)
        return " ".join(chance.choice((word, *_OTHER.get(word, ()))) for word in words)

    return [
        f"a {thing.name}, {thing.location}",
        f"{thing.location}, a {other()}",
        f"now a {other()} stands {thing.location}",
        f"a {other()} comes, {thing.location}",
    ]


def accepts(text: str) -> bool:
    """Tell whether a text is one of `sentences` of some thing, case and punctuation aside."""

    def one_of(words: Iterable[str]) -> str:
        return f"(?:{'|'.join(other for word in words for other in (word, *_OTHER.get(word, ())))})"

    parts: list[Iterable[str]] = [SIZES, COLOURS, MATERIALS, SHAPES]
    thing = "a " + " ".join(map(one_of, parts))
    place = f"{one_of(COLUMNS)} {one_of(ROW_PHRASES.values())}"
    forms = f"{thing}(?: comes)? {place}|{place} {thing}|now {thing} stands {place}"
    return re.fullmatch(forms, " ".join(re.findall(r"[^\W_]+", text.lower()))) is not None


def description(things: Sequence[Thing]) -> str:
    """Say in one sentence all that is there."""
    return listed([f"a {thing.name} {thing.location}" for thing in things])


def listed(words: Sequence[str]) -> str:
    """Join words as sentences do: "one, two and three"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def vector(things: Sequence[Thing]) -> list[float]:
    """Return the 75 numbers by which CLEVR-SV's published layout tells a frame.

    Four blocks of 18, zero until their thing has come: shape, colour, material, size, one of each, and three
    coordinates; then the direction to the right.
    """
    numbers: list[float] = []
    for thing in things:
        for value, known in (
            (thing.shape, SHAPES), (thing.colour, COLOURS), (thing.material, MATERIALS), (thing.size, SIZES),
        ):  # fmt: skip
            numbers += [float(value == one) for one in known]
        numbers += [thing.x, thing.y, thing.radius]
    return [*numbers, *[0.0] * (18 * FRAMES - len(numbers)), *RIGHT]
