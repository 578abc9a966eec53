"""Colours of characters, and the tones in which a flat colour is drawn: itself, its shade, its light and its outline."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

SKIN = {"pale": "#ffe9dc", "light": "#fbcda6", "tan": "#dd9c66", "brown": "#ae6e40", "dark": "#774836"}
BLUSH = {"pale": "#ff8f94", "light": "#f77c74", "tan": "#d4534a", "brown": "#d0483f", "dark": "#b8403f"}
FRECKLES = {"pale": "#c07a52", "light": "#b06a3e", "tan": "#8a4a20", "brown": "#5a2c10", "dark": "#2c1408"}
HAIR = {
    "black": "#33303f",
    "brown": "#7d4b30",
    "blonde": "#f8d568",
    "ginger": "#ee7d2c",
    "red": "#c5283a",
    "white": "#f3f2f8",
    "grey": "#8f95a6",
    "pink": "#f893bd",
    "purple": "#8d5cc9",
    "blue": "#3b6fd9",
    "turquoise": "#3fc6c4",
    "green": "#4fa653",
}
EYES = {
    "brown": "#8a4a1e",
    "gold": "#f5b81e",
    "green": "#2fae4c",
    "turquoise": "#1fc7c9",
    "blue": "#2a6df0",
    "purple": "#8a3fe0",
    "pink": "#f75fae",
    "red": "#e02330",
    "grey": "#8c97a6",
}
CLOTH = {
    "black": "#37363f",
    "white": "#f7f7fb",
    "grey": "#9aa0ab",
    "red": "#df3b43",
    "pink": "#f98fbd",
    "orange": "#f58b2e",
    "yellow": "#fbd544",
    "green": "#45a95a",
    "blue": "#3a77dd",
    "purple": "#8f58cf",
}
GROUND = {
    "white": "#fdfdfd",
    "grey": "#c6cbd4",
    "blue": "#9fd2f7",
    "green": "#a5dfae",
    "yellow": "#fdec8b",
    "pink": "#fbbdd6",
    "purple": "#c9b7f2",
    "black": "#2b2d3a",
}
GOLD, PEARL, STEEL = "#f7c948", "#f4f1ea", "#c3cad6"


class Tones(NamedTuple):
    """Paints of one colour: what `fill` and `stroke` take."""

    base: str
    shade: str
    light: str
    line: str


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue (0 to 255) of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@cache
def mix(one: str, other: str, share: float) -> str:
    """Return a colour on the way from one to another; a share of 1 is the other."""
    mixed = (round(a + (b - a) * share) for a, b in zip(rgb(one), rgb(other), strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def luminance(colour: str) -> float:
    """Return how light a colour looks, 0 to 1 (Rec. 601)."""
    red, green, blue = rgb(colour)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


@cache
def tones(colour: str) -> Tones:
    """Return the tones of a colour: shades lean to violet, as in paintings, and whites have grey outlines."""
    bright = luminance(colour)
    if bright > 0.92:
        return Tones(colour, mix(colour, "#a9aed0", 0.42), "#ffffff", "#8287a6")
    if bright < 0.24:
        return Tones(colour, mix(colour, "#100c1c", 0.5), mix(colour, "#9aa0d0", 0.38), mix(colour, "#08060f", 0.75))
    return Tones(colour, mix(colour, "#5a2a6e", 0.24), mix(colour, "#ffffff", 0.42), mix(colour, "#2a1030", 0.55))


@cache
def skin_tones(name: str) -> Tones:
    """Return the tones of a skin: warm ones."""
    colour = SKIN[name]
    return Tones(colour, mix(colour, "#b0405a", 0.24), mix(colour, "#ffffff", 0.4), mix(colour, "#5a1a20", 0.6))


def near(colour: str, palette: Mapping[str, str]) -> str:
    """Return the name in a palette of the colour that is nearest."""
    return min(
        palette, key=lambda name: sum((a - b) ** 2 for a, b in zip(rgb(palette[name]), rgb(colour), strict=True))
    )
