"""Encoded pictures and masks inside requests: read, made small, written. Imported when a request holds a picture.

Letters: S the side at which a system reads pictures.
"""

from __future__ import annotations

import base64
import binascii
import io
import random
from pathlib import Path

import numpy as np
from PIL import Image

from limner import pictures
from limner.errors import UserError

SURE = 128
"""A pixel of a mask is known from this value on, of 255."""
SPARE = 4_096
"""Bytes that a picture of the right size may have beyond those of its pixels, and is still taken as it is."""


def decoded(encoded: str, name: str) -> bytes:
    """Return what a text in base64 stands for.

    Raises:
        UserError: it is no base64; `name` is that of its field.
    """
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{name} must be a picture in base64, not {encoded[:20]!r}") from None


def check(encoded: str, name: str) -> None:
    """Make sure by its first bytes that an encoded picture is one, and not too large.

    Raises:
        UserError: it is not; `name` is that of its field.
    """
    data = decoded(encoded, name)
    if not data.startswith(pictures.SENT):
        raise UserError(f"{name} is not a picture: send a PNG, JPEG, WebP or GIF in base64")
    try:
        pictures.check_size(data)
    except pictures.BadPicture as error:
        raise UserError(f"{name} {error}") from None


def encode(source: str | Path | Image.Image, what: str) -> str:
    """Return a file, as it is, or an image in base64; a file of a format that is not sent as PNG.

    Raises:
        UserError: the file cannot be read; `what` says of what it is one.
    """
    if isinstance(source, Image.Image):
        return _png(source if source.mode in ("1", "L") else pictures.rgb(source))
    try:
        data = pictures.read(Path(source))
        if not data.startswith(pictures.SENT):
            return encode(pictures.load(data), what)
        return base64.b64encode(data).decode()
    except pictures.BadPicture as error:
        raise UserError(f"{what} {source} {error}") from None


def small(encoded: str, mask: str, side: int) -> tuple[str, str]:
    """Return the middle square of an encoded picture, and that of its mask, at S pixels; what is so already stays.

    A pixel counts as known where all that it shows is. An empty mask stays empty.

    Raises:
        UserError: one cannot be read, they are of different sizes, or the mask keeps nothing or everything.
    """
    data = decoded(encoded, "pixels")
    try:
        whole, size = pictures.load(data, side), pictures.size_of(data)
    except pictures.BadPicture as error:
        raise UserError(f"the picture to begin from {error}") from None
    if not _is_small(data, whole, "RGB", side):
        encoded = _png(pictures.square(pictures.rgb(whole), side))
    return encoded, _small_mask(mask, size, side) if mask else ""


def arrays(encoded: str, mask: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels, uint8 (3, S, S), and which of them are known, bool (S, S), of what `small` returned."""
    with Image.open(io.BytesIO(decoded(encoded, "pixels"))) as image:
        pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    if not mask:
        return pixels, np.zeros(pixels.shape[1:], dtype=bool)
    with Image.open(io.BytesIO(decoded(mask, "known"))) as image:
        return pixels, np.asarray(image.convert("L")) >= SURE


def with_hole(pixels: np.ndarray) -> tuple[str, str]:
    """Return a picture, uint8 (3, S, S), and a mask with a hole, a box drawn by a stream that its bytes begin."""
    side = pixels.shape[-1]
    stream = random.Random(pictures.digest(pixels.tobytes()))
    width, height = (max(round(side * stream.uniform(0.25, 0.75)), 1) for _ in range(2))
    left, top = stream.randint(0, side - width), stream.randint(0, side - height)
    known = Image.new("1", (side, side), 1)
    known.paste(0, (left, top, left + width, top + height))
    return _png(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))), _png(known)


def _small_mask(encoded: str, size: tuple[int, int], side: int) -> str:
    """Return the mask of a picture of this width and height as a small PNG of black and white."""
    data = decoded(encoded, "known")
    try:
        image, coverage = pictures.load(data), pictures.mask(data, size)
    except pictures.BadPicture as error:
        raise UserError(f"the mask {error}: paint it over the picture, white where it stays as it is") from None
    sure = coverage.point(lambda value: 255 * (value >= SURE))
    known = pictures.square(sure, side, Image.Resampling.BOX).point(lambda value: 255 * (value == 255))
    least, most = known.getextrema()
    if most == 0:
        raise UserError(
            f"the mask keeps nothing of the picture at {side} x {side} pixels: paint white what stays as it is, or "
            "leave the mask out to begin from the picture and keep nothing"
        )
    if least == 255:
        raise UserError("the mask keeps the whole picture: paint black what is to be drawn")
    return encoded if _is_small(data, image, "1", side) else _png(known.convert("1"))


def _is_small(data: bytes, image: Image.Image, mode: str, side: int) -> bool:
    """Tell whether a PNG of this mode and side is small already, so that it may stay what it is."""
    fits = image.mode == mode and image.size == (side, side) and "transparency" not in image.info
    return fits and data.startswith(b"\x89PNG") and len(data) <= 3 * side * side + SPARE


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
