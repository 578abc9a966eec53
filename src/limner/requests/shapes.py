"""Shapes of boxes inside requests: a mask each, stretched over its box, kept as a small PNG of white and black.

A shape moves and stretches with its box, and says nothing of what lies outside it.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from limner import pictures
from limner.errors import UserError
from limner.requests import pixels

SIDE = 64
"""Cells of a side of a shape that is kept; some 100 to 700 characters of base64."""
MOST_SIDE = 1024
"""Pixels of a side of a mask that is read."""


def encode(shape: np.ndarray, box: Sequence[float] = (0, 0, 1, 1)) -> str:
    """Return the shape of a box as the small PNG that a request keeps, of a mask of the whole picture.

    Args:
        shape: (h, w), shares from 0 to 1.
        box: x, y, width and height in shares of the picture.

    Returns:
        the PNG in base64; empty where no half of a cell is covered.
    """
    cover = Image.fromarray(np.round(np.asarray(shape, dtype=np.float32).clip(0, 1) * 255).astype(np.uint8))
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    if right <= left or bottom <= top:
        return ""
    pixels_of = (left * cover.width, top * cover.height, right * cover.width, bottom * cover.height)
    kept = _fitted(cover.resize((SIDE, SIDE), Image.Resampling.BOX, box=pixels_of))
    return _png(kept) if kept.getextrema()[1] else ""


def small(encoded: str, name: str) -> str:
    """Return an encoded mask as the small PNG that a request keeps; what is so already stays.

    Raises:
        UserError: it cannot be read, is too large, or nothing in it is white; `name` says whose it is.
    """
    data = pixels.decoded(encoded, name)
    try:
        width, height = pictures.check_size(data)
        if max(width, height) > MOST_SIDE:
            raise UserError(f"{name} has {width} x {height} pixels: {MOST_SIDE} a side are the limit, so shrink it")
        image = pictures.load(data)
    except pictures.BadPicture as error:
        raise UserError(f"{name} {error}") from None
    kept = _fitted(pictures.rgb(image).convert("L"))
    if not kept.getextrema()[1]:
        raise UserError(f"{name} is black all over: paint the thing white, or leave its mask out to have it drawn")
    is_small = image.mode == "1" and image.size == (SIDE, SIDE) and len(data) <= SIDE * SIDE
    return encoded if is_small and data.startswith(b"\x89PNG") else _png(kept)


@functools.lru_cache(maxsize=1024)
def array(encoded: str) -> np.ndarray:
    """Return what `small` returned as bool (SIDE, SIDE); do not write to it."""
    with Image.open(io.BytesIO(base64.b64decode(encoded)), formats=("PNG",)) as image:
        found = np.asarray(_fitted(image.convert("L"))) > 0
    found.setflags(write=False)
    return found


def _fitted(cover: Image.Image) -> Image.Image:
    """Return a mask of mode L stretched to `SIDE` cells a side, white where half of a cell is: mode 1."""
    if cover.size != (SIDE, SIDE):
        cover = cover.resize((SIDE, SIDE), Image.Resampling.BOX)
    return cover.point(lambda value: 255 * (value >= pixels.SURE)).convert("1")


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
