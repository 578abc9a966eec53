"""Pictures in responses: enlarged, as PNG with their recipe, in base64 or behind a temporary URL."""

from __future__ import annotations

import base64
import collections
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from limner.imaging.sheets import enlarged
from limner.studio.drawing.batching import DrawnPicture
from limner.studio.errors import ApiError
from limner.studio.gallery.recipe import encode

FOLDER = "/v1/pictures/"


class TemporaryPictures:
    """PNGs in memory, each under an unguessable name, until they expire; the oldest make room for new ones.

    Args:
        seconds: how long a picture can be fetched.
        max_bytes: of all together.
        clock: returns the time in seconds.
    """

    def __init__(
        self, seconds: float = 3600, max_bytes: int = 64 * 2**20, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._max_bytes, self._clock = seconds, max_bytes, clock
        self._pngs: collections.OrderedDict[str, tuple[float, bytes]] = collections.OrderedDict()
        """Name to expiry time and PNG, oldest first."""
        self._bytes = 0

    def put(self, png: bytes) -> str:
        """Store a picture and return its path."""
        name = secrets.token_urlsafe(24)
        self._pngs[name] = (self._clock() + self._seconds, png)
        self._bytes += len(png)
        while self._bytes > self._max_bytes and len(self._pngs) > 1:
            self._remove_oldest()
        self._remove_expired()
        return f"{FOLDER}{name}.png"

    def get(self, name: str) -> bytes | None:
        """Return a picture, or None where there is none of that name, or no longer."""
        self._remove_expired()
        entry = self._pngs.get(name.removesuffix(".png"))
        return entry[1] if entry else None

    def _remove_expired(self) -> None:
        while self._pngs and next(iter(self._pngs.values()))[0] <= self._clock():
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        _, (_, png) = self._pngs.popitem(last=False)
        self._bytes -= len(png)


def scale_for(size: str | None, side: int, max_side: int) -> int:
    """Return the factor by which pictures of `side` pixels are enlarged to the `size` that was asked for.

    Raises:
        ApiError: where `size` is not a size, too large, or not a whole multiple.
    """
    if size in (None, "auto"):
        return 1
    width, _, height = str(size).partition("x")
    is_valid = width.isascii() and width.isdecimal() and width == height and 0 < int(width) <= max_side
    if not is_valid or int(width) % side:
        possible = [f"{n}x{n}" for n in range(side, max_side + 1, side)]
        some = possible if len(possible) < 5 else [*possible[:2], "...", possible[-1]]
        raise ApiError(400, f"the size must be auto or a whole multiple of {side}x{side}: {', '.join(some)}", "size")
    return int(width) // side


def picture_png(picture: DrawnPicture, scale: int) -> bytes:
    """Encode a picture, enlarged, with its recipe inside."""
    image = enlarged(picture.image, scale) if scale > 1 else picture.image
    return encode(image, dict(picture.recipe))


def plain_png(image: Image.Image, scale: int) -> bytes:
    """Encode a draft or a frame of a story, enlarged; it has no recipe, as none draws it alone."""
    return encode(enlarged(image, scale) if scale > 1 else image, None)


def to_base64(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode()


def story_frames(strip: Image.Image, count: int) -> list[Image.Image]:
    """Cut the strip of a story into its frames."""
    width = strip.width // count
    return [strip.crop((i * width, 0, (i + 1) * width, strip.height)) for i in range(count)]


def server_sent_event(name: str, data: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return f"event: {name}\ndata: {json.dumps({'type': name} | data)}\n\n".encode()
