"""A picture to begin from, what of it is known for certain, and what is asked beside it."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from PIL import Image

from limner import pictures
from limner.errors import UserError
from limner.requests.fields import decoded, form
from limner.requests.nothing import Nothing
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    from limner.data.schema import Schema

SURE = 128
"""A pixel of a mask is known from this value on, of 255."""
SPARE = 4_096
"""Bytes that a picture of the right size may have beyond those of its pixels, and is still taken as it is."""


@dataclass(frozen=True)
class Picture(Request):
    """A picture to begin from: one to complete where a mask leaves a hole, to go on from, or to draw again.

    The middle square of it counts, read at the side at which a system reads pictures (`read_at`).
    """

    noun: ClassVar = "a picture to begin from"
    mixes: ClassVar = True
    holds: ClassVar = True
    pixels: str = field(metadata=form("picture", "Choose a picture to begin from"))
    """A PNG in base64; JPEG, WebP and GIF are read, too."""
    known: str = field(default="", metadata=form("mask", "What of it stays as it is: white on black", required=False))
    """A mask of the same size, in base64: white stays as it is, black is the hole. Empty: nothing has to stay."""
    asked: Request | None = field(default=None, metadata=form("request", "What else you ask", required=False))
    """A request of another kind, or a blend of such; None where nothing is asked beside the picture."""

    @classmethod
    def of(
        cls,
        picture: str | Path | Image.Image,
        known: str | Path | Image.Image | None = None,
        asked: Request | None = None,
    ) -> Self:
        """Return the request of a picture and a mask, each a file or an image.

        Raises:
            UserError: a file is no picture.
        """
        return cls(_encoded(picture, "the picture"), "" if known is None else _encoded(known, "the mask"), asked)

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Refuse any text: a picture is no text."""
        raise UserError("a picture is not written as text: give a file with --start, in Python artist.start(file)")

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the picture of each row with a hole, a box whose place and size follow from the picture alone."""
        rows = data.first_rows(count, "image", f"a request of kind {cls.__name__}", split)
        return [_with_hole(cls, np.asarray(one)) for one in data.pictures(rows, split)]

    def check(self, schema: Schema) -> None:
        """Make sure that picture and mask can be read, by what their files begin with, and check what is asked."""
        super().check(schema)
        if self.asked is None:
            return
        if not isinstance(self.asked, Request) or any(end.holds for end in self.asked.ends()):
            raise UserError("what is asked beside a picture is a request of another kind: a picture holds no picture")
        self.asked.check(schema)

    def read_at(self, side: int) -> Self:
        """Return it with its middle square of `side` pixels, in which picture and mask are small PNGs.

        A pixel counts as known where all that it shows is.

        Raises:
            UserError: picture or mask cannot be read, are of different sizes, or the mask keeps nothing or everything.
        """
        data, mask = decoded(self.pixels, "pixels"), decoded(self.known, "known") if self.known else b""
        try:
            whole = pictures.load(data, side)
            size = pictures.size_of(data)
        except pictures.BadPicture as error:
            raise UserError(f"the picture to begin from {error}") from None
        as_it_is = _is_small(data, whole, "RGB", side)
        pixels = self.pixels if as_it_is else _png(pictures.square(pictures.rgb(whole), side))
        return replace(self, pixels=pixels, known=_mask(mask, size, side, self.known))

    def arrays(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Return its pixels, uint8 (3, side, side), and which of them are known, bool (side, side); see `read_at`."""
        read = self.read_at(side)
        with Image.open(io.BytesIO(decoded(read.pixels, "pixels"))) as image:
            pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        if not read.known:
            return pixels, np.zeros((side, side), dtype=bool)
        with Image.open(io.BytesIO(decoded(read.known, "known"))) as image:
            return pixels, np.asarray(image.convert("L")) >= SURE

    def picture(self) -> Picture:
        """Return itself."""
        return self

    def without_picture(self) -> Request:
        """Return what is asked beside the picture."""
        return Nothing() if self.asked is None else self.asked

    def inside(self) -> tuple[Request, ...]:
        """Return what is asked beside the picture, if anything is."""
        return () if self.asked is None else (self.asked,)

    def beside(self, asked: Request) -> Self:
        """Return the same picture with this asked beside it."""
        return replace(self, asked=asked)

    def captions(self) -> tuple[str, ...]:
        """Return those of what is asked."""
        return self.without_picture().captions()

    def texts(self) -> Iterator[str]:
        """Yield the texts of what is asked."""
        return self.without_picture().texts()

    def mixes_with(self, other: Request) -> bool:
        """Tell whether both begin from one picture and ask for what can be mixed."""
        there = other.picture()
        if there is None or (self.pixels, self.known) != (there.pixels, there.known):
            return False
        ends, others = self.without_picture().ends(), there.without_picture().ends()
        return all(one.mixes_with(another) for one in ends for another in others)


def asked(requests: Sequence[Request]) -> list[Request]:
    """Return what each of B requests asks beside its picture, the request itself where it has none.

    Of a `Picture` that asks nothing it is `Nothing`; of a `Blend` of two, what lies between what they ask.
    """
    return [request.without_picture() for request in requests]


def _encoded(source: str | Path | Image.Image, what: str) -> str:
    if isinstance(source, Image.Image):
        return _png(source if source.mode in ("1", "L") else pictures.rgb(source))
    try:
        return base64.b64encode(pictures.read(Path(source))).decode()
    except pictures.BadPicture as error:
        raise UserError(f"{what} {source} {error}") from None


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _is_small(data: bytes, image: Image.Image, mode: str, side: int) -> bool:
    """Tell whether a PNG of this mode and side is small already, so that it may stay what it is."""
    fits = image.mode == mode and image.size == (side, side) and "transparency" not in image.info
    return fits and data.startswith(b"\x89PNG") and len(data) <= 3 * side * side + SPARE


def _mask(data: bytes, size: tuple[int, int], side: int, encoded: str) -> str:
    """Return the mask of a picture of this size as a PNG of black and white; empty stays empty."""
    if not data:
        return ""
    try:
        image = pictures.load(data)
        coverage = pictures.mask(data, size)
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


def _with_hole(kind: type[Picture], pixels: np.ndarray) -> Picture:
    """Return the request to complete a picture, uint8 (3, S, S), drawn by a stream that its bytes begin."""
    side = pixels.shape[-1]
    stream = random.Random(pictures.digest(pixels.tobytes()))
    width, height = (max(round(side * stream.uniform(0.25, 0.75)), 1) for _ in range(2))
    left, top = stream.randint(0, side - width), stream.randint(0, side - height)
    known = Image.new("1", (side, side), 1)
    known.paste(0, (left, top, left + width, top + height))
    return kind(_png(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))), _png(known))
