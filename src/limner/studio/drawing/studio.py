"""From request bodies to pictures: the artists of a studio, checked requests, and responses."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from starlette.types import Receive

from limner import pictures
from limner.drawing.artist import Artist
from limner.drawing.interpolation import Row
from limner.drawing.seeds import first_seed
from limner.drawing.stopping import TO_THE_END, Stop
from limner.noise import Seed
from limner.requests import Request, texts
from limner.studio.drawing.batching import ArtistQueue, DrawnPicture, OnDraft
from limner.studio.drawing.responses import TemporaryPictures, picture_png, scale_for, to_base64
from limner.studio.drawing.schemas import AnySeed, DrawingOptions, PromptOrRequest, parse_request, parse_seed
from limner.studio.errors import ApiError, ClientDisconnected, unknown_artist
from limner.studio.info.metrics import Metrics
from limner.studio.limits import Limits

T = TypeVar("T")
MAX_DECODING = 2
"""Pictures that are decoded at once: a large one takes much memory."""
JPEG = b"\xff\xd8\xff"
"""First bytes of a JPEG, which is decoded small where it is large."""

URGENCY = re.compile(r"(?:^|[,\s])u=([0-7])(?:[,;\s]|$)")
USUAL = 3
"""Urgency of a request that names none."""


class Studio:
    """What all routes share.

    Args:
        queues: the artists' queues, by the names clients use for them; the first is the default.
        limits: how much may be asked.
        metrics: what is counted.
    """

    def __init__(self, queues: Mapping[str, ArtistQueue], limits: Limits, metrics: Metrics) -> None:
        self.queues, self.limits, self.metrics = dict(queues), limits, metrics
        self.pictures = TemporaryPictures()
        self.started_at = int(time.time())
        self.is_open = False
        self._decoding = asyncio.Semaphore(MAX_DECODING)

    def queue(self, model: str | None) -> ArtistQueue:
        """Return the queue of an artist; of the first where no name is given.

        Raises:
            ApiError: where there is no such artist.
        """
        name = next(iter(self.queues)) if model is None else model
        if name not in self.queues:
            raise unknown_artist(name)
        return self.queues[name]

    async def parse(self, artist: Artist, body: PromptOrRequest) -> Request:
        """Return the request of a body, checked; raise UserError or ApiError.

        One that holds encoded pictures is checked in a thread, since decoding takes time, and few at once.
        """
        if body.prompt is not None and body.request is not None:
            raise ApiError(400, "give either prompt or request, not both", "request")
        if body.request is None:
            return self.check(artist, body.prompt)
        request = parse_request(body.request)
        if not request.is_encoded():
            return self.check(artist, request)
        async with self._decoding:
            return await run_in_threadpool(self.check, artist, request)

    def check(self, artist: Artist, request: str | Request | None) -> Request:
        """Return a request that the artist takes and that is within the limits."""
        (parsed,) = artist.requests(request)
        characters, lines = self.limits.characters, self.limits.lines
        if max(map(len, texts(parsed)), default=0) > characters:
            raise ApiError(400, f"a sentence has more than {characters:,} characters: shorten it", "prompt")
        if parsed.pictures() > lines:
            raise ApiError(400, f"the story has more than {lines} lines: tell it in parts", "prompt")
        return parsed

    async def draw(
        self,
        http: HttpRequest,
        queue: ArtistQueue,
        rows: Sequence[Row],
        knobs: Mapping[str, Any],
        on_draft: OnDraft | None = None,
        size: int | None = None,
        stop: Stop = TO_THE_END,
    ) -> list[DrawnPicture]:
        """Draw rows for a client, until it disconnects; `size` is one of the artist's, its own where None.

        A client that says so by `Priority` waits for all others.

        Raises:
            ApiError: for more pictures than one request may ask for.
            ClientDisconnected: the client disconnected; rows that were still waiting are not drawn.
        """
        count = sum(request.pictures() for request, _ in rows)
        if count > self.limits.pictures:
            text = f"{count} pictures are asked for, and {self.limits.pictures} are the limit of one request"
            raise ApiError(400, text, "n")
        drawing = queue.draw(rows, queue.artist.knobs(knobs), on_draft, size, stop, aside=is_aside(http))
        return await until_disconnected(http, drawing)

    async def respond(
        self, http: HttpRequest, queue: ArtistQueue, rows: Sequence[Row], options: DrawingOptions
    ) -> dict[str, Any]:
        """Draw rows and respond as the OpenAI API does, with the recipe and the unknown words of each picture."""
        size, scale = self.size(queue, options, sum(request.pictures() for request, _ in rows))
        stop = Stop(getattr(options, "stop", None))
        pictures = await self.draw(http, queue, rows, options.knobs, size=size, stop=stop)
        pngs = await until_disconnected(http, _encode_all(pictures, scale))
        data = [
            self.picture_fields(http, options, png)
            | {"recipe": picture.recipe, "unknown": picture.unknown_words, **picture.answer}
            for png, picture in zip(pngs, pictures, strict=True)
        ]
        return {"created": int(time.time()), "data": data}

    def size(self, queue: ArtistQueue, options: DrawingOptions, count: int = 1) -> tuple[int, int]:
        """Return the side at which the artist draws, and the factor by which its pictures are then resized.

        The artist's enlarger does as much as it can.

        Raises:
            ApiError: for a size that the artist does not draw, or more pixels than one request may ask for.
        """
        artist = queue.artist
        asked = artist.side * scale_for(options.size, artist.side, self.limits.side)
        if count * asked**2 > self.limits.pixels:
            text = f"{count} pictures of {asked}x{asked} are asked for, and {self.limits.pixels:,} pixels are the limit"
            raise ApiError(400, f"{text} of one request: ask for fewer or smaller ones", "size")
        size = max(side for side in artist.sizes if asked % side == 0)
        return size, asked // size

    def picture_fields(self, http: HttpRequest, options: DrawingOptions, png: bytes) -> dict[str, str]:
        """Return a picture in the format that was asked for: as a URL or in base64."""
        if options.response_format == "url":
            return {"url": str(http.base_url).rstrip("/") + self.pictures.put(png)}
        return {"b64_json": to_base64(png)}

    async def decode_upload(self, encoded: bytes, side: int) -> Image.Image:
        """Decode an uploaded picture and crop and resize it to a square of `side` pixels.

        Raises:
            ApiError: where it is not a picture, or too large.
        """
        if not encoded.startswith(pictures.SENT):
            raise ApiError(400, "the body is not a picture: send the bytes of a PNG, JPEG, WebP or GIF", "body")
        async with self._decoding:
            try:
                width, height = pictures.size_of(encoded)
                if width * height > self.limits.upload_pixels and not encoded.startswith(JPEG):
                    limit = f"{self.limits.upload_pixels // 10**6} megapixels are the limit of any but a JPEG"
                    raise ApiError(400, f"the picture has {width} x {height} pixels, and {limit}", "body")
                return await run_in_threadpool(
                    lambda: pictures.square(pictures.rgb(pictures.load(encoded, side)), side)
                )
            except pictures.BadPicture as error:
                raise ApiError(400, f"the picture {error}", "body") from None


async def _encode_all(pictures: Sequence[DrawnPicture], scale: int) -> list[bytes]:
    """Encode pictures one by one, so that a disconnect stops it: many large ones take long."""
    return [await run_in_threadpool(picture_png, picture, scale) for picture in pictures]


def seed_or_random(seed: AnySeed | None) -> Seed:
    """Return the seed of a body, or a random one where it has none."""
    return first_seed(None) if seed is None else parse_seed(seed)


def is_aside(http: HttpRequest) -> bool:
    """Tell whether a client lets others go first: by an urgency less than the usual 3 in `Priority` (RFC 9218)."""
    found = URGENCY.search(http.headers.get("priority", ""))
    return found is not None and int(found[1]) > USUAL


async def until_disconnected(http: HttpRequest, work: Coroutine[Any, Any, T]) -> T:
    """Await some work for a client, and cancel it when the client disconnects.

    Raises:
        ClientDisconnected: where it did; and whatever `work` raises.
    """
    working, disconnect = asyncio.ensure_future(work), asyncio.ensure_future(_wait_for_disconnect(http.receive))
    try:
        await asyncio.wait({working, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnected
    finally:
        disconnect.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
