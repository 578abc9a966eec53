"""From what a request says to pictures: the artists of a studio, and what they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from starlette.types import Receive

from limner.data import pictures
from limner.drawing.artist import Artist
from limner.drawing.interpolation import Row
from limner.drawing.seeds import first_seed
from limner.errors import UserError
from limner.noise import Seed
from limner.requests import Request, Story, texts
from limner.studio.drawing import responses
from limner.studio.drawing.batching import Desk, Drawn, Heard, weight
from limner.studio.drawing.schemas import Chance, Common, Told, request_of, seed_of
from limner.studio.errors import ApiError, ClientGone
from limner.studio.info.describe import side
from limner.studio.info.metrics import Meters
from limner.studio.limits import Limits

T = TypeVar("T")
DECODING = 2
"""Pictures that are decoded at once: a large one takes much memory."""
MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""How PNG, JPEG, GIF and WebP begin; other readers stay shut."""


class Studio:
    """What all routes share.

    Args:
        desks: the artists at work, by the names they are asked for; the first is asked where none is named.
        limits: how much may be asked.
        meters: what is counted.
    """

    def __init__(self, desks: Mapping[str, Desk], limits: Limits, meters: Meters) -> None:
        self.desks, self.limits, self.meters = dict(desks), limits, meters
        self.links = responses.Links()
        self.began = int(time.time())
        self.open = False
        self._decoding = asyncio.Semaphore(DECODING)

    def desk(self, model: str | None) -> Desk:
        """Return the desk of an artist.

        Raises:
            ApiError: where there is no such artist.
        """
        name = next(iter(self.desks)) if model is None else model
        if name not in self.desks:
            raise ApiError(404, f"there is no artist {name!r}; GET /v1/models lists them", "model", "model_not_found")
        return self.desks[name]

    def request(self, artist: Artist, told: Told) -> Request:
        """Return what is asked of an artist, checked; raise UserError or ApiError."""
        if told.prompt is not None and told.request is not None:
            raise ApiError(400, "give either prompt or request, not both", "request")
        return self.checked(artist, told.prompt if told.request is None else request_of(told.request))

    def checked(self, artist: Artist, asked: str | Request | None) -> Request:
        """Return a request that the artist takes and that keeps the limits."""
        (request,) = artist.requests(asked)
        letters, lines = self.limits.letters, self.limits.lines
        if max(map(len, texts(request)), default=0) > letters:
            raise ApiError(400, f"a sentence has more than {letters:,} characters: shorten it", "prompt")
        if isinstance(request, Story) and not request.lines:
            raise UserError("the story is empty: say what to draw, a line for each picture")
        if weight((request, 0)) > lines:
            raise ApiError(400, f"the story has more than {lines} lines: tell it in parts", "prompt")
        return request

    async def draw(
        self, http: HttpRequest, desk: Desk, rows: Sequence[Row], knobs: Mapping[str, Any], heard: Heard | None = None
    ) -> list[Drawn]:
        """Draw rows for a client, for as long as the client is there.

        Raises:
            ApiError: for more pictures than one request may ask.
            ClientGone: the client went away; what was not drawn yet stays undrawn.
        """
        asked = sum(map(weight, rows))
        if asked > self.limits.pictures:
            text = f"{asked} pictures are asked for, and {self.limits.pictures} are the limit of one request"
            raise ApiError(400, text, "n")
        return await while_there(http, desk.draw(rows, desk.artist.knobs(knobs), heard))

    async def answer(self, http: HttpRequest, desk: Desk, rows: Sequence[Row], body: Common) -> dict[str, Any]:
        """Draw rows and answer as the OpenAI API does, with each picture's recipe and unknown words beside."""
        large = self.times(desk, body)
        drawn = await self.draw(http, desk, rows, body.knobs)
        pngs = await while_there(http, _encoded(drawn, large))
        data = [
            self.picture(http, body, data) | {"recipe": one.made, "unknown": one.unknown}
            for data, one in zip(pngs, drawn, strict=True)
        ]
        return {"created": int(time.time()), "data": data}

    def times(self, desk: Desk, body: Common) -> int:
        """Return how many times the pictures are enlarged."""
        return responses.times(body.size, side(desk.artist), self.limits.side)

    def picture(self, http: HttpRequest, body: Common, png: bytes) -> dict[str, str]:
        """Return a picture in the form that was asked for."""
        if body.response_format == "b64_json":
            return {"b64_json": responses.in_base64(png)}
        return {"url": str(http.base_url).rstrip("/") + self.links.put(png)}

    async def upload(self, encoded: bytes, side: int) -> Image.Image:
        """Decode a picture that was sent, at about twice the resolution that is needed.

        Raises:
            ApiError: where it is none, or too large.
        """
        if not encoded.startswith(MAGIC):
            raise ApiError(400, "the body is no picture: send the bytes of a PNG, JPEG, WebP or GIF", "body")
        async with self._decoding:
            try:
                return await run_in_threadpool(
                    lambda: pictures.square(pictures.rgb(pictures.load(encoded, side)), side)
                )
            except pictures.BadPicture as error:
                raise ApiError(400, f"the picture {error}", "body") from None


async def _encoded(drawn: Sequence[Drawn], large: int) -> list[bytes]:
    """Encode one picture after another: many large ones take long, and whoever goes away stops it."""
    return [await run_in_threadpool(responses.png, one, large) for one in drawn]


def chance(given: Chance | None) -> Seed:
    """Return the seed that is meant, one by chance where none is."""
    return first_seed(None) if given is None else seed_of(given)


async def while_there(http: HttpRequest, work: Coroutine[Any, Any, T]) -> T:
    """Do some work for a client, and stop when the client goes away.

    Raises:
        ClientGone: it went; and what `work` raises.
    """
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(http.receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        gone.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
