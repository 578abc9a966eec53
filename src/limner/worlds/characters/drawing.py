"""A character put together: layers from the ground to what is worn on the head, as one SVG document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from limner.worlds.characters import eyes as eye_parts
from limner.worlds.characters import faces, fringes, headwear, palette
from limner.worlds.characters.clothes import CLOTHES, neck, necklace, scarf
from limner.worlds.characters.grounds import ground
from limner.worlds.characters.hair import STYLES
from limner.worlds.characters.palette import Tones, mix, tones
from limner.worlds.characters.pen import SIDE, group, shape, symmetric
from limner.worlds.characters.sampler import Character, Pose

Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f) of an SVG matrix: x' = a x + c y + e, y' = b x + d y + f."""
_TURNS_AT = (128.0, 196.0)
"""The point of the neck about which the head tilts."""
_WIDTHS = {"girl": 0.93, "boy": 1.1, "none": 1.0}
"""Shoulders."""
_HEAD, _HAT_UP = 0.97, -13


@lru_cache(maxsize=512)
def _hair_tones(colour: str, second: str | None, dye: str) -> tuple[Tones, str]:
    """Return the paints of hair, and the gradients that they refer to."""
    one = tones(palette.HAIR[colour])
    if dye == "none" or second is None:
        return one, ""
    other = tones(palette.HAIR[second])
    if dye == "tips":
        ends, stops = 'x1="0" y1="160" x2="0" y2="192"', ("0", "1")
    else:
        ends, stops = 'x1="127" y1="0" x2="129" y2="0"', ("0.4", "0.6")
    made = "".join(
        f'<linearGradient id="h{name}" gradientUnits="userSpaceOnUse" {ends}><stop offset="{stops[0]}" '
        f'stop-color="{a}"/><stop offset="{stops[1]}" stop-color="{b}"/></linearGradient>'
        for name, a, b in zip(
            "bsl", (one.base, one.shade, one.line), (other.base, other.shade, other.line), strict=True
        )
    )
    light = one.light
    if dye == "halves":
        made += (
            f'<linearGradient id="hh" gradientUnits="userSpaceOnUse" {ends}><stop offset="0.4" stop-color="{one.light}"/>'
            f'<stop offset="0.6" stop-color="{other.light}"/></linearGradient>'
        )
        light = "url(#hh)"
    return Tones("url(#hb)", "url(#hs)", light, "url(#hl)"), f"<defs>{made}</defs>"


def _hair_of(drawn: Mapping[str, str]) -> tuple[Tones, str]:
    return _hair_tones(drawn["hair_colour"], drawn["second_hair_colour"], drawn["hair_dye"])


@lru_cache(maxsize=4096)
def _back(style: str, hair: Tones) -> str:
    return STYLES[style].back(hair)


@lru_cache(maxsize=4096)
def _over(style: str, hair: Tones) -> str:
    over = STYLES[style].over
    return over(hair) if over else ""


@lru_cache(maxsize=4096)
def _front(style: str, fringe: str, hair: Tones) -> str:
    if style in fringes.OWN:
        return fringes.OWN[style](hair)
    return fringes.lock(STYLES[style].lock, hair) + fringes.fringe(fringe, hair)


@lru_cache(maxsize=4096)
def _clothes(name: str, colour: str, skin: str, presentation: str) -> str:
    worn = CLOTHES[name](tones(palette.CLOTH[colour]), palette.skin_tones(skin))
    width = _WIDTHS[presentation]
    return group(worn, f"matrix({width:g} 0 0 1 {128 - 128 * width:g} 0)")


@lru_cache(maxsize=64)
def _neckwear(name: str, colour: str) -> str:
    if name == "scarf":
        return scarf(tones(palette.CLOTH[colour]))
    return necklace() if name == "necklace" else ""


@lru_cache(maxsize=4096)
def _eyes(shape_name: str, state: str, colour: str, presentation: str, skin: str) -> str:
    tone = palette.skin_tones(skin)
    lid = mix(tone.base, tone.shade, 0.4)
    lashes, height = presentation == "girl", 0.9 if presentation == "boy" else 1.0
    return eye_parts.eyes(shape_name, state, palette.EYES[colour], lashes, lid, height)


@lru_cache(maxsize=1024)
def _face(name: str, skin: str, style: str, fringe: str) -> str:
    """Return the face with its ears, and the shadow of the fringe on it."""
    tone = palette.skin_tones(skin)
    cast = ""
    if STYLES[style].fringe:
        clip = f'<clipPath id="fc"><path d="{symmetric(faces.OUTLINES[name])}"/></clipPath>'
        cast = (
            f'{clip}<g clip-path="url(#fc)">{group(shape(fringes.outline(fringe), tone.shade), "translate(0 8)")}</g>'
        )
    return faces.ears(tone) + faces.face(name, tone) + cast


@lru_cache(maxsize=1024)
def _brows(name: str, colour: str | None, presentation: str) -> str:
    base = palette.HAIR[colour or "brown"]
    dark = palette.luminance(base) < 0.3
    paint = mix(base, "#b4b4d8", 0.42) if dark else mix(base, "#2a1030", 0.72)
    return faces.brows(name, paint, 7.6 if presentation == "boy" else 6)


@lru_cache(maxsize=1024)
def _worn(name: str, colour: str, drawings: str) -> str:
    table = {"behind": headwear.BEHIND, "small": headwear.SMALL, "hats": headwear.HATS}[drawings]
    return table[name](tones(palette.CLOTH[colour])) if name in table else ""


class Piece(NamedTuple):
    """One layer: the part that it belongs to, what it is fixed to (`head` tilts, `body` does not), its drawing."""

    part: str
    fixed: str
    drawing: str


def pieces(character: Character) -> list[Piece]:
    """Return every layer of the figure, from behind."""
    drawn = character.drawn
    hair, gradients = _hair_of(drawn)
    style, hat, colour, skin = drawn["hair_style"], drawn["headwear"], drawn["headwear_colour"], drawn["skin_tone"]
    brow_colour = None if style == "bald" else drawn["hair_colour"]
    return [
        Piece("hair", "head", gradients + _back(style, hair)),
        Piece("neck", "body", neck(palette.skin_tones(skin))),
        Piece("clothing", "body", _clothes(drawn["clothing"], drawn["clothing_colour"], skin, drawn["presentation"])),
        Piece("neckwear", "body", _neckwear(drawn["neckwear"], drawn["scarf_colour"])),
        Piece("hair", "head", _over(style, hair)),
        Piece("headwear", "head", _worn(hat, colour, "behind")),
        Piece("face", "head", _face(drawn["face"], skin, style, drawn["fringe"])),
        Piece("cheeks", "head", faces.cheeks(drawn["cheeks"], skin)),
        Piece("mouth", "head", faces.mouth(drawn["mouth"], palette.skin_tones(skin))),
        Piece(
            "eyes", "head", _eyes(drawn["eye_shape"], drawn["eyes"], drawn["eye_colour"], drawn["presentation"], skin)
        ),
        Piece("hair", "head", _front(style, drawn["fringe"], hair)),
        Piece("eyebrows", "head", _brows(drawn["eyebrows"], brow_colour, drawn["presentation"])),
        Piece("glasses", "head", headwear.glasses(drawn["glasses"])),
        Piece("earrings", "head", headwear.earrings(drawn["earrings"])),
        Piece(
            "headwear",
            "head",
            _worn(hat, colour, "small") + group(_worn(hat, colour, "hats"), f"translate(0 {_HAT_UP})"),
        ),
    ]


def figure(pose: Pose) -> Affine:
    """Return the transform of the body: scaled at the foot of the sheet, then shifted."""
    s = pose.scale
    return s, 0.0, 0.0, s, SIDE / 2 * (1 - s) + pose.across, SIDE * (1 - s) + pose.down


def head(pose: Pose) -> Affine:
    """Return the transform of the head: mirrored or not, tilted about the neck, then as the body."""
    s, _, _, _, e, f = figure(pose)
    x, y = _TURNS_AT
    cos, sin = (_HEAD * part(math.radians(pose.tilt)) for part in (math.cos, math.sin))
    flip = -1.0 if pose.flipped else 1.0
    a, b, c, d = cos * flip, sin * flip, -sin, cos
    # Mirrored in the middle line first, which goes through the point of the neck.
    return s * a, s * b, s * c, s * d, s * (x - a * x - c * y) + e, s * (y - b * x - d * y) + f


def matrix(affine: Affine) -> str:
    """Return an SVG transform."""
    return "matrix({})".format(" ".join(f"{value:.5g}" for value in affine))


def placed(layers: Iterable[Piece], pose: Pose) -> str:
    """Return layers at their places on the sheet."""
    places = {"body": matrix(figure(pose)), "head": matrix(head(pose))}
    return "".join(group(layer.drawing, places[layer.fixed]) for layer in layers if layer.drawing)


def person(character: Character) -> str:
    """Return the figure without its ground, placed on the sheet."""
    return placed(pieces(character), character.pose)


def background(character: Character) -> str:
    """Return the ground."""
    return ground(character.drawn["pattern"], palette.GROUND[character.drawn["background"]])


def document(body: str) -> str:
    """Return elements of the sheet as an SVG document."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" viewBox="0 0 {SIDE} {SIDE}">{body}</svg>'
