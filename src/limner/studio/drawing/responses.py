"""Pictures on their way out: enlarged, as PNG with their recipe, in base64 or behind an address for a while."""

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
from limner.studio.drawing.batching import Drawn
from limner.studio.errors import ApiError
from limner.studio.gallery.recipe import encode

FOLDER = "/v1/pictures/"


class Links:
    """Pictures in memory, each under a name that nobody can guess, for a while; the oldest make room.

    Args:
        seconds: how long a picture is there.
        most: bytes of all together.
        clock: tells the time.
    """

    def __init__(self, seconds: float = 3600, most: int = 64 * 2**20, clock: Callable[[], float] = time.monotonic):
        self._seconds, self._most, self._clock = seconds, most, clock
        self._kept: collections.OrderedDict[str, tuple[float, bytes]] = collections.OrderedDict()
        self._bytes = 0

    def put(self, png: bytes) -> str:
        """Keep a picture and return the path it is to be had at."""
        name = secrets.token_urlsafe(24)
        self._kept[name] = (self._clock() + self._seconds, png)
        self._bytes += len(png)
        while self._bytes > self._most and len(self._kept) > 1:
            self._forget()
        self._clear()
        return f"{FOLDER}{name}.png"

    def get(self, name: str) -> bytes | None:
        """Return a picture, or None where it never was or is no more."""
        self._clear()
        found = self._kept.get(name.removesuffix(".png"))
        return found[1] if found else None

    def _clear(self) -> None:
        while self._kept and next(iter(self._kept.values()))[0] <= self._clock():
            self._forget()

    def _forget(self) -> None:
        _, (_, png) = self._kept.popitem(last=False)
        self._bytes -= len(png)


def times(size: str | None, side: int, most: int) -> int:
    """Return how many times a picture is enlarged to the size that was asked for; `side` is what the artist draws.

    Raises:
        ApiError: where it is no size, too large, or no whole multiple.
    """
    if size in (None, "auto"):
        return 1
    width, _, height = str(size).partition("x")
    right = width.isascii() and width.isdecimal() and width == height and 0 < int(width) <= most
    if not right or int(width) % side:
        possible = ", ".join(f"{n * side}x{n * side}" for n in (1, 2, 4, 8) if n * side <= most)
        raise ApiError(400, f"the size must be auto or a whole multiple of {side}x{side}: {possible}", "size")
    return int(width) // side


def png(drawn: Drawn, large: int) -> bytes:
    """Encode a picture, enlarged so many times, its recipe inside."""
    image = enlarged(drawn.image, large) if large > 1 else drawn.image
    return encode(image, dict(drawn.made))


def bare(image: Image.Image, large: int) -> bytes:
    """Encode a draft, which has no recipe: nothing draws it alone."""
    return encode(enlarged(image, large) if large > 1 else image, None)


def in_base64(data: bytes) -> str:
    """Return bytes as text."""
    return base64.b64encode(data).decode()


def frames(image: Image.Image, count: int) -> list[Image.Image]:
    """Cut a strip into its pictures."""
    width = image.width // count
    return [image.crop((i * width, 0, (i + 1) * width, image.height)) for i in range(count)]


def event(name: str, body: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return f"event: {name}\ndata: {json.dumps({'type': name} | body)}\n\n".encode()
