"""Routes that draw: pictures as the OpenAI API asks for them, morphs, walks, mixes, stories, drafts and attention."""

from __future__ import annotations

import asyncio
import itertools
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
from limner.drawing.stopping import Stop
from limner.errors import UserError
from limner.imaging import answers
from limner.requests import Request, Story
from limner.studio.drawing.batching import ArtistQueue
from limner.studio.drawing.pace import paced
from limner.studio.drawing.responses import picture_png, plain_png, server_sent_event, story_frames, to_base64
from limner.studio.drawing.schemas import (
    AttentionBody,
    BatchBody,
    GenerationBody,
    MixBody,
    MorphBody,
    PromptOrRequest,
    StoryBody,
    WalkBody,
    parse_seed,
)
from limner.studio.drawing.studio import Studio, seed_or_random
from limner.studio.errors import ApiError, error_body, error_fields
from limner.system import Draft

log = logging.getLogger("limner.studio")
NO_TOKENS = {"image_tokens": 0, "text_tokens": 0}
USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_tokens_details": NO_TOKENS}
"""Nothing is paid by the token here, but clients expect the field."""
DEFAULT_PARTIAL_IMAGES = 64
WITH_REQUESTS = tuple(f"/v1/images/{name}" for name in ("generations", "batch", "attention", "morph", "walk", "mix"))
"""Paths whose bodies hold requests, and so pictures to begin from."""


def router(studio: Studio) -> APIRouter:
    """Make the routes that draw."""
    routes = APIRouter(tags=["drawing"])
    _add_single(routes, studio)
    _add_sequences(routes, studio)
    return routes


def _add_single(routes: APIRouter, studio: Studio) -> None:

    streams: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

    @routes.post("/v1/images/generations", response_model=None, responses=streams)
    async def generate(http: HttpRequest, body: GenerationBody) -> Response | dict[str, Any]:
        """Draw `n` pictures of a prompt; with `stream`, one picture and its drafts as server-sent events."""
        queue = studio.queue(body.model)
        request, seed = await studio.parse(queue.artist, body), seed_or_random(body.seed)
        if isinstance(seed, int):
            seeds = seeds_of(queue.artist.system, body.n or 1, seed)
        elif body.n in (None, 1):
            seeds = [seed]
        else:
            raise ApiError(400, "a style, or a point between two seeds, gives one picture: leave n out", "n")
        rows = [(request, seed) for seed in seeds]
        if not body.stream:
            return await studio.respond(http, queue, rows, body)
        if len(rows) > 1:
            raise ApiError(400, "a stream sends one picture: leave n out", "n")
        events = _stream(studio, http, queue, rows[0], body)
        first = await anext(events)  # an invalid request becomes an error response, not an event of a stream
        return StreamingResponse(_with_error_event(first, events), media_type="text/event-stream")

    @routes.post("/v1/images/batch")
    async def batch(http: HttpRequest, body: BatchBody) -> dict[str, Any]:
        """Draw a picture of each row, which may all be different; a story's picture is its strip."""
        queue = studio.queue(body.model)
        rows = [(await studio.parse(queue.artist, row), parse_seed(row.seed)) for row in body.rows]
        return await studio.respond(http, queue, rows, body)

    @routes.post("/v1/images/story")
    async def story(http: HttpRequest, body: StoryBody) -> dict[str, Any]:
        """Draw a story, a picture a line, and the strip of all of them, which holds the recipe."""
        return await _draw_story(studio, http, body)

    @routes.post("/v1/images/attention")
    async def attention(http: HttpRequest, body: AttentionBody) -> dict[str, Any]:
        """Draw a picture and return the attention map of each word, for each draft that has them.

        `maps` is base64 of unsigned bytes, (words, height, width); 255 stands for the attention weight `peak`.
        """
        return await _draw_attention(studio, http, body)


def _add_sequences(routes: APIRouter, studio: Studio) -> None:
    @routes.post("/v1/images/morph")
    async def morph(http: HttpRequest, body: MorphBody) -> dict[str, Any]:
        """Draw the way from one prompt to another; the ends are the prompts themselves."""
        queue, seed = studio.queue(body.model), parse_seed(body.seed)
        a, b = await _two_requests(studio, queue, body.first, body.second)
        return await studio.respond(http, queue, morph_rows(a, b, body.frames, seed), body)

    @routes.post("/v1/images/walk")
    async def walk(http: HttpRequest, body: WalkBody) -> dict[str, Any]:
        """Draw one prompt while its noise moves from seed to seed; the last picture is at the last seed."""
        queue = studio.queue(body.model)
        request, ends = await studio.parse(queue.artist, body), [parse_seed(seed) for seed in body.seeds]
        return await studio.respond(http, queue, walk_rows(request, ends, body.frames), body)

    @routes.post("/v1/images/mix")
    async def mix(http: HttpRequest, body: MixBody) -> dict[str, Any]:
        """Draw a grid between two parents, row by row: the parents are its first and its last picture."""
        queue = studio.queue(body.model)
        a, b = await _two_requests(studio, queue, body.first, body.second)
        first_seed, second_seed = parse_seed(body.first.seed), parse_seed(body.second.seed)
        rows = mix_rows((a, first_seed), (b, second_seed), body.rows, body.columns)
        grid = {"rows": body.rows, "columns": body.columns}
        return await studio.respond(http, queue, rows, body) | grid


async def _two_requests(
    studio: Studio, queue: ArtistQueue, first: PromptOrRequest, second: PromptOrRequest
) -> tuple[Request, Request]:
    """Return two requests; raise UserError where the artist draws nothing that lies between them."""
    a, b = [await studio.parse(queue.artist, body) for body in (first, second)]
    if a != b:
        queue.artist.check_morphs()
    return a, b


async def _draw_story(studio: Studio, http: HttpRequest, body: StoryBody) -> dict[str, Any]:
    queue = studio.queue(body.model)
    if not any(kind.several for kind in queue.artist.system.kinds):
        raise UserError(f"{queue.artist.name} tells no stories: GET /v1/artists says which artists do")
    lines = tuple(line.strip() for line in body.lines if line.strip())
    if body.first > len(lines):
        raise ApiError(400, f"there is no line {body.first}: the story has {len(lines)}", "first")
    request = studio.check(queue.artist, Story(lines, tuple(body.setting)))
    size, scale = studio.size(queue, body, len(lines))
    (picture,) = await studio.draw(http, queue, [(request, seed_or_random(body.seed))], body.knobs, size=size)
    frames = story_frames(picture.image, len(lines))[body.first - 1 :]
    strip, *pngs = await run_in_threadpool(
        lambda: [picture_png(picture, scale), *(plain_png(frame, scale) for frame in frames)]
    )
    return {
        "created": int(time.time()),
        "data": [studio.picture_fields(http, body, png) for png in pngs],
        "strip": studio.picture_fields(http, body, strip),
        "recipe": picture.recipe,
        "unknown": picture.unknown_words,
    }


async def _draw_attention(studio: Studio, http: HttpRequest, body: AttentionBody) -> dict[str, Any]:
    queue = studio.queue(body.model)
    if "attention" not in queue.artist.system.gives:
        raise UserError(f"{queue.artist.name} does not look at single words, so there is no attention to show")
    request = await studio.parse(queue.artist, body)
    words = words_of(request.sentence())
    if not words:
        raise ApiError(400, "attention is of the words of a sentence: give a prompt that has some", "prompt")
    drafts: list[Draft] = []
    size, scale = studio.size(queue, body)
    row = (request, seed_or_random(body.seed))
    (picture,) = await studio.draw(http, queue, [row], body.knobs, drafts.append, size)
    png = await run_in_threadpool(picture_png, picture, scale)
    looks = [_attention_maps(draft, len(words)) for draft in drafts if draft.attention is not None]
    return {"words": words, "looks": looks, "recipe": picture.recipe, **studio.picture_fields(http, body, png)}


def _attention_maps(draft: Draft, words: int) -> dict[str, Any]:
    assert draft.attention is not None
    maps = draft.attention[0, :words].detach().float().cpu()
    peak = max(float(maps.max()), 1e-6)
    scaled = (maps / peak * 255).round().byte().numpy()
    count, height, width = scaled.shape
    size = {"words": count, "height": height, "width": width}
    look = {"note": draft.note, "peak": peak, **size, "maps": to_base64(scaled.tobytes())}
    if draft.sentence_attention is not None:
        whole = draft.sentence_attention[0].detach().float().cpu()
        look["sentence"] = to_base64((whole / whole.max() * 255).round().byte().numpy().tobytes())
    return look


async def _stream(
    studio: Studio, http: HttpRequest, queue: ArtistQueue, row: Row, body: GenerationBody
) -> AsyncIterator[bytes]:
    """Yield events: a picture's drafts as they are drawn, ten a second at most, and then the picture."""
    (size, scale), loop = studio.size(queue, body), asyncio.get_running_loop()
    of_draft = scale * size // queue.artist.side
    drafts: asyncio.Queue[tuple[int, Draft] | None] = asyncio.Queue()
    numbers = itertools.count(1)  # as a recipe counts those after which a drawing was stopped

    def on_draft(draft: Draft) -> None:
        number = next(numbers)
        if answers.is_shown(draft) and draft.progress < 1:
            loop.call_soon_threadsafe(drafts.put_nowait, (number, draft))

    def ended(drawing: asyncio.Future[Any]) -> None:
        drafts.put_nowait(None)
        if not drawing.cancelled():
            drawing.exception()  # seen: where the client is gone, nobody asks for it

    ends = Stop(body.stop)
    drawing = asyncio.ensure_future(studio.draw(http, queue, [row], body.knobs, on_draft, size, ends))
    drawing.add_done_callback(ended)
    limit = DEFAULT_PARTIAL_IMAGES if body.partial_images is None else body.partial_images
    common = {"size": body.size or "auto", "quality": "auto", "background": "opaque", "output_format": "png"}
    try:
        index = 0
        async for number, draft in paced(drafts):
            if index < limit:
                (image,) = answers.pictures(draft, queue.artist.system.schema)
                png = await run_in_threadpool(plain_png, image, of_draft)
                fields: dict[str, Any] = {"partial_image_index": index, "draft": number}
                fields |= {"note": draft.note, "progress": draft.progress}
                fields |= answers.said(draft, queue.artist.system.schema, [row[0]])[0]
                yield _image_event("partial_image", png, common | fields)
                index += 1
        (picture,) = drawing.result()
        png = await run_in_threadpool(picture_png, picture, scale)
        fields = {"usage": USAGE, "recipe": picture.recipe, "unknown": picture.unknown_words, **picture.answer}
        yield _image_event("completed", png, common | fields)
    finally:
        drawing.cancel()


def _image_event(name: str, png: bytes, fields: dict[str, Any]) -> bytes:
    data = {"b64_json": to_base64(png), "created_at": int(time.time())}
    return server_sent_event(f"image_generation.{name}", data | fields)


async def _with_error_event(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield events; an error after the first becomes an event as well, as the status is sent already."""
    yield first
    try:
        async for event in rest:
            yield event
    except Exception as error:
        log.error("a stream broke off", exc_info=error)
        yield server_sent_event("error", error_body(*error_fields(error)))
