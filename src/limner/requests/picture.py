"""A picture to begin from, what of it is known for certain, and what is asked beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from limner.errors import UserError
from limner.requests.fields import form
from limner.requests.nothing import Nothing
from limner.requests.request import Answered, Request

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from limner.data.schema import Schema


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
        from limner.requests import pixels

        mask = "" if known is None else pixels.encode(known, "the mask")
        return cls(pixels.encode(picture, "the picture"), mask, asked)

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Refuse any text: a picture is no text."""
        raise UserError("a picture is not written as text: give a file with --start, in Python artist.start(file)")

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the picture of each row with a hole, a box whose place and size follow from the picture alone."""
        from limner.requests import pixels

        rows = data.first_rows(count, "image", f"a request of kind {cls.__name__}", split)
        return [cls(*pixels.with_hole(one.numpy())) for one in data.pictures(rows, split)]

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
        from limner.requests import pixels

        picture, mask = pixels.small(self.pixels, self.known, side)
        inner = None if self.asked is None else self.asked.read_at(side)
        return replace(self, pixels=picture, known=mask, asked=inner)

    def arrays(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Return its pixels, uint8 (3, side, side), and which of them are known, bool (side, side); see `read_at`."""
        from limner.requests import pixels

        return pixels.arrays(*pixels.small(self.pixels, self.known, side))

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

    def named(self) -> Mapping[str, str]:
        """Return the attributes of what is asked."""
        return self.without_picture().named()

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
