"""Who is drawn: the vocabulary of the characters world and the choice of one character from (seed, index)."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from limner.worlds.characters import palette
from limner.worlds.characters.clothes import CLOTHES
from limner.worlds.characters.fringes import FRINGES
from limner.worlds.characters.grounds import PATTERNS
from limner.worlds.characters.hair import STYLES
from limner.worlds.characters.headwear import BEHIND, HATS, SMALL, UNCOLOURED
from limner.worlds.characters.pen import SIDE

VERSION = 1
"""Raised whenever the same (seed, index) gives another picture or caption: versions never mix in a build."""

NONE = "none"
_EYES_ODDS = {
    "open": 40, "happy": 9, "closed": 9, "winking": 9, "sleepy": 9, "wide": 8, "starry": 8, "tearful": 8,
}  # fmt: skip
_BROWS_ODDS = {"relaxed": 40, "raised": 20, "angry": 20, "worried": 20}
_MOUTH_ODDS = {
    "smiling": 28, "laughing": 18, "cat-like": 12, "serious": 12, "sad": 10, "surprised": 11, "tongue out": 9,
}  # fmt: skip
_CHEEKS_ODDS = {NONE: 40, "blush": 26, "freckles": 16, "plaster": 10, "star": 8}
_GLASSES_ODDS = {NONE: 58, "round": 14, "square": 13, "sunglasses": 8, "eyepatch": 7}
_EARRINGS_ODDS = {NONE: 66, "hoops": 17, "gems": 17}
_NECK_ODDS = {NONE: 58, "scarf": 17, "necklace": 25}
_PATTERN_ODDS = {NAME: 30 if NAME == "plain" else 10 for NAME in PATTERNS}
_HEADWEAR = (NONE, *SMALL, *BEHIND, *HATS)

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "presentation": ("girl", "boy"),
    "face": ("round", "pointed", "square"),
    "skin_tone": tuple(palette.SKIN),
    "eye_colour": tuple(palette.EYES),
    "eye_shape": ("round", "sharp", "droopy"),
    "eyes": tuple(_EYES_ODDS),
    "eyebrows": tuple(_BROWS_ODDS),
    "mouth": tuple(_MOUTH_ODDS),
    "cheeks": tuple(_CHEEKS_ODDS),
    "hair_style": tuple(STYLES),
    "fringe": FRINGES,
    "hair_colour": tuple(palette.HAIR),
    "hair_dye": (NONE, "tips", "halves"),
    "second_hair_colour": tuple(palette.HAIR),
    "clothing": tuple(CLOTHES),
    "clothing_colour": tuple(palette.CLOTH),
    "headwear": _HEADWEAR,
    "headwear_colour": tuple(palette.CLOTH),
    "glasses": tuple(_GLASSES_ODDS),
    "earrings": tuple(_EARRINGS_ODDS),
    "neckwear": tuple(_NECK_ODDS),
    "scarf_colour": tuple(palette.CLOTH),
    "background": tuple(palette.GROUND),
    "pattern": PATTERNS,
}
"""Every attribute and its values. In a picture an attribute is None where it cannot be seen."""
OPEN_EYES = ("open", "winking", "starry", "tearful")
"""States in which the shape of eyes can be seen."""
_SHUT = ("closed", "happy")
_TALL = (
    "spiky",
    "bun",
    "twin buns",
    "afro",
    "afro puffs",
    "mohawk",
    "quiff",
    "curly",
    "messy",
    "dreadlocks",
    "bowl cut",
)
"""Styles on top of which nothing sits."""
_BARE = ("bald", "buzz cut", "mohawk")
_BESIDE = (NONE, "headphones", "flower", "headband")
_NO_NECKLACE = ("armour", "cloak", "winter coat", "hoodie", "kimono", "sailor uniform", "blazer", "waistcoat")
_TOPS = {
    "spiky": -8, "mohawk": -4, "bun": 4, "twin buns": 22, "afro": -8, "quiff": 10, "ponytail": 10, "messy": 26, "afro puffs": 20,
    "rabbit ears": -14, "witch hat": -18, "crown": -10, "halo": 4, "horns": -10, "cat ears": 0, "beanie": -20, "bow": 10,
    "cap": 4, "straw hat": 4, "beret": -4, "headphones": 20,
}  # fmt: skip
"""Height of what stands over the top of plain hair (40), on the sheet."""
_TOO_ALIKE = 70.0
"""Colours nearer than this in RGB, side by side, would hide what the caption names."""


class Pose(NamedTuple):
    """Where the character stands: all in units of the sheet (256), the tilt of the head in degrees."""

    scale: float
    across: float
    down: float
    tilt: float
    flipped: bool
    """Whether the head is mirrored: partings, tails and winks are then on the other side."""


@dataclass(frozen=True)
class Character:
    """One character: ``attributes`` maps each key of `ATTRIBUTES` to a value or None (not visible).

    ``drawn`` is the same with what is drawn where nothing can be seen; ``pose`` is where.
    """

    attributes: Mapping[str, str | None]
    drawn: Mapping[str, str]
    pose: Pose


@cache
def distance(one: str, other: str) -> float:
    """Return how far two colours are from another in RGB."""
    return math.dist(palette.rgb(one), palette.rgb(other))


def _pick(rng: random.Random, odds: Mapping[str, int]) -> str:
    return rng.choices(list(odds), list(odds.values()))[0]


def _colour(rng: random.Random, colours: Mapping[str, str], beside: Iterable[str], least: float = _TOO_ALIKE) -> str:
    """Choose a name whose colour can be told from those it lies beside."""
    near = list(beside)
    return rng.choice([name for name, colour in colours.items() if all(distance(colour, one) >= least for one in near)])


def sample(seed: int, index: int) -> Character:
    """Return the character number ``index`` of the world ``seed``; a function of the two alone."""
    rng = random.Random(f"characters:{VERSION}:{seed}:{index}")
    seen: dict[str, str | None] = dict.fromkeys(ATTRIBUTES)
    seen["presentation"] = rng.choices(("girl", "boy", None), (42, 38, 20))[0]
    _head(rng, seen)
    _dress(rng, seen)
    _paint(rng, seen)
    drawn = {name: seen[name] or values[0] for name, values in ATTRIBUTES.items()}
    drawn["presentation"] = seen["presentation"] or NONE
    if seen["glasses"] == "sunglasses":
        drawn["eyes"] = "closed"  # wide ones would look out above the glasses, and tears run out below
    _hide(seen)
    return Character(
        {name: seen[name] for name in ATTRIBUTES}, drawn, _pose(rng, drawn["hair_style"], drawn["headwear"])
    )


def _head(rng: random.Random, seen: dict[str, str | None]) -> None:
    """Choose face, hair and what is on the head."""
    for name, odds in (
        ("eyes", _EYES_ODDS), ("eyebrows", _BROWS_ODDS), ("mouth", _MOUTH_ODDS), ("cheeks", _CHEEKS_ODDS),
        ("glasses", _GLASSES_ODDS), ("earrings", _EARRINGS_ODDS), ("neckwear", _NECK_ODDS), ("pattern", _PATTERN_ODDS),
    ):  # fmt: skip
        seen[name] = _pick(rng, odds)
    for name in ("face", "skin_tone", "eye_colour", "eye_shape"):
        seen[name] = rng.choice(ATTRIBUTES[name])
    if seen["glasses"] == "eyepatch" and seen["eyes"] == "winking":
        seen["eyes"] = "open"
    headwear = rng.choice(_HEADWEAR[1:]) if rng.random() < 0.58 else NONE
    worn = {"girl": "g", "boy": "b"}.get(str(seen["presentation"]), rng.choice("gb"))
    styles = [name for name, style in STYLES.items() if worn in style.worn]
    if headwear in HATS:
        styles = [name for name in styles if STYLES[name].hat]
    elif headwear == "hair pins":
        styles = [name for name in styles if STYLES[name].fringe]
    elif headwear not in _BESIDE:
        styles = [name for name in styles if name not in _TALL]
    elif headwear in ("headphones", "headband"):
        styles = [name for name in styles if name not in ("afro", "afro puffs", "quiff", "spiky")]
    elif headwear == "flower":
        styles = [name for name in styles if name not in _BARE]
    style = rng.choice(styles)
    fringes = FRINGES[:-1] if headwear in HATS or headwear == "hair pins" else FRINGES
    seen["hair_style"], seen["headwear"] = style, headwear
    seen["fringe"] = rng.choice(fringes) if STYLES[style].fringe else None
    if headwear == "headphones" or (headwear == "flower" and rng.random() < 0.5):
        seen["earrings"] = NONE


def _dress(rng: random.Random, seen: dict[str, str | None]) -> None:
    clothes = [name for name in CLOTHES if seen["presentation"] == "girl" or name not in ("dress", "sailor uniform")]
    seen["clothing"] = rng.choice(clothes)
    if seen["neckwear"] == "necklace" and seen["clothing"] in _NO_NECKLACE:
        seen["neckwear"] = NONE


def _paint(rng: random.Random, seen: dict[str, str | None]) -> None:
    """Choose the colours, each to be told from those it lies beside."""
    skin = palette.SKIN[str(seen["skin_tone"])]
    style, bald = STYLES[str(seen["hair_style"])], seen["hair_style"] == "bald"
    background = _colour(rng, palette.GROUND, (skin,))
    ground = palette.GROUND[background]
    hair_colour = _colour(rng, palette.HAIR, (skin, ground))
    hair = second = palette.HAIR[hair_colour]
    seen["hair_dye"] = rng.choice([NONE] * 5 + ["halves"] * style.fringe + ["tips", "tips"] * style.long)
    if seen["hair_dye"] != NONE:
        second_colour = _colour(rng, palette.HAIR, (skin, ground, hair), 90)
        seen["second_hair_colour"], second = second_colour, palette.HAIR[second_colour]
    clothing_colour = _colour(rng, palette.CLOTH, (ground, skin) if bald else (ground, skin, hair), 60)
    beside = (ground, skin) if bald else (ground, hair, second)
    seen["headwear_colour"] = _colour(rng, palette.CLOTH, beside, 60)
    seen["scarf_colour"] = _colour(rng, palette.CLOTH, (palette.CLOTH[clothing_colour], skin))
    seen |= {"background": background, "hair_colour": hair_colour, "clothing_colour": clothing_colour}


def _hide(seen: dict[str, str | None]) -> None:
    """Take out what cannot be seen."""
    if seen["glasses"] == "sunglasses":
        seen["eyes"] = None
    if seen["eyes"] is None or seen["eyes"] in _SHUT:
        seen["eye_colour"] = None
    if seen["eyes"] not in OPEN_EYES:
        seen["eye_shape"] = None
    if seen["hair_style"] == "bald":
        seen["hair_colour"] = seen["hair_dye"] = None
    if seen["headwear"] in UNCOLOURED:
        seen["headwear_colour"] = None
    if seen["neckwear"] != "scarf":
        seen["scarf_colour"] = None


def _pose(rng: random.Random, style: str, headwear: str) -> Pose:
    """Choose a place; what is tall is drawn smaller, so that it stays in the picture."""
    top = min(_TOPS.get(style, 40), _TOPS.get(headwear, 40))
    largest = min(1.14, (SIDE - 10) / (SIDE - top))
    return Pose(
        round(largest * rng.uniform(0.84, 1.0), 4), round(rng.uniform(-18, 18), 2), round(rng.uniform(0, 8), 2),
        round(rng.uniform(-11, 11), 2), rng.random() < 0.5,
    )  # fmt: skip
