"""Pictures over HTTP: as the OpenAI API asks for them, and morphs, walks, mixes, stories, drafts and attention."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from limner.data.schema import words_of
from limner.drawing.interpolation import Row, mix_rows, morph_rows, walk_rows
from limner.drawing.seeds import seeds_of
from limner.errors import UserError
from limner.imaging.sheets import to_pil
from limner.requests import Caption, Request, Story
from limner.studio.drawing import responses as shown
from limner.studio.drawing.batching import Desk
from limner.studio.drawing.schemas import Batch, Generation, Look, Mix, Morph, Tale, Told, Walk, seed_of
from limner.studio.drawing.studio import Studio, chance
from limner.studio.errors import ApiError, body, told
from limner.system import Draft

log = logging.getLogger("limner.studio")
NO_TOKENS = {"image_tokens": 0, "text_tokens": 0}
USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_tokens_details": NO_TOKENS}
"""Nothing is paid by the token here, but clients look for it."""


def router(studio: Studio) -> APIRouter:
    """Make the routes that draw."""
    routes = APIRouter(tags=["drawing"])
    _single(routes, studio)
    _several(routes, studio)
    return routes


def _single(routes: APIRouter, studio: Studio) -> None:

    streams: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

    @routes.post("/v1/images/generations", response_model=None, responses=streams)
    async def generate(http: HttpRequest, asked: Generation) -> Response | dict[str, Any]:
        """Draw `n` pictures of a prompt; with `stream`, one picture and its drafts as server-sent events."""
        desk = studio.desk(asked.model)
        request, seed = studio.request(desk.artist, asked), chance(asked.seed)
        if isinstance(seed, int):
            seeds = seeds_of(desk.artist.system, asked.n or 1, seed)
        elif asked.n in (None, 1):
            seeds = [seed]
        else:
            raise ApiError(400, "a style, or a place between two seeds, leaves nothing to chance: leave n out", "n")
        rows = [(request, one) for one in seeds]
        if not asked.stream:
            return await studio.answer(http, desk, rows, asked)
        if len(rows) > 1:
            raise ApiError(400, "a stream brings one picture: leave n out", "n")
        events = _events(studio, http, desk, rows[0], asked)
        first = await anext(events)  # what is wrong with the request is told as an error, not within a stream
        return StreamingResponse(_all(first, events), media_type="text/event-stream")

    @routes.post("/v1/images/batch")
    async def batch(http: HttpRequest, asked: Batch) -> dict[str, Any]:
        """Draw a picture of each row, which may all be different; a story's picture is its strip."""
        desk = studio.desk(asked.model)
        rows = [(studio.request(desk.artist, row), seed_of(row.seed)) for row in asked.rows]
        return await studio.answer(http, desk, rows, asked)

    @routes.post("/v1/images/story")
    async def story(http: HttpRequest, asked: Tale) -> dict[str, Any]:
        """Tell a story, a picture a line, and the strip of all of them, which holds the recipe."""
        return await _story(studio, http, asked)

    @routes.post("/v1/images/attention")
    async def attention(http: HttpRequest, asked: Look) -> dict[str, Any]:
        """Draw a picture and tell where each word is looked at, for each draft that looks.

        `maps` is base64 of a byte a place, (words, height, width); 255 stands for the share `peak`.
        """
        return await _attention(studio, http, asked)


def _several(routes: APIRouter, studio: Studio) -> None:
    @routes.post("/v1/images/morph")
    async def morph(http: HttpRequest, asked: Morph) -> dict[str, Any]:
        """Draw the way from one prompt to another; the ends are the prompts themselves."""
        desk, seed = studio.desk(asked.model), seed_of(asked.seed)
        a, b = _ends(studio, desk, asked.first, asked.second)
        return await studio.answer(http, desk, morph_rows(a, b, asked.frames, seed), asked)

    @routes.post("/v1/images/walk")
    async def walk(http: HttpRequest, asked: Walk) -> dict[str, Any]:
        """Draw one prompt while its noise moves from seed to seed; the last picture is at the last seed."""
        desk = studio.desk(asked.model)
        request, ends = studio.request(desk.artist, asked), [seed_of(seed) for seed in asked.seeds]
        return await studio.answer(http, desk, walk_rows(request, ends, asked.frames), asked)

    @routes.post("/v1/images/mix")
    async def mix(http: HttpRequest, asked: Mix) -> dict[str, Any]:
        """Draw a grid of children, row by row: the parents are its first and its last picture."""
        desk = studio.desk(asked.model)
        a, b = _ends(studio, desk, asked.first, asked.second)
        c, d = (seed_of(parent.seed) for parent in (asked.first, asked.second))
        rows = mix_rows((a, c), (b, d), asked.rows, asked.columns)
        grid = {"rows": asked.rows, "columns": asked.columns}
        return await studio.answer(http, desk, rows, asked) | grid


def _ends(studio: Studio, desk: Desk, first: Told, second: Told) -> tuple[Request, Request]:
    """Return two requests; raise UserError where the artist draws nothing that lies between them."""
    a, b = (studio.request(desk.artist, told) for told in (first, second))
    if a != b:
        desk.artist.check_morphs()
    return a, b


async def _story(studio: Studio, http: HttpRequest, asked: Tale) -> dict[str, Any]:
    desk = studio.desk(asked.model)
    if desk.artist.system.takes is not Story:
        raise UserError(f"{desk.artist.name} tells no stories: GET /v1/artists says which artists do")
    lines = tuple(line.strip() for line in asked.lines if line.strip())
    if asked.first > len(lines):
        raise ApiError(400, f"there is no line {asked.first}: the story has {len(lines)}", "first")
    request = studio.checked(desk.artist, Story(lines, tuple(asked.setting)))
    large = studio.times(desk, asked)
    (drawn,) = await studio.draw(http, desk, [(request, chance(asked.seed))], asked.knobs)
    some = shown.frames(drawn.image, len(lines))[asked.first - 1 :]
    strip, *pngs = await run_in_threadpool(lambda: [shown.png(drawn, large), *(shown.bare(one, large) for one in some)])
    return {
        "created": int(time.time()),
        "data": [studio.picture(http, asked, png) for png in pngs],
        "strip": studio.picture(http, asked, strip),
        "recipe": drawn.made,
        "unknown": drawn.unknown,
    }


async def _attention(studio: Studio, http: HttpRequest, asked: Look) -> dict[str, Any]:
    desk = studio.desk(asked.model)
    if "attention" not in desk.artist.system.gives:
        raise UserError(f"{desk.artist.name} does not look at single words, so there is no attention to show")
    request = studio.request(desk.artist, asked)
    words = words_of(request.text) if isinstance(request, Caption) else []
    if not words:
        raise ApiError(400, "attention is of the words of a sentence: give a prompt that has some", "prompt")
    drafts: list[Draft] = []
    (drawn,) = await studio.draw(http, desk, [(request, chance(asked.seed))], asked.knobs, drafts.append)
    png = await run_in_threadpool(shown.png, drawn, studio.times(desk, asked))
    looks = [_maps(draft, len(words)) for draft in drafts if draft.attention is not None]
    return {"words": words, "looks": looks, "recipe": drawn.made, **studio.picture(http, asked, png)}


def _maps(draft: Draft, words: int) -> dict[str, Any]:
    assert draft.attention is not None
    maps = draft.attention[0, :words].detach().float().cpu()
    peak = max(float(maps.max()), 1e-6)
    whole = (maps / peak * 255).round().byte().numpy()
    count, height, width = whole.shape
    size = {"words": count, "height": height, "width": width}
    return {"note": draft.note, "peak": peak, **size, "maps": shown.in_base64(whole.tobytes())}


async def _events(studio: Studio, http: HttpRequest, desk: Desk, row: Row, asked: Generation) -> AsyncIterator[bytes]:
    """Yield a picture's drafts when they come, and then the picture."""
    large, loop = studio.times(desk, asked), asyncio.get_running_loop()
    drafts: asyncio.Queue[Draft | None] = asyncio.Queue()

    def heard(draft: Draft) -> None:
        if draft.images is not None and draft.progress < 1:
            loop.call_soon_threadsafe(drafts.put_nowait, draft)

    drawing = asyncio.ensure_future(studio.draw(http, desk, [row], asked.knobs, heard))
    drawing.add_done_callback(lambda _: drafts.put_nowait(None))
    most = 64 if asked.partial_images is None else asked.partial_images
    about = {"size": asked.size or "auto", "quality": "auto", "background": "opaque", "output_format": "png"}
    try:
        number = 0
        while (draft := await drafts.get()) is not None:
            if number < most and draft.images is not None:
                (image,) = to_pil(draft.images)
                png = await run_in_threadpool(shown.bare, image, large)
                more = {"partial_image_index": number, "note": draft.note, "progress": draft.progress}
                yield _event("partial_image", png, about | more)
                number += 1
        (drawn,) = drawing.result()
        png = await run_in_threadpool(shown.png, drawn, large)
        more = {"usage": USAGE, "recipe": drawn.made, "unknown": drawn.unknown}
        yield _event("completed", png, about | more)
    finally:
        drawing.cancel()


def _event(name: str, png: bytes, more: dict[str, Any]) -> bytes:
    data = {"b64_json": shown.in_base64(png), "created_at": int(time.time())}
    return shown.event(f"image_generation.{name}", data | more)


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield events; what goes wrong after the first is an event as well, as the status is sent already."""
    yield first
    try:
        async for event in rest:
            yield event
    except Exception as error:
        log.error("a stream broke off", exc_info=error)
        yield shown.event("error", body(*told(error)))
