"""Routes about single pictures: styles, captions and attributes of uploaded ones, and those behind a temporary URL."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Request as HttpRequest
from fastapi.responses import Response

from limner.drawing.describe import attributes_with_certainty, describe
from limner.drawing.seeds import style_of
from limner.evaluation.seen import judge_of, see_with_certainty
from limner.studio.drawing.studio import Studio, until_disconnected
from limner.studio.errors import ApiError

Model = Annotated[str | None, Query(max_length=200)]
PICTURE_BODY = {
    "requestBody": {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg")},
        "required": True,
    }
}


def router(studio: Studio) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["pictures"])

    @routes.post("/v1/styles", openapi_extra=PICTURE_BODY)
    async def style(http: HttpRequest, model: Model = None) -> dict[str, Any]:
        """Find the style of the picture in the body: the returned `seed` may be used wherever a seed can."""
        queue = studio.queue(model)
        system = queue.artist.system
        image = await studio.decode_upload(await http.body(), system.data_size(system.config))
        found = await until_disconnected(http, queue.call(lambda: style_of(image, system)))
        return {"seed": {"noise": list(found.noise), "of": found.of}}

    @routes.post("/v1/captions", openapi_extra=PICTURE_BODY)
    async def caption(http: HttpRequest, model: Model = None) -> dict[str, str]:
        """Describe the picture in the body in words."""
        queue = studio.queue(model)
        system = queue.artist.system
        image = await studio.decode_upload(await http.body(), system.data_size(system.config))
        text = await until_disconnected(http, queue.call(lambda: next(describe(queue.artist, [image]))))
        return {"caption": text}

    @routes.post("/v1/attributes", openapi_extra=PICTURE_BODY)
    async def attributes(http: HttpRequest, model: Model = None) -> dict[str, dict[str, Any]]:
        """Name the attributes of the picture in the body, with the probability of each where the artist tells it."""
        queue = studio.queue(model)
        system = queue.artist.system
        image = await studio.decode_upload(await http.body(), system.data_size(system.config))
        looking = queue.call(lambda: next(attributes_with_certainty(queue.artist, [image])))
        named, certainty = await until_disconnected(http, looking)
        return {"attributes": named, "certainty": certainty}

    @routes.post("/v1/seen", openapi_extra=PICTURE_BODY)
    async def seen(http: HttpRequest, model: Model = None) -> dict[str, dict[str, Any]]:
        """Name the artist's attributes that a judge sees in the picture in the body, with the probability of each."""
        queue = studio.queue(model)
        schema = queue.artist.system.schema
        judge = judge_of(schema)
        if judge is None:
            raise ApiError(400, f"no judge that ships with Limner knows what {queue.artist.name} draws", "model")
        image = await studio.decode_upload(await http.body(), schema.size)
        looking = queue.call(lambda: see_with_certainty(judge, [image], schema))
        ((named, certainty),) = await until_disconnected(http, looking)
        return {"seen": named, "certainty": certainty}

    responses: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}

    @routes.get("/v1/pictures/{name}", response_class=Response, responses=responses)
    async def picture(name: str) -> Response:
        """Return a picture whose `url` a response gave; it can be fetched for an hour."""
        png = studio.pictures.get(name)
        if png is None:
            raise ApiError(404, "this picture has expired, or never was; draw it again from its recipe")
        return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600, immutable"})

    return routes
