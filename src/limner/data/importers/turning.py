"""Boxes and masks of pictures that are stored lying and shown upright (EXIF), turned with them.

Whether a set's boxes are for the picture as it is stored or as it is shown, its own width and height tell: those of a
picture that is turned by a quarter fit one of the two. Where a picture is square, or turned by half, the first other
one that can tell does; where none can, the boxes are taken for those of the stored picture, as tools of that time were.
"""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image

Box = tuple[float, float, float, float]
Size = tuple[int, int]
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turned_box(box: Box, orientation: int, size: Size) -> Box:
    """Return left, top, width, height in the upright picture; `size` is the width and height of the stored one."""
    x, y, wide, high = box
    width, height = size
    right, bottom = width - x - wide, height - y - high
    return {
        2: (right, y, wide, high),
        3: (right, bottom, wide, high),
        4: (x, bottom, wide, high),
        5: (y, x, high, wide),
        6: (bottom, x, high, wide),
        7: (bottom, right, high, wide),
        8: (y, right, high, wide),
    }.get(orientation, box)


def turned_mask(mask: Image.Image, orientation: int) -> Image.Image:
    """Return the mask of the upright picture."""
    return mask.transpose(_TURNS[orientation]) if orientation in _TURNS else mask


def is_for_stored(annotated: Size, stored: Size, orientation: int) -> bool | None:
    """Tell whether annotations of a width and height are for the picture as it is stored; None where both fit.

    Raises:
        ValueError: they fit neither.
    """
    shown = stored[::-1] if orientation >= 5 else stored
    if annotated not in (stored, shown):
        raise ValueError("of another size")
    return None if shown == stored and orientation != 1 else annotated == stored


def first_known(found: Iterable[bool | None]) -> bool:
    """Return what the first picture tells that can tell; True, for the stored one, where none can."""
    return next((one for one in found if one is not None), True)
