"""Masks as COCO writes them, drawn: polygons, and run lengths as numbers or as the text of its own tools.

A mask is drawn as the coverage of each pixel, 0 to 255, as Limner's worlds keep theirs. Run lengths are exact and give
0 and 255 alone; polygons are drawn four times as large and reduced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

_FINER = 4


def draw(segmentation: Any, size: tuple[int, int]) -> Image.Image:
    """Draw the `segmentation` of an annotation over a picture of `size`, width and height: mode L, 0 to 255.

    Raises:
        ValueError: it is neither polygons nor run lengths of such a picture.
    """
    if isinstance(segmentation, list) and segmentation:
        return _polygons([_corners(one) for one in segmentation], size)
    match segmentation:
        case {"counts": counts, "size": [height, width]} if (width, height) == size:
            runs = _spelt(counts) if isinstance(counts, str) else counts
            return _runs(runs, size)
    raise ValueError("it is neither polygons nor run lengths of the picture's size")


def _corners(numbers: Any) -> np.ndarray:
    """Return x and y of each corner: float64 (corners, 2)."""
    plain = isinstance(numbers, list) and all(type(one) in (int, float) for one in numbers)
    if not plain or len(numbers) < 6 or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
        raise ValueError("a polygon is not the x and y of three corners or more")
    return np.array(numbers, np.float64).reshape(-1, 2)


def _polygons(polygons: Sequence[np.ndarray], size: tuple[int, int]) -> Image.Image:
    """Draw all polygons as one, within the part of the picture that they touch."""
    every = np.concatenate(polygons)
    left, top = np.clip(np.floor(every.min(axis=0)), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(every.max(axis=0)) + 1, 0, size).astype(int)
    whole = Image.new("L", size)
    if left >= right or top >= bottom:
        return whole
    part = Image.new("L", (int(right - left) * _FINER, int(bottom - top) * _FINER))
    pen = ImageDraw.Draw(part)
    for corners in polygons:
        inside = (corners - (left, top)) * _FINER - 0.5  # Pillow counts from the middles of pixels
        pen.polygon(inside.ravel().tolist(), fill=255)
    whole.paste(part.reduce(_FINER), (int(left), int(top)))
    return whole


def _runs(runs: Any, size: tuple[int, int]) -> Image.Image:
    """Draw how many pixels are out, in, out, ... by turns, down each column, the left one first."""
    width, height = size
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise ValueError("its run lengths are not whole numbers")
    ends = list(accumulate(runs, initial=0))
    if ends[-1] != width * height:
        raise ValueError("its run lengths do not add up to the pixels of the picture")
    flat = np.zeros(width * height, np.uint8)
    for start, stop in list(pairwise(ends))[1::2]:
        flat[start:stop] = 255
    return Image.fromarray(np.ascontiguousarray(flat.reshape(width, height).T))


def _spelt(text: str) -> list[int]:
    """Read run lengths from text as COCO's maskApi.c writes them.

    A number is spelt in fives of bits, the lowest first, each as the character 48 later; 32 is added where more
    follow, and the last five's highest bit is the sign. From the fourth on, each is the difference to the second
    before it.
    """
    runs: list[int] = []
    number = shift = 0
    for character in text:
        five = ord(character) - 48
        if not 0 <= five < 64 or shift > 60:
            raise ValueError("its run lengths are spelt with characters that stand for nothing")
        number |= (five & 31) << shift
        shift += 5
        if not five & 32:
            number -= (five & 16) << (shift - 4)
            runs.append(number + runs[-2] if len(runs) > 2 else number)
            number = shift = 0
    if shift:
        raise ValueError("its run lengths end too early")
    return runs
