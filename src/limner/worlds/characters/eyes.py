"""Eyes: what they are like (shape), what they do (state), and a colour that can be seen from afar."""

from __future__ import annotations

from limner.worlds.characters.palette import mix
from limner.worlds.characters.pen import ellipse, shape, star, stroke

APART, LEVEL, SIZE = 31.0, 138.0, 1.13
"""Distance of an eye from the middle line, and its height on the sheet."""
INK = "#2b1a2c"
LIDS = {
    "round": (
        "M-18 -2C-17 -17 -8 -22 1 -22C11 -22 18 -15 18 -1C18 11 13 20 1 20C-11 20 -17 10 -18 -2Z",
        "M-19 -1C-17 -17 -8 -23 1 -23C12 -23 18 -15 20 -2",
    ),
    "sharp": (
        "M-18 6C-15 -7 -5 -14 18 -19C20 -5 17 9 8 15C-3 20 -13 16 -18 6Z",
        "M-20 7C-16 -7 -5 -14 23 -24",
    ),
    "droopy": (
        "M-18 -17C-8 -19 4 -14 11 -7C17 -1 20 5 20 11C13 20 0 20 -8 16C-16 10 -20 -3 -18 -17Z",
        "M-21 -17C-8 -20 5 -15 12 -7C18 -1 22 7 25 15",
    ),
}
"""Of each shape, the white and the upper lid of the right eye around its middle; x grows outwards."""


def _iris(colour: str, rx: float, ry: float, y: float) -> str:
    """Return iris and pupil, dark above and bright below."""
    dark, bright = mix(colour, "#140a24", 0.55), mix(colour, "#ffffff", 0.45)
    ring = mix(colour, "#140a24", 0.62)
    return (
        ellipse(0, y, rx, ry, colour, ring, 2)
        + f'<path d="M{-rx + 1:g} {y - 1:g}A{rx - 1:g} {ry - 1:g} 0 0 1 {rx - 1:g} {y - 1:g}Q0 {y - 7:g} {-rx + 1:g} {y - 1:g}Z" fill="{dark}"/>'
        + ellipse(0, y + ry * 0.52, rx * 0.62, ry * 0.34, bright)
        + ellipse(0, y - 1, rx * 0.34, ry * 0.4, mix(colour, "#0a0414", 0.85))
    )


def _gleams(x: float, y: float, size: float) -> str:
    """Return highlights; they are on the same side of both eyes, since there is one light."""
    return ellipse(x - 5 * size, y - 8 * size, 4.8 * size, 5.4 * size, "#ffffff") + ellipse(
        x + 5.5 * size, y + 6 * size, 2.5 * size, 2.8 * size, "#ffffff"
    )


def _open(kind: str, state: str, colour: str, lashes: bool, skin_shade: str, mark: str) -> str:
    """Return an open right eye around (0, 0), without highlights."""
    white, lid = LIDS[kind]
    iris = _iris(colour, 13.5, 17.5, 1.5)
    if state == "wide":
        white, lid = (
            "M-19 0C-19 -17 -10 -25 1 -25C12 -25 20 -16 20 0C20 15 12 23 1 23C-10 23 -19 15 -19 0Z",
            "M-20 -3C-18 -19 -9 -26 1 -26C13 -26 20 -18 21 -4",
        )
        iris = _iris(colour, 9.5, 11, 0)
    if state == "starry":
        iris += shape(star(0, 1, 12.5), "#fff6a8", "#ffffff", 1)
    clip = f"e{kind[0]}{state[0]}{mark}"
    inside = f'<clipPath id="{clip}"><path d="{white}"/></clipPath>'
    body = f'<path d="{white}" fill="#ffffff"/><path d="{lid}L24 -30H-24Z" fill="none"/>' + iris
    shadow = f'<path d="{lid}" transform="translate(0 4)" fill="none" stroke="#b9b6d6" stroke-opacity=".75" stroke-width="5"/>'
    drawn = inside + f'<g clip-path="url(#{clip})">{body}{shadow if state != "wide" else ""}</g>'
    lower = {
        "round": "M-9 19.5C-3 21.5 6 21.5 11 18.5",
        "sharp": "M-8 17C0 19 6 17 11 13",
        "droopy": "M-4 18C4 20 12 17 17 10",
    }
    drawn += stroke("M-9 23C-3 25 6 25 11 22" if state == "wide" else lower[kind], INK, 2)
    if state == "sleepy":
        drawn += f'<path d="M-22 2C-20 -22 -8 -26 1 -26C12 -26 21 -20 22 1Q1 -5 -22 2Z" fill="{skin_shade}"/>'
        lid = "M-21 2Q1 -6 22 2"
    drawn += stroke(lid, INK, 5.6 if lashes else 4.8)
    if lashes:
        flick = {
            "round": "M18 -8L28 -12M15 -15L24 -22M9 -20L14 -28",
            "sharp": "M20 -20L31 -25M16 -20L23 -30",
            "droopy": "M23 8L30 6M19 -1L27 -5",
        }
        drawn += stroke("M20 0L28 -4M19 -2L25 -10" if state == "sleepy" else flick[kind], INK, 3.6)
    return drawn


def _shut(state: str, lashes: bool) -> str:
    """Return a shut right eye around (0, 0)."""
    if state == "happy":
        drawn = stroke("M-18 9C-13 -9 13 -9 18 9", INK, 5.4)
        return drawn + (stroke("M17 3L25 -1M14 -2L21 -8", INK, 3) if lashes else "")
    drawn = stroke("M-18 2C-12 16 12 16 18 2", INK, 5.4)
    return drawn + (stroke("M17 6L25 9M10 12L15 19", INK, 3) if lashes else "")


def eyes(shape_name: str, state: str, colour: str, lashes: bool, skin_shade: str, height: float = 1.0) -> str:
    """Return both eyes at their places; shapes matter only where they are open."""
    drawn = ""
    for side in (-1, 1):
        middle = 128 + side * APART
        shut = state in ("closed", "happy") or (state == "winking" and side < 0)
        if shut:
            one = _shut("closed" if state == "closed" else "happy", lashes)
        else:
            one = _open(shape_name, state, colour, lashes, skin_shade, "l" if side < 0 else "r")
        drawn += f'<g transform="translate({middle:g} {LEVEL:g}) scale({side * SIZE:g} {SIZE * height:g})">{one}</g>'
        if not shut and state != "sleepy":
            drawn += _gleams(middle, LEVEL, 0.7 if state == "wide" else 1.0)
        elif state == "sleepy":
            drawn += ellipse(middle - 4, LEVEL + 6, 3, 3, "#ffffff")
        if state == "tearful":
            drop = f"M{middle + side * 13:g} {LEVEL + 12:g}c9 10 9 22 0 24c-10 -2 -9 -14 0 -24Z"
            pool = f"M{middle - 15:g} {LEVEL + 13:g}q15 12 30 0q-3 10 -15 10q-12 0 -15 -10Z"
            drawn += shape(pool, "#bfeaff", "#5bb7ee", 1.6) + shape(drop, "#9be0ff", "#3c9fe0", 2)
    return drawn
