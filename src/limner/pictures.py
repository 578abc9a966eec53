"""From an encoded picture to a square of bytes, refusing what is broken or far too large."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageOps

_READ = "png apng jpg jpeg jpe jfif webp bmp dib gif tif tiff ppm pgm pbm pnm pfm avif avifs jp2 j2k jpf jpx j2c qoi"
EXTENSIONS = frozenset(f".{suffix}" for suffix in _READ.split())
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000", "QOI")
"""What is decoded. Pillow tells formats by content and would start Ghostscript for PostScript, a program of its own."""
SENT = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""First bytes of PNG, JPEG, GIF and WebP: of what strangers send no other format is decoded."""
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
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

    def decoded(encoded: bytes) -> Image.Image:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise BadPicture("too large", _too_large(image.width, image.height))
        if side:
            image.draft(None, (2 * side, 2 * side))
        image.load()
        _check_range(image)
        return ImageOps.exif_transpose(image)

    return _read(encoded, decoded)


T = TypeVar("T")


def _read(encoded: bytes, work: Callable[[bytes], T]) -> T:
    """Do some work on an encoded picture, on a PNG that holds more text than Pillow takes without its text.

    Raises:
        BadPicture: it is not a picture, or the work raises it.
    """
    try:
        try:
            return work(encoded)
        except BadPicture:
            raise
        except ValueError:
            if not encoded.startswith(SENT[0]):
                raise
            return work(_without_text(encoded))
    except BadPicture:
        raise
    except (*_BROKEN, *_BROKEN_PARSERS, Image.DecompressionBombError) as error:
        raise _bad(error, encoded) from None


def _without_text(encoded: bytes) -> bytes:
    """Return a PNG without its text and colour profile, which nothing here reads."""
    kept, at = [SENT[0]], len(SENT[0])
    while at + 12 <= len(encoded):
        end = at + 12 + int.from_bytes(encoded[at : at + 4], "big")
        if encoded[at + 4 : at + 8] not in _TEXT_CHUNKS:
            kept.append(encoded[at:end])
        at = end
    return b"".join(kept)


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
    return _read(encoded, lambda encoded: min(Image.open(io.BytesIO(encoded), formats=FORMATS).size))


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
    """Return 16-bit and floating-point greys as 8 bits: by the range of their type, never by what a picture holds."""
    if image.mode == "F":
        return Image.fromarray(np.rint(np.asarray(image) * 255).astype(np.uint8))
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))  # Pillow would clip
    return image


def _check_range(image: Image.Image) -> None:
    """Refuse greys of which nobody can tell what is white."""
    if image.mode == "F":
        values = np.asarray(image)
        if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
            raise BadPicture(
                "unreadable",
                f"holds floating-point numbers from {values.min():.4g} to {values.max():.4g}, and only those from 0 to"
                " 1 have a white: scale them, or save it with 8 or 16 bits",
            )
    elif image.mode == "I" and image.format == "TIFF":
        raise BadPicture(
            "unreadable",
            "holds signed or 32-bit whole numbers, and nobody can tell which is white: save it with 8 or 16 bits",
        )


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
    width, height, orientation = stored_size(read(source))
    return (height, width) if orientation >= 5 else (width, height)  # a quarter turn


def stored_size(encoded: bytes) -> tuple[int, int, int]:
    """Return the width and height of a picture as it is stored, and its orientation (EXIF, 1 where it is upright).

    Raises:
        BadPicture: it is not a picture.
    """

    def header(encoded: bytes) -> tuple[int, int, int]:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            return (*image.size, orientation if orientation in range(1, 9) else 1)

    return _read(encoded, header)


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
