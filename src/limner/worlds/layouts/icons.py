"""Flat icons of the layouts world: each is drawn once, large, and then fitted into boxes.

Letters: K boxes, S side of the picture.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from limner.worlds.layouts.rules import Box

LARGE = 128
"""Side of an icon before it is fitted."""
GROUND, FLOOR, HORIZON = (226, 232, 238), (196, 178, 150), 0.78
"""Colours of wall and floor, and where they meet."""
COLOURS = {
    "table": (140, 92, 56), "cup": (214, 60, 60), "plate": (250, 250, 250), "ball": (52, 110, 210),
    "lamp": (240, 190, 40), "cat": (70, 66, 74),
}  # fmt: skip


@functools.cache
def icon(kind: str) -> Image.Image:
    """Return the coverage of an icon that fills a square, from 0 to 255."""
    page = Image.new("L", (LARGE, LARGE))
    pen, end = ImageDraw.Draw(page), LARGE - 1
    if kind in ("ball", "plate"):
        pen.ellipse((0, 0, end, end), 255)
    elif kind == "table":
        pen.rectangle((0, 0, end, 28), 255)
        pen.rectangle((8, 28, 22, end), 255)
        pen.rectangle((end - 22, 28, end - 8, end), 255)
    elif kind == "cup":
        pen.polygon(((0, 0), (92, 0), (80, end), (12, end)), 255)
        pen.ellipse((70, 20, end, 84), outline=255, width=14)
    elif kind == "lamp":
        pen.rectangle((58, 0, 70, 60), 255)
        pen.polygon(((34, 52), (94, 52), (end, end), (0, end)), 255)
    else:
        pen.ellipse((0, 44, 96, end), 255)
        pen.ellipse((62, 10, end, 76), 255)
        pen.polygon(((66, 40), (72, 0), (94, 22)), 255)
        pen.polygon(((100, 22), (122, 0), (126, 40)), 255)
    return page


def pixels(box: Box, size: int) -> tuple[int, int, int, int]:
    """Return left, upper, right and lower edge of the pixels that an icon fills: a pixel each way at least."""
    _, x, y, width, height = box
    left, top = (min(max(round(v * size), 0), size - 1) for v in (x, y))
    right, bottom = (min(max(round(v * size), low + 1), size) for v, low in ((x + width, left), (y + height, top)))
    return left, top, right, bottom


@functools.cache
def _ground(size: int) -> np.ndarray:
    page = np.empty((size, size, 3), dtype=np.uint8)
    page[:] = GROUND
    page[round(HORIZON * size) :] = FLOOR
    return page


@functools.lru_cache(maxsize=65_536)
def _fitted(kind: str, width: int, height: int) -> np.ndarray:
    return np.asarray(icon(kind).resize((width, height), Image.Resampling.BOX), dtype=np.uint16)


def render(boxes: Sequence[Box], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw icons into their boxes, later ones over earlier ones.

    Returns:
        the picture, uint8 (S, S, 3); what can be seen of each icon, as the coverage of each pixel: uint8 (K, S, S).
    """
    page = _ground(size).astype(np.uint16)
    seen = np.zeros((len(boxes), size, size), dtype=np.uint8)
    for place, box in enumerate(boxes):
        left, top, right, bottom = pixels(box, size)
        cover = _fitted(box[0], right - left, bottom - top)
        rest = 255 - cover
        patch = page[top:bottom, left:right]
        patch[:] = (patch * rest[..., None] + cover[..., None] * np.array(COLOURS[box[0]], np.uint16) + 127) // 255
        under = seen[:place, top:bottom, left:right]
        under[:] = (under * rest + 127) // 255
        seen[place, top:bottom, left:right] = cover
    return page.astype(np.uint8), seen
