"""Who is drawn: the vocabulary of the avatars world and the choice of one person from (seed, index)."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

VERSION = 1
"""Raised whenever the same (seed, index) gives another picture or caption: versions never mix in a build."""

# Each human name stands for drawings that look alike at 64 pixels; the captions do not say which is drawn.
# Left out after looking at all of them: what is distasteful (vomit, crossed-out eyes), what ignores its
# colour (straight_2, shaved_sides), what hides half the face, and costumes.
_HAIR = {
    "long straight": ("straight_1", "straight_strand", "long_not_too_long"),
    "long wavy": ("big_hair", "curvy"),
    "curly": ("curly",),
    "afro": ("fro",),
    "bob": ("bob", "mia_wallace"),
    "bun": ("bun",),
    "pixie": ("pixie",),
    "dreadlocks": ("dreads",),
    "braids": ("twist_long_hair", "twist_long_hair_2", "cornrows"),
    "messy": ("mowgli", "wild"),
    "short": ("short_flat", "short_round", "short_waved", "short_curly", "caesar", "caesar_side_part"),
    "buzz cut": ("buzzcut",),
    "quiff": ("pompadour", "quiff", "elvis"),
    "mohawk": ("mohawk", "frizzle"),
    "balding": ("sides",),
    "bald": ("no_hair",),
}
_WOMAN = ("long straight", "long wavy", "curly", "bob", "bun", "pixie")
_MAN = ("short", "buzz cut", "quiff", "mohawk", "balding")
_HATS = {
    "hat": ("hat",),
    "beanie": ("winter_hat_3",),
    "cat-ear beanie": ("winter_hat_4",),
    "earflap hat": ("winter_hat_1", "winter_hat_2"),
    "turban": ("turban",),
    "hijab": ("hijab",),
}
_EYES = {
    "open": ("default",),
    "closed": ("closed",),
    "happy": ("happy",),
    "wide": ("surprised",),
    "squinting": ("squint",),
    "winking": ("wink",),
    "sideways": ("side",),
    "hearts": ("heart",),
}
_EYEBROWS = {
    "relaxed": ("default_natural", "default"),
    "raised": ("raised_excited_natural", "raised_excited"),
    "angry": ("angry_natural", "angry"),
    "worried": ("sad_concerned_natural", "sad_concerned"),
    "flat": ("flat_natural",),
    "one raised": ("up_down_natural", "up_down"),
}
_MOUTHS = {
    "smiling": ("smile", "twinkle"),
    "grinning": ("big_smile",),
    "serious": ("serious",),
    "sad": ("sad",),
    "shocked": ("disbelief", "scream_open"),
    "tongue out": ("tongue",),
    "grimacing": ("grimace",),
}
_FACIAL_HAIR = {
    "moustache": ("moustache_magnum",),
    "handlebar moustache": ("moustache_fancy",),
    "light beard": ("beard_light",),
    "full beard": ("beard_medium",),
    "long beard": ("beard_magestic",),
}
_GLASSES = {
    "round": ("round",),
    "square": ("prescription_02",),
    "sunglasses": ("sunglasses", "wayfarers"),
    "white sunglasses": ("kurt",),
    "eyepatch": ("eyepatch",),
}
_HIDES_EYES = ("sunglasses", "white sunglasses", "eyepatch")
_CLOTHES = {
    "hoodie": ("hoodie",),
    "t-shirt": ("shirt_crew_neck",),
    "v-neck shirt": ("shirt_v_neck",),
    "scoop neck top": ("shirt_scoop_neck",),
    "sweater": ("collar_sweater",),
    "blazer": ("blazer_shirt",),
    "suit": ("shirt_wick",),
}
_SKIN = {"pale": "#FFDBB4", "light": "#EDB98A", "tan": "#D08B5B", "brown": "#AE5D29", "dark": "#614335"}
_HAIR_COLOURS = {
    "black": "#2C1B18",
    "brown": "#724133",
    "ginger": "#EA6C14",
    "red": "#B81414",
    "blonde": "#F5D45E",
    "platinum": "#F3E9D2",
    "grey": "#97979E",
    "pink": "#F472A8",
    "blue": "#3F6FD8",
    "purple": "#8347B8",
}
_CLOTH_COLOURS = {
    "black": "#262E33",
    "white": "#F7F7F7",
    "grey": "#929598",
    "red": "#E23B3B",
    "pink": "#FF7EB6",
    "orange": "#FF8F1F",
    "yellow": "#FFD93B",
    "green": "#35A355",
    "blue": "#2F74DD",
    "purple": "#8A4FCF",
}
_BACKGROUNDS = {
    "white": "#FFFFFF",
    "grey": "#C3C8CF",
    "blue": "#8CC8F5",
    "green": "#9ADBA6",
    "yellow": "#FFE96B",
    "pink": "#F7A8CC",
    "purple": "#BBA5EC",
    "black": "#1B1E26",
}
_TOO_ALIKE, _TOO_ALIKE_BEHIND = 48.0, 75.0
"""Colours nearer than this in RGB would hide what the caption names: side by side, and as background."""

# Frequencies, in percent, of what is not drawn uniformly: faces are mostly friendly, oddities stay rare.
_GLASSES_ODDS = {
    "none": 50,
    "round": 16,
    "square": 12,
    "sunglasses": 10,
    "white sunglasses": 7,
    "eyepatch": 5,
}
_MOUTH_ODDS = {
    "smiling": 35,
    "grinning": 18,
    "serious": 14,
    "sad": 10,
    "shocked": 10,
    "tongue out": 7,
    "grimacing": 6,
}
_EYES_ODDS = {
    "open": 36,
    "closed": 10,
    "happy": 13,
    "wide": 10,
    "squinting": 8,
    "winking": 10,
    "sideways": 8,
    "hearts": 5,
}
_EYEBROWS_ODDS = {"relaxed": 45, "raised": 14, "angry": 10, "worried": 10, "flat": 11, "one raised": 10}

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "presentation": ("woman", "man"),
    "hair_style": tuple(_HAIR),
    "hair_colour": tuple(_HAIR_COLOURS),
    "skin_tone": tuple(_SKIN),
    "eyes": tuple(_EYES),
    "eyebrows": tuple(_EYEBROWS),
    "mouth": tuple(_MOUTHS),
    "facial_hair": ("none", *_FACIAL_HAIR),
    "facial_hair_colour": tuple(_HAIR_COLOURS),
    "glasses": ("none", *_GLASSES),
    "clothing": tuple(_CLOTHES),
    "clothing_colour": tuple(_CLOTH_COLOURS),
    "hat": ("none", *_HATS),
    "hat_colour": tuple(_CLOTH_COLOURS),
    "background": tuple(_BACKGROUNDS),
}
"""Every attribute and its values. In a picture an attribute is None where it cannot be seen."""


@dataclass(frozen=True)
class Avatar:
    """One person: what can be seen, and what is drawn.

    ``attributes`` maps each key of `ATTRIBUTES` to a value or None (not visible); ``parts`` maps a kind of
    part to the drawing used; ``colours`` maps what is coloured to ``#rrggbb``.
    """

    attributes: Mapping[str, str | None]
    parts: Mapping[str, str | None]
    colours: Mapping[str, str]


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue (0 to 255) of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@cache
def _distance(a: str, b: str) -> float:
    return math.dist(rgb(a), rgb(b))


def _pick(rng: random.Random, odds: Mapping[str, int]) -> str:
    return rng.choices(list(odds), list(odds.values()))[0]


def _pick_colour(rng: random.Random, palette: Mapping[str, str], *beside: str, least: float = _TOO_ALIKE) -> str:
    """Choose a name of the palette whose colour can be told from those it lies beside."""
    return rng.choice([n for n, colour in palette.items() if all(_distance(colour, b) >= least for b in beside)])


def sample(seed: int, index: int) -> Avatar:
    """Return the avatar number ``index`` of the world ``seed``; a function of the two alone."""
    rng = random.Random(f"avatars:{VERSION}:{seed}:{index}")
    hat = rng.choice(list(_HATS)) if rng.random() < 0.27 else "none"
    style = rng.choice(list(_HAIR))
    chance = 0.4
    if hat == "hijab" or (hat == "none" and style in _WOMAN):
        chance = 0.0
    elif hat == "none" and style in _MAN:
        chance = 0.5
    facial_hair = rng.choice(list(_FACIAL_HAIR)) if rng.random() < chance else "none"
    seen: dict[str, str | None] = {
        "presentation": _presentation(hat, style, facial_hair),
        "hair_style": style if hat == "none" else None,
        "eyes": _pick(rng, _EYES_ODDS),
        "eyebrows": _pick(rng, _EYEBROWS_ODDS),
        "mouth": _pick(rng, _MOUTH_ODDS),
        "facial_hair": facial_hair,
        "glasses": _pick(rng, _GLASSES_ODDS),
        "clothing": rng.choice(list(_CLOTHES)) if hat != "hijab" else None,
        "hat": hat,
    }
    if seen["glasses"] in _HIDES_EYES:
        seen["eyes"] = seen["eyebrows"] = None
    colours = _colour(rng, seen)
    return Avatar({name: seen[name] for name in ATTRIBUTES}, _draw_parts(rng, seen), colours)


def _presentation(hat: str, style: str, facial_hair: str) -> str | None:
    """Say woman or man only where the picture says so by the drawing's own conventions; otherwise None."""
    if facial_hair != "none":
        return "man"
    if hat != "none":
        return "woman" if hat == "hijab" else None
    return "woman" if style in _WOMAN else "man" if style in _MAN else None


def _colour(rng: random.Random, seen: dict[str, str | None]) -> dict[str, str]:
    """Choose the colours, enter the names of the visible ones in ``seen``, return all as ``#rrggbb``."""
    skin = rng.choice(list(_SKIN))
    near = [_SKIN[skin]]
    hair = _pick_colour(rng, _HAIR_COLOURS, *near)
    beard = hair if rng.random() < 0.7 else _pick_colour(rng, _HAIR_COLOURS, *near)
    clothing = _pick_colour(rng, _CLOTH_COLOURS, *near)
    hat = _pick_colour(rng, _CLOTH_COLOURS, *near)
    seen["skin_tone"] = skin
    seen["hair_colour"] = hair if seen["hair_style"] not in (None, "bald") else None
    seen["facial_hair_colour"] = beard if seen["facial_hair"] != "none" else None
    seen["clothing_colour"] = clothing if seen["clothing"] else None
    seen["hat_colour"] = hat if seen["hat"] != "none" else None
    colours = {
        "skin": _SKIN[skin],
        "hair": _HAIR_COLOURS[hair],
        "facial_hair": _HAIR_COLOURS[beard],
        "clothing": _CLOTH_COLOURS[clothing],
        "hat": _CLOTH_COLOURS[hat],
    }
    visible = [colours[name] for name in ("hair", "clothing", "hat") if seen[f"{name}_colour"]]
    background = _pick_colour(rng, _BACKGROUNDS, *near, *visible, least=_TOO_ALIKE_BEHIND)
    seen["background"] = background
    if seen["hat"] == "hijab":
        colours["clothing"] = colours["hat"]  # of the clothes under it no more than a corner shows
    colours["background"] = _BACKGROUNDS[background]
    return colours


def _draw_parts(rng: random.Random, seen: Mapping[str, str | None]) -> dict[str, str | None]:
    """Choose one drawing for each name; what is hidden is drawn plainly, so that it cannot show through."""

    def choose(drawings: Mapping[str, tuple[str, ...]], name: str | None) -> str | None:
        return rng.choice(drawings[name]) if name and name in drawings else None

    bearded = seen["facial_hair"] != "none"
    mouths = _MOUTHS[str(seen["mouth"])]
    return {
        "hair": choose(_HAIR, seen["hair_style"]),
        "hat": choose(_HATS, seen["hat"]),
        "eyes": choose(_EYES, seen["eyes"]) or "default",
        "eyebrows": choose(_EYEBROWS, seen["eyebrows"]) or "default_natural",
        # A beard covers the edges of the fainter drawing of a mouth: the first of each name stays clear.
        "mouth": mouths[0] if bearded else rng.choice(mouths),
        "nose": rng.choice(("default", "small", "wide")),
        "facial_hair": choose(_FACIAL_HAIR, seen["facial_hair"]),
        "glasses": choose(_GLASSES, seen["glasses"]),
        "clothing": choose(_CLOTHES, seen["clothing"]) or "shirt_crew_neck",
    }
