"""Backgrounds: a colour, and a pattern of a tone beside it."""

from __future__ import annotations

import math

from limner.worlds.characters.palette import GROUND, luminance, mix
from limner.worlds.characters.pen import SIDE, ellipse, heart, shape, star

PATTERNS = ("plain", "stripes", "dots", "checks", "stars", "hearts", "rays", "clouds")


def _second(colour: str) -> str:
    bright = luminance(colour)
    if colour == GROUND["yellow"]:
        return "#f8cf5c"
    if bright > 0.9:
        return mix(colour, "#8a90b8", 0.3)
    return mix(colour, "#ffffff", 0.24 if bright < 0.3 else 0.62)


def ground(pattern: str, colour: str) -> str:
    """Return a background of the whole sheet."""
    full = f'<rect width="{SIDE}" height="{SIDE}" fill="{colour}"/>'
    tone = _second(colour)
    if pattern == "stripes":
        lines = "".join(f"M{x} -10L{x - 150} 276" for x in range(16, 440, 40))
        return full + f'<path d="{lines}" stroke="{tone}" stroke-width="17" fill="none"/>'
    if pattern == "dots":
        return full + "".join(
            ellipse(x + 20 * (k % 2), y, 9.5, 9.5, tone)
            for k, y in enumerate(range(14, 260, 33))
            for x in range(0, 260, 40)
        )
    if pattern == "checks":
        return full + "".join(
            f'<rect x="{x}" y="{y}" width="32" height="32" fill="{tone}"/>'
            for y in range(0, 256, 32)
            for x in range(y % 64, 256, 64)
        )
    if pattern == "stars":
        return full + "".join(shape(star(x, y, 19, turn=0.2), tone) for x, y in _scatter())
    if pattern == "hearts":
        return full + "".join(shape(heart(x, y, 14), tone) for x, y in _scatter())
    if pattern == "rays":
        rays = "".join(
            f"M128 140L{128 + 260 * math.cos(a):.1f} {140 + 260 * math.sin(a):.1f}L{128 + 260 * math.cos(a + 0.2):.1f} {140 + 260 * math.sin(a + 0.2):.1f}Z"
            for a in (k * math.pi / 8 for k in range(16))
        )
        return full + shape(rays, tone)
    if pattern == "clouds":
        return full + "".join(
            ellipse(x, y, 30, 15, tone) + ellipse(x - 12, y - 9, 16, 15, tone) + ellipse(x + 11, y - 12, 18, 17, tone)
            for x, y in ((36, 52), (218, 40), (20, 150), (238, 138), (120, 16), (44, 236), (212, 228))
        )
    return full


def _scatter() -> list[tuple[int, int]]:
    return [
        (26, 26),
        (88, 18),
        (168, 20),
        (230, 30),
        (20, 90),
        (236, 96),
        (30, 156),
        (226, 162),
        (18, 222),
        (238, 226),
        (64, 60),
        (196, 66),
        (70, 196),
        (190, 200),
    ]
