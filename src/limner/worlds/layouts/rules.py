"""The rule table of the layouts world: it samples layouts and says how likely any layout is, exactly.

A layout is drawn kind by kind in the order of `KINDS`: first how many there are, given how many of the kinds before,
then the boxes, given the boxes of the kinds before. Boxes of one kind are drawn alike and independently, and then put
in order from left to right, so the density of n of them in that order is n! times the product of theirs. Every quantity
of a box follows a law of its own: its width, its height (for some kinds given its width), the middle of its width, and
the edge that it stands on or hangs from; x, y, width and height follow from these by a map of volume one. So the
density of (x, y, width, height) is the product of four densities, in shares of the picture, y pointing down.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from limner.errors import UserError

VERSION = 1
"""Version of the rules: the same seed and index give the same layout as long as it stays."""
KINDS = ("table", "cup", "plate", "ball", "lamp", "cat")
"""All labels, in the order in which they are drawn."""
PRESENT = {"table": 0.8, "cup": 0.7, "plate": 0.5, "ball": 0.6, "lamp": 0.5, "cat": 0.5}
"""How often a kind is there at all; a layout has one kind at least. What is there is no part of the likelihood."""
MOST = {"table": 1, "cup": 4, "plate": 4, "ball": 4, "lamp": 2, "cat": 1}
"""How many there are at most."""
CUT = 2.5
"""Normal laws end at this many deviations from their means."""
SLACK = 1e-6
"""What rounding may move a number beyond the end of its law."""
LENIENT = 0.05
"""A box breaks its rule where one of its quantities is farther than this outside its law."""
TWO_SIDES = (0.16, 0.84)
"""Balls lie on the left or on the right, never between: the region that is bimodal on purpose."""
_STANDARD = NormalDist()
_LOW, _HIGH = _STANDARD.cdf(-CUT), _STANDARD.cdf(CUT)
Box = tuple[str, float, float, float, float]


@dataclass(frozen=True)
class Normal:
    """A normal law that ends at `CUT` deviations, or, with several means, an equal mixture of such laws."""

    means: tuple[float, ...]
    deviation: float

    def sample(self, chance: random.Random) -> float:
        """Draw a number."""
        mean = chance.choice(self.means) if len(self.means) > 1 else self.means[0]
        return mean + self.deviation * _STANDARD.inv_cdf(chance.uniform(_LOW, _HIGH))

    def log_density(self, value: float) -> float:
        """Return the logarithm of the density at `value`; minus infinity outside."""
        inside = [(value - mean) / self.deviation for mean in self.means if abs(value - mean) <= self._reach + SLACK]
        if not inside:
            return -math.inf
        constant = math.log(len(self.means) * self.deviation * math.sqrt(2 * math.pi) * (_HIGH - _LOW))
        return math.log(sum(math.exp(-(z**2) / 2) for z in inside)) - constant

    def outside(self, value: float) -> float:
        """Return how far `value` lies outside; 0 inside."""
        return max(0.0, min(abs(value - mean) for mean in self.means) - self._reach)

    @property
    def _reach(self) -> float:
        return CUT * self.deviation


@dataclass(frozen=True)
class Uniform:
    """All numbers from `low` to `high` alike."""

    low: float
    high: float

    def sample(self, chance: random.Random) -> float:
        """Draw a number."""
        return chance.uniform(self.low, self.high)

    def log_density(self, value: float) -> float:
        """Return the logarithm of the density at `value`; minus infinity outside."""
        return -math.log(self.high - self.low) if self.outside(value) <= SLACK else -math.inf

    def outside(self, value: float) -> float:
        """Return how far `value` lies outside; 0 inside."""
        return max(0.0, self.low - value, value - self.high)


Law = Normal | Uniform


def _normal(mean: float, deviation: float = 0.02) -> Normal:
    return Normal((mean,), deviation)


WIDTH: Mapping[str, Law] = {
    "table": _normal(0.44, 0.04), "cup": _normal(0.10), "plate": _normal(0.16), "ball": _normal(0.12),
    "lamp": _normal(0.15), "cat": _normal(0.22),
}  # fmt: skip
"""Law of the width of each kind."""
HEIGHT: Mapping[str, tuple[float, float]] = {
    "table": (0.0, 0.24), "cup": (1.0, 0.03), "plate": (0.0, 0.08), "ball": (1.0, 0.0), "lamp": (0.0, 0.20),
    "cat": (0.5, 0.08),
}  # fmt: skip
"""A height is normal about `a width + b`, for (a, b) of each kind, with deviation .02."""


def count_law(kind: str, counts: Mapping[str, int]) -> dict[int, float]:
    """Return the probability of each number of a kind that is there, given how many there are of the kinds before.

    Cups: 1 to 4. Plates: as many as cups; without cups 1 or 2. Balls: what five lack of the cups; without cups 1 or 2.
    Lamps: 1 or 2. One table, one cat.
    """
    cups = counts.get("cup", 0)
    if kind == "cup":
        return {1: 0.4, 2: 0.3, 3: 0.2, 4: 0.1}
    if kind in ("plate", "ball") and cups:
        return {cups if kind == "plate" else 5 - cups: 1.0}
    return {1: 0.5, 2: 0.5} if kind in ("plate", "ball", "lamp") else {1: 1.0}


def place_laws(kind: str, before: Sequence[Box]) -> tuple[Law, Law]:
    """Return the laws of the middle of a box's width and of its lower edge (of a lamp, its upper edge).

    Cups and plates stand on the table, a lamp hangs above its middle, a cat sits a cat's length inwards of the leftmost
    ball. Where there is no table or ball they are anywhere, or in the middle.
    """
    table = next((box for box in before if box[0] == "table"), None)
    ball = min((box for box in before if box[0] == "ball"), key=lambda box: box[1], default=None)
    if kind == "table":
        return _normal(0.5, 0.08), _normal(0.92)
    if kind in ("cup", "plate"):
        lower = 0.06 if kind == "plate" else 0.02  # cups behind plates
        if table is None:
            return Uniform(0.15, 0.85), _normal(0.88 + lower)
        return Uniform(table[1] + 0.1 * table[3], table[1] + 0.9 * table[3]), _normal(table[2] + lower)
    if kind == "ball":
        return Normal(TWO_SIDES, 0.02), _normal(0.93)
    if kind == "lamp":
        return Uniform(0.2, 0.8) if table is None else _normal(table[1] + table[3] / 2, 0.03), _normal(0.07)
    if ball is None:
        return _normal(0.5, 0.05), _normal(0.9)
    middle = ball[1] + ball[3] / 2
    return _normal(middle + (0.22 if middle < 0.5 else -0.22), 0.03), _normal(0.9)


def _quantities(box: Box, before: Sequence[Box]) -> list[tuple[Law, float]]:
    """Return the four quantities of a box with their laws."""
    kind, x, y, width, height = box
    middle, edge = place_laws(kind, before)
    slope, base = HEIGHT[kind]
    return [
        (WIDTH[kind], width),
        (_normal(slope * width + base), height),
        (middle, x + width / 2),
        (edge, y if kind == "lamp" else y + height),
    ]


def draw(chance: random.Random, kinds: Iterable[str], counts: Mapping[str, int] | None = None) -> list[Box]:
    """Draw a layout that has just these kinds, and, where they are given, just so many of each."""
    present, numbers, boxes = set(kinds), dict[str, int](), list[Box]()
    for kind in (kind for kind in KINDS if kind in present):
        law = count_law(kind, numbers)
        numbers[kind] = counts[kind] if counts else chance.choices(list(law), list(law.values()))[0]
        boxes += sorted((_one(chance, kind, boxes) for _ in range(numbers[kind])), key=lambda box: box[1])
    return boxes


def _one(chance: random.Random, kind: str, before: Sequence[Box]) -> Box:
    middle, edge = place_laws(kind, before)
    slope, base = HEIGHT[kind]
    width = WIDTH[kind].sample(chance)
    height = _normal(slope * width + base).sample(chance)
    at = edge.sample(chance)
    return kind, middle.sample(chance) - width / 2, at if kind == "lamp" else at - height, width, height


def layout(seed: int, index: int) -> list[Box]:
    """Return layout `index` of a seed: a label, x, y, width and height of each box, in shares of the picture.

    The kinds come in the order of `KINDS`, boxes of a kind from left to right.
    """
    chance = random.Random(f"layouts:{VERSION}:{seed}:{index}")
    kinds: list[str] = []
    while not kinds:
        kinds = [kind for kind in KINDS if chance.random() < PRESENT[kind]]
    return draw(chance, kinds)


def _ordered(boxes: Iterable[Box]) -> dict[str, list[Box]]:
    """Return the boxes of each kind from left to right, kinds in the order of the table."""
    found: dict[str, list[Box]] = {kind: [] for kind in KINDS}
    for box in boxes:
        if box[0] not in found:
            raise UserError(f"the rule table knows no {box[0]!r}: it has {', '.join(KINDS)}")
        found[box[0]].append(box)
    return {kind: sorted(own, key=lambda box: box[1]) for kind, own in found.items() if own}


def log_likelihood(boxes: Iterable[Box]) -> tuple[float, float]:
    """Return how likely a layout is by the table that samples them, in nats.

    Args:
        boxes: (label, x, y, width, height) in shares of the picture, in any order.

    Returns:
        the log-probability of its counts given which kinds are there, and the log-density of its boxes given the
        counts, those of a kind in order from left to right; minus infinity where a rule is broken.

    Raises:
        UserError: it has a label that the table does not know.
    """
    counts, numbers, placed, before = 0.0, dict[str, int](), 0.0, list[Box]()
    for kind, own in _ordered(boxes).items():
        probability = count_law(kind, numbers).get(len(own), 0.0)
        counts += math.log(probability) if probability else -math.inf
        numbers[kind] = len(own)
        placed += math.lgamma(len(own) + 1)
        placed += sum(law.log_density(value) for box in own for law, value in _quantities(box, before))
        before += own
    return counts, placed


def violations(boxes: Iterable[Box]) -> int:
    """Return how many boxes break their rule: a quantity lies farther than `LENIENT` outside its law.

    Raises:
        UserError: it has a label that the table does not know.
    """
    broken, before = 0, list[Box]()
    for own in _ordered(boxes).values():
        broken += sum(any(law.outside(value) > LENIENT for law, value in _quantities(box, before)) for box in own)
        before += own
    return broken


def counts_of(boxes: Iterable[Box]) -> dict[str, int]:
    """Return how many boxes of each kind there are, of absent kinds 0."""
    found = Counter(box[0] for box in boxes)
    return {kind: found[kind] for kind in KINDS}
