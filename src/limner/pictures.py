"""From an encoded picture to a square of bytes, refusing what is broken or far too large."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"})
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
"""What is decoded. Pillow tells formats by content and would start Ghostscript for PostScript, a program of its own."""
SENT = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""First bytes of PNG, JPEG, GIF and WebP: of what strangers send no other format is decoded."""
MOST_PIXELS = 50_000_000
"""A picture with more is taken for a decompression bomb and never decoded."""

# What Pillow's readers raise on broken files; they promise only OSError, but hostile bytes reach the others.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError, MemoryError)
_BROKEN_PARSERS = (struct.error, zlib.error)


class BadPicture(ValueError):
    """A picture that cannot be used; `kind` is "unreadable", "too large" or "outside", the message says why.

    `row` is its number where it is one of many, otherwise -1.
    """

    def __init__(self, kind: str, message: str, row: int = -1) -> None:
        super().__init__(message)
        self.kind, self.row = kind, row


def load(encoded: bytes, side: int = 0) -> Image.Image:
    """Decode a picture, upright; a JPEG at no more than twice the resolution that `side` pixels need (0: in full).

    Raises:
        BadPicture: it is not a picture, is truncated, or has more than `MOST_PIXELS` pixels (told by its header alone).
    """
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise BadPicture("too large", _too_large(image.width, image.height))
        if side:
            image.draft(None, (2 * side, 2 * side))
        image.load()
        return ImageOps.exif_transpose(image)
    except BadPicture:
        raise
    except (*_BROKEN, *_BROKEN_PARSERS, Image.DecompressionBombError) as error:
        raise _bad(error, encoded) from None


def _bad(error: Exception, encoded: bytes) -> BadPicture:
    """Return why a picture cannot be used whose reading raised an error."""
    if isinstance(error, Image.DecompressionBombError):
        return BadPicture("too large", f"has more than the {MOST_PIXELS // 10**6} megapixels allowed")
    reason = "is not a picture" if isinstance(error, Image.UnidentifiedImageError) else f"is broken: {error}"
    return BadPicture("unreadable", reason if encoded else "is empty")


def check_size(encoded: bytes) -> tuple[int, int]:
    """Return the width and height of a picture by its header alone.

    Raises:
        BadPicture: it is not a picture, or has more than `MOST_PIXELS` pixels.
    """
    width, height = size_of(encoded)
    if width * height > MOST_PIXELS:
        raise BadPicture("too large", _too_large(width, height))
    return width, height


def shorter_side(encoded: bytes) -> int:
    """Return the shorter side of a picture in pixels, from its header alone.

    Raises:
        BadPicture: it is not a picture.
    """
    try:
        return min(Image.open(io.BytesIO(encoded), formats=FORMATS).size)
    except (*_BROKEN, *_BROKEN_PARSERS, Image.DecompressionBombError):
        raise BadPicture("unreadable", "is not a picture") from None


def _too_large(width: int, height: int) -> str:
    allowed = MOST_PIXELS // 10**6
    return f"has {width} x {height} = {width * height // 10**6} megapixels; at most {allowed} are allowed"


def rgb(image: Image.Image) -> Image.Image:
    """Return the picture as 8-bit RGB; what is transparent shows white."""
    image = _eight_bits(image)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.asarray(image, dtype=np.float32)  # 16 and 32 bits a pixel: Pillow would clip, not scale
    scale = 255 / 65535 if values.max(initial=0) > 255 else 1.0
    return Image.fromarray((values * scale).clip(0, 255).astype(np.uint8))


def square(image: Image.Image, side: int, how: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    """Resize (Lanczos, antialiased) until the shorter side is `side` pixels, then cut the middle square out."""
    if image.size == (side, side):
        return image
    return ImageOps.fit(image, (side, side), how)


def decode(encoded: bytes, side: int) -> np.ndarray:
    """Decode to uint8 (3, side, side).

    Raises:
        BadPicture: as `load`.
    """
    return np.asarray(square(rgb(load(encoded, side)), side)).transpose(2, 0, 1)


def mask(encoded: bytes, size: tuple[int, int]) -> Image.Image:
    """Decode the mask of a picture of this width and height: the coverage of each pixel from 0 to 255, mode L.

    Raises:
        BadPicture: as `load`; or it is of another size than its picture.
    """
    image = load(encoded)
    if image.size != size:
        (width, height), (wide, high) = image.size, size
        raise BadPicture("wrong mask", f"has {width} x {height} pixels, and its picture has {wide} x {high}")
    return _eight_bits(image).convert("L")


def decode_mask(encoded: bytes, side: int, size: tuple[int, int]) -> np.ndarray:
    """Decode the mask of a picture of this width and height to uint8 (1, side, side), cut as its picture is.

    It is resized by the mean over the area of each pixel: coverage stays coverage, and never rings.

    Raises:
        BadPicture: as `mask`.
    """
    return np.asarray(square(mask(encoded, size), side, Image.Resampling.BOX))[None]


def digest(encoded: bytes) -> int:
    """Return 64 bits that stand for the content."""
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")


Encoded = bytes | Path | BadPicture
"""A picture before decoding: its bytes, its file, or why it cannot be had."""


def size_of(source: Encoded) -> tuple[int, int]:
    """Return the width and height of an encoded picture, from its header alone.

    Raises:
        BadPicture: it is none.
    """
    encoded = read(source)
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5  # a quarter turn
            return (image.height, image.width) if turned else image.size
    except (*_BROKEN, *_BROKEN_PARSERS, Image.DecompressionBombError) as error:
        raise _bad(error, encoded) from None


def read(source: Encoded) -> bytes:
    """Return the encoded bytes of a picture.

    Raises:
        BadPicture: it cannot be had, or its file cannot be read.
    """
    if isinstance(source, BadPicture):
        raise source
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError as error:
        raise BadPicture("unreadable", f"cannot be read: {error.strerror or error}") from None
