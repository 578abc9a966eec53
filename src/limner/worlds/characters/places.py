"""Where the parts of a character are: boxes, masks and key points, which move with it.

A part is drawn alone once per process, far larger than needed; the hull of what it covers is kept, and moved with the
head or the body for each picture, so that a box costs no further drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from limner.worlds.characters import faces
from limner.worlds.characters.drawing import Affine, Piece, document, figure, head, pieces, placed
from limner.worlds.characters.eyes import APART, LEVEL
from limner.worlds.characters.pen import MIDDLE, SIDE, Point
from limner.worlds.characters.sampler import NONE, Character
from limner.worlds.vector import rasterise

PARTS = ("face", "hair", "eyes", "mouth", "clothing", "headwear", "glasses", "earrings", "neckwear")
"""What has a box and a mask where it is there."""
PERSON = "person"
"""Label of the box around all of them."""
_MARGIN, _FINE = 64, 192
_KEYS = {
    "face": ("face",),
    "hair": ("hair_style", "fringe"),
    "eyes": ("eye_shape", "eyes", "presentation"),
    "mouth": ("mouth",),
    "clothing": ("clothing", "presentation"),
    "headwear": ("headwear",),
    "glasses": ("glasses",),
    "earrings": ("earrings",),
    "neckwear": ("neckwear",),
}
"""The attributes on which the outline of each part depends."""
_HULLS: dict[tuple[str, ...], dict[str, list[Point]]] = {}


def parts_of(character: Character) -> list[str]:
    """Return the parts that can be seen, in the order of `PARTS`."""
    drawn = character.drawn
    absent = {part for part in ("headwear", "glasses", "earrings", "neckwear") if drawn[part] == NONE}
    absent |= {"eyes"} if character.attributes["eyes"] is None else set()
    absent |= {"hair"} if drawn["hair_style"] == "bald" else set()
    return [part for part in PARTS if part not in absent]


def boxes(character: Character, size: int) -> dict[str, tuple[float, float, float, float]]:
    """Return left, top, width and height in pixels of the person and of each part, as drawn alone, within the picture."""
    affines = {"head": head(character.pose), "body": figure(character.pose)}
    found = {}
    for part in parts_of(character):
        key = (part, *(character.drawn[name] for name in _KEYS[part]))
        if key not in _HULLS:
            _HULLS[key] = _hulls([piece for piece in pieces(character) if piece.part == part and piece.drawing])
        polygons = (_moved(hull, affines[fixed]) for fixed, hull in _HULLS[key].items())
        inside = [point for polygon in polygons for point in _within(polygon)]
        if inside:
            found[part] = _around(inside, size)
    ends = [(x, y, x + w, y + h) for x, y, w, h in found.values()]
    left, top = (min(end[k] for end in ends) for k in (0, 1))
    right, bottom = (max(end[k] for end in ends) for k in (2, 3))
    return {PERSON: (left, top, right - left, bottom - top), **found}


def _hulls(layers: list[Piece]) -> dict[str, list[Point]]:
    """Return the convex hull of what layers cover, for those of the head and of the body."""
    found = {}
    wide = SIDE + 2 * _MARGIN
    for fixed in {layer.fixed for layer in layers}:
        body = "".join(layer.drawing for layer in layers if layer.fixed == fixed)
        svg = document(body).replace(f"0 0 {SIDE} {SIDE}", f"{-_MARGIN} {-_MARGIN} {wide} {wide}")
        covered = rasterise(svg, _FINE)[..., 3] > 127
        unit = wide / _FINE
        corners = []
        for y in np.flatnonzero(covered.any(1)).tolist():
            columns = np.flatnonzero(covered[y]).tolist()
            left, right = columns[0], columns[-1]
            corners += [(left, y), (right + 1, y), (left, y + 1), (right + 1, y + 1)]
        found[fixed] = [(x * unit - _MARGIN, y * unit - _MARGIN) for x, y in _convex(corners)]
    return {fixed: hull for fixed, hull in found.items() if hull}


def _convex(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the convex hull (Andrew's monotone chain)."""
    ranked = sorted(set(points))

    def chain(run: list[tuple[int, int]]) -> list[tuple[int, int]]:
        kept: list[tuple[int, int]] = []
        for x, y in run:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], (x, y)) <= 0:
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    return chain(ranked) + chain(ranked[::-1])


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _moved(points: list[Point], affine: Affine) -> list[Point]:
    a, b, c, d, e, f = affine
    return [(a * x + c * y + e, b * x + d * y + f) for x, y in points]


def _within(polygon: list[Point]) -> list[Point]:
    """Return the corners of a convex polygon cut off at the edges of the sheet (Sutherland and Hodgman 1974)."""
    if all(min(point) >= 0 and max(point) <= SIDE for point in polygon):
        return polygon
    for axis, bound, sign in ((0, 0, 1), (0, SIDE, -1), (1, 0, 1), (1, SIDE, -1)):
        kept = list[Point]()
        for before, after in _pairs(polygon):
            p, q = (before[axis] - bound) * sign, (after[axis] - bound) * sign
            if p * q < 0:
                t = p / (p - q)
                kept.append((before[0] + t * (after[0] - before[0]), before[1] + t * (after[1] - before[1])))
            if q >= 0:
                kept.append(after)
        polygon = kept
    return polygon


def _pairs(polygon: list[Point]) -> Iterator[tuple[Point, Point]]:
    return zip([*polygon[-1:], *polygon[:-1]], polygon, strict=True)


def _around(points: list[Point], size: int) -> tuple[float, float, float, float]:
    """Return the box of points; 64ths of a pixel are exact in 32 bits, so none reaches over the edge by rounding."""
    scale = size / SIDE * 64
    left, top = (round(min(point[axis] for point in points) * scale) / 64 for axis in (0, 1))
    right, bottom = (round(max(point[axis] for point in points) * scale) / 64 for axis in (0, 1))
    return max(left, 0.0), max(top, 0.0), min(right, size) - max(left, 0.0), min(bottom, size) - max(top, 0.0)


@lru_cache(maxsize=1)
def _points() -> dict[str, Point]:
    eyes = {f"{side} eye": (MIDDLE + sign * APART, LEVEL) for side, sign in (("left", -1), ("right", 1))}
    return {**eyes, "nose": faces.NOSE, "mouth": faces.MOUTH}


def keypoints(character: Character, size: int) -> dict[str, tuple[float, float, bool]]:
    """Return x and y in pixels of each key point, and whether it can be seen; left and right are the picture's."""
    points = {**_points(), "chin": (float(MIDDLE), faces.CHIN[character.drawn["face"]])}
    patched = character.drawn["glasses"] == "eyepatch"
    found = {}
    for label, (x, y) in zip(points, _moved(list(points.values()), head(character.pose)), strict=True):
        seen = not (label.endswith("eye") and character.attributes["eyes"] is None)
        found[label] = (x * size / SIDE, y * size / SIDE, seen and not (patched and label == "right eye"))
    if character.pose.flipped:  # the drawing's left is then the picture's right
        found |= {"left eye": found["right eye"], "right eye": found["left eye"]}
    return found


def masks(character: Character, size: int) -> dict[str, np.ndarray]:
    """Return what each part covers, drawn alone, also where another lies over it: uint8 (size, size), 0 to 255."""
    layers = pieces(character)
    return {
        part: rasterise(document(placed((one for one in layers if one.part == part), character.pose)), size)[
            ..., 3
        ].copy()
        for part in parts_of(character)
    }
