"""Heads, brows, mouths and cheeks."""

from __future__ import annotations

from limner.worlds.characters.palette import BLUSH, FRECKLES, Tones, mix
from limner.worlds.characters.pen import both, ellipse, group, line, shape, star, stroke, symmetric

OUTLINES = {
    "round": "128,58 166,68 187,104 188,136 177,164 155,183 128,189",
    "pointed": "128,58 166,68 187,104 186,134 172,160 150,182 128,197",
    "square": "128,58 166,68 187,104 189,143 187,164 176,186 153,194 128,195",
}
"""The right half of each face, from the top of the skull to the chin."""
CHIN = {"round": 189.0, "pointed": 197.0, "square": 194.0}
MOUTH = (128.0, 169.0)
NOSE = (128.0, 155.0)
_INSIDE, _TONGUE, _TEETH = "#7c2233", "#f0737f", "#ffffff"


def ears(skin: Tones) -> str:
    """Return both ears, behind the face."""
    return both(ellipse(189, 142, 11, 14, skin.base, skin.line) + ellipse(190, 143, 5.5, 8, skin.shade))


def face(name: str, skin: Tones) -> str:
    """Return the bare face with its nose."""
    shine = both(ellipse(163, 152, 13, 7, mix(skin.base, "#ff7a70", 0.16)))
    nose = stroke(
        line(f"{NOSE[0] - 3},{NOSE[1] - 1} {NOSE[0]},{NOSE[1] + 2} {NOSE[0] + 3},{NOSE[1] - 1}"), skin.line, 2.6
    )
    return shape(symmetric(OUTLINES[name]), skin.base, skin.line) + shine + nose


def cheeks(name: str, skin_name: str) -> str:
    """Return what is on the cheeks."""
    if name == "blush":
        red = BLUSH[skin_name]
        dashes = stroke("M158 166l5 -7M166 167l5 -7M174 166l4 -6", mix(red, "#8a1030", 0.35), 2.2)
        return both(ellipse(166, 163, 16, 9.5, red) + dashes)
    if name == "freckles":
        dots = ((150, 156), (159, 163), (167, 155), (175, 162), (168, 170), (152, 167))
        over = ellipse(128, 147, 3.5, 3.2, FRECKLES[skin_name])
        return over + both("".join(ellipse(x, y, 3.5, 3.2, FRECKLES[skin_name]) for x, y in dots))
    if name == "plaster":
        strip = (
            '<rect x="-20" y="-8.5" width="40" height="17" rx="8" fill="#fff3c9" stroke="#a5743f" '
            'stroke-width="2.6"/><rect x="-7.5" y="-8" width="15" height="16" fill="#f3a65c"/>'
        )
        return f'<g transform="translate(167 166) rotate(-24)">{strip}</g>'
    if name == "star":
        return shape(star(167, 164, 16), "#ffd83d", "#c07a10", 2.4)
    return ""


def mouth(name: str, skin: Tones) -> str:
    """Return a mouth, wide enough to be read at 64 pixels."""
    return group(_mouth(name, mix(skin.line, "#1c0208", 0.8)), f"translate({MOUTH[0]} {MOUTH[1]}) scale(1.32 1.12)")


def _mouth(name: str, ink: str) -> str:
    x = y = 0.0
    if name == "smiling":
        return stroke(line(f"{x - 15},{y - 5} {x - 9},{y + 4} {x},{y + 8} {x + 9},{y + 4} {x + 15},{y - 5}"), ink, 4.4)
    if name == "laughing":
        path = f"M{x - 18} {y - 6}Q{x} {y - 2} {x + 18} {y - 6}C{x + 17} {y + 8} {x + 9} {y + 15} {x} {y + 15}C{x - 9} {y + 15} {x - 17} {y + 8} {x - 18} {y - 6}Z"
        teeth = f"M{x - 15} {y - 4}Q{x} {y} {x + 15} {y - 4}L{x + 13} {y + 2}Q{x} {y + 4} {x - 13} {y + 2}Z"
        return (
            shape(path, _INSIDE)
            + ellipse(x, y + 11, 8, 4, _TONGUE)
            + shape(teeth, _TEETH)
            + shape(path, "none", ink, 3)
        )
    if name == "cat-like":
        return stroke(
            f"M{x - 17} {y - 4}C{x - 16} {y + 8} {x - 2} {y + 8} {x} {y - 2}C{x + 2} {y + 8} {x + 16} {y + 8} {x + 17} {y - 4}",
            ink,
            3.8,
        )
    if name == "serious":
        return stroke(f"M{x - 12} {y + 2}H{x + 12}", ink, 4.6)
    if name == "sad":
        return stroke(
            line(f"{x - 14},{y + 12} {x - 9},{y + 3} {x},{y - 2} {x + 9},{y + 3} {x + 14},{y + 12}"), ink, 4.4
        )
    if name == "surprised":
        return ellipse(x, y + 3, 8, 11, _INSIDE, ink, 3) + ellipse(x, y + 9, 4.6, 3.6, _TONGUE)
    assert name == "tongue out", name
    tongue = f"M{x - 8} {y + 2}H{x + 8}V{y + 9}C{x + 8} {y + 19} {x - 8} {y + 19} {x - 8} {y + 9}Z"
    smile = stroke(line(f"{x - 16},{y - 3} {x - 8},{y + 2} {x},{y + 3} {x + 8},{y + 2} {x + 16},{y - 3}"), ink, 4.2)
    return shape(tongue, "#ff6f86", ink, 2.6) + stroke(f"M{x} {y + 5}V{y + 11}", "#c23a55", 2) + smile


_BROWS = {
    "relaxed": "M-15 3C-8 -2 6 -3 15 2",
    "raised": "M-17 -10C-8 -24 7 -24 16 -11",
    "angry": "M-18 11L14 -7",
    "worried": "M-15 -13C-6 -9 7 -1 16 8",
}
"""The right brow around (158, 108); x grows outwards."""


def brows(name: str, colour: str, width: float) -> str:
    """Return both brows."""
    return both(f'<g transform="translate(159 103)">{stroke(_BROWS[name], colour, width)}</g>')
