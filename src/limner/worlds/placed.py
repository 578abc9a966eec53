"""The placed world: avatars at a free scale and position on the flat ground.

Person, captions and attributes of picture ``index`` are those of the avatars world with the same seed; where the person
stands is chosen beside them, and no caption tells of it. Boxes, masks and key points move with the person. All are
functions of their arguments alone. It is there to test whether a picture can be told *where*: in the avatars world the
eyes never move by a pixel.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from limner.worlds import avatars
from limner.worlds.avatars import Avatar, Picture, accepts
from limner.worlds.avatars.parts import artwork
from limner.worlds.avatars.sampler import rgb
from limner.worlds.build import WHOLE, Job, Part, build_world

__all__ = ["VERSION", "Place", "accepts", "build", "features", "place", "render", "row"]

NAME, VERSION = "placed", 1
PERSON = "person"
"""Label of the box around the whole of what stands before the ground."""
SCALES = (0.45, 0.9)
"""Least and largest side of a portrait, in shares of the picture."""
CARD = """# The placed world of Limner

{images} pictures of {size} x {size} pixels (seed {seed}, version {version} of the world): the portraits of the avatars
world at a free scale and position on the flat ground. Built by

    limner data build placed --images {images} --size {size} --seed {seed} -o FOLDER

| column | holds |
|---|---|
| `image` | the picture |
| `text` | five true captions in several styles; none tells of the place |
| `said` | for each caption, the attributes it speaks of |
| `attributes` | one value per attribute, null where it cannot be seen |
| `masks` | the foreground, as the coverage of each pixel from 0 to 255; then what each part covers, drawn alone |
| `boxes` | label and [left, top, width, height] of the person and of each part, in pixels |
| `keypoints` | label, x, y in pixels, and whether it can be seen; left and right are the picture's |
| `index` | the number of the picture: with the seed it determines the row |

A portrait is a square whose side is a share of the picture's, from .45 to .9, uniformly, and which lies anywhere in it.

Provenance: as the avatars world: parts of [python-avatars](https://pypi.org/project/python-avatars/) (MIT licence),
designed by Pablo Stanley ([avataaars.com](https://avataaars.com)), rasterised by
[resvg](https://github.com/linebender/resvg). The people are drawn, not photographed: nobody is depicted.
"""
"""The data set card, formatted with `Job.on_card`."""


class Place(NamedTuple):
    """Where a portrait lies, in pixels of the picture."""

    left: int
    top: int
    side: int


def place(seed: int, index: int, size: int) -> Place:
    """Return where the portrait of picture ``index`` lies in ``size`` x ``size`` pixels."""
    chance = random.Random(f"placed:{VERSION}:{seed}:{index}")
    scale, across, down = chance.uniform(*SCALES), chance.random(), chance.random()
    side = round(scale * size)
    return Place(round(across * (size - side)), round(down * (size - side)), side)


def render(avatar: Avatar, where: Place, size: int) -> Picture:
    """Draw an avatar at its place, boxes with that of the person first."""
    alone = avatars.render(avatar, where.side)
    picture = np.empty((size, size, 3), np.uint8)
    picture[:] = rgb(avatar.colours["background"])
    picture[_window(where)] = alone.rgb
    mask = _pasted(alone.mask, where, size)
    boxes = {
        label: (x + where.left, y + where.top, width, height) for label, (x, y, width, height) in alone.boxes.items()
    }
    points = {label: (x + where.left, y + where.top, seen) for label, (x, y, seen) in alone.keypoints.items()}
    return Picture(picture, mask, {PERSON: _around(mask), **boxes}, points)


def masks_of_parts(avatar: Avatar, where: Place, size: int) -> Mapping[str, np.ndarray]:
    """Return what the person and each part with a box cover, parts as drawn alone: uint8 (size, size)."""
    parts = avatars.masks_of_parts(avatar, where.side)
    return {label: _pasted(mask, where, size) for label, mask in parts.items()}


def _window(where: Place) -> tuple[slice, slice]:
    return slice(where.top, where.top + where.side), slice(where.left, where.left + where.side)


def _pasted(mask: np.ndarray, where: Place, size: int) -> np.ndarray:
    page = np.zeros((size, size), np.uint8)
    page[_window(where)] = mask
    return page


def _around(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Return the box of the pixels of which half is covered."""
    rows, columns = (np.flatnonzero((mask > 127).any(axis)) for axis in (1, 0))
    left, top = float(columns[0]), float(rows[0])
    return left, top, float(columns[-1]) + 1 - left, float(rows[-1]) + 1 - top


def row(seed: int, index: int, size: int) -> dict[str, Any]:
    """Return picture ``index`` as a row of the data set: the columns of `features`."""
    avatar, where = avatars.sample(seed, index), place(seed, index, size)
    picture = render(avatar, where, size)
    masks = {PERSON: picture.mask, **masks_of_parts(avatar, where, size)}
    return avatars.record(avatar, picture, masks, seed=seed, index=index)


def features() -> dict[str, Any]:
    """Return the columns in the notation of Hugging Face ``datasets``: those of the avatars world."""
    return avatars.features()


def build(
    out: str | Path,
    *,
    images: int,
    size: int = 64,
    seed: int = 0,
    workers: int | None = None,
    part: Part = WHOLE,
    progress: Callable[[int, int], None] | None = None,
) -> Path | str:
    """Write ``images`` pictures of ``size`` x ``size`` pixels to ``out`` as Parquet; return ``out``.

    As `avatars.build`: resumable, the same bytes whatever the number of ``workers``.
    """
    artwork()
    return build_world(out, Job(NAME, VERSION, images, size, seed), workers=workers, part=part, progress=progress)
