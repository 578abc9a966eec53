"""All but drawing: who draws and what can be asked, styles and captions of pictures, health and meters."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from limner.drawing.artist import Artist
from limner.drawing.describe import describe
from limner.drawing.seeds import style_of
from limner.studio.drawing.studio import Studio, while_there
from limner.studio.errors import ApiError
from limner.studio.info.describe import about, about_systems

Model = Annotated[str | None, Query(max_length=200)]
PICTURE = {
    "requestBody": {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg")},
        "required": True,
    }
}
METERS = "text/plain; version=0.0.4; charset=utf-8"


def router(studio: Studio) -> APIRouter:
    """Make the routes."""
    routes = APIRouter()
    _artists(routes, studio)
    _systems(routes, studio)
    _pictures(routes, studio)
    _health(routes, studio)
    return routes


def _artists(routes: APIRouter, studio: Studio) -> None:

    @routes.get("/v1/models", tags=["artists"])
    async def models() -> dict[str, Any]:
        """List the artists as the OpenAI API lists models."""
        return {"object": "list", "data": [_model(studio, name) for name in studio.desks]}

    @routes.get("/v1/models/{name:path}", tags=["artists"])
    async def model(name: str) -> dict[str, Any]:
        """Tell of one artist as the OpenAI API tells of a model."""
        studio.desk(name)
        return _model(studio, name)

    @routes.get("/v1/artists", tags=["artists"])
    async def artists() -> dict[str, Any]:
        """Tell of every artist what can be asked: its kind of request, attributes, knobs, examples, abilities."""
        return {"data": [about(name, desk.artist) for name, desk in studio.desks.items()]}

    @routes.get("/v1/artists/{name:path}", tags=["artists"])
    async def artist(name: str) -> dict[str, Any]:
        """Tell of one artist what can be asked, and all the words that it knows."""
        known = studio.desk(name).artist
        return about(name, known) | {"words": known.system.schema.lexicon.words}


def _systems(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/v1/systems", tags=["artists"])
    async def systems() -> dict[str, Any]:
        """Tell of every system: its paper, settings with their meaning, presets, and who of it draws here."""
        return {"data": described}

    described = about_systems({name: desk.artist for name, desk in studio.desks.items()})


def _pictures(routes: APIRouter, studio: Studio) -> None:
    @routes.post("/v1/styles", tags=["pictures"], openapi_extra=PICTURE)
    async def style(http: HttpRequest, model: Model = None) -> dict[str, Any]:
        """Find the style of the picture that is the body: its `seed` stands wherever a seed can."""
        desk = studio.desk(model)
        image = await studio.upload(await http.body(), _reads(desk.artist))
        found = await while_there(http, desk.call(lambda: style_of(image, desk.artist.system)))
        return {"seed": {"noise": list(found.noise), "of": found.of}}

    @routes.post("/v1/captions", tags=["pictures"], openapi_extra=PICTURE)
    async def caption(http: HttpRequest, model: Model = None) -> dict[str, str]:
        """Say in words what the picture shows that is the body."""
        desk = studio.desk(model)
        image = await studio.upload(await http.body(), _reads(desk.artist))
        return {"caption": await while_there(http, desk.call(lambda: next(describe(desk.artist, [image]))))}

    png: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}

    @routes.get("/v1/pictures/{name}", tags=["pictures"], response_class=Response, responses=png)
    async def picture(name: str) -> Response:
        """Return a picture that an answer gave the `url` of; for an hour it is there."""
        png = studio.links.get(name)
        if png is None:
            raise ApiError(404, "this picture is no more; its recipe draws it again")
        return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600, immutable"})


def _health(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/healthz", tags=["health"])
    async def alive() -> dict[str, str]:
        """Tell that the server answers."""
        return {"status": "alive"}

    @routes.get("/readyz", tags=["health"], responses={503: {"description": "It opens or closes"}})
    async def ready() -> JSONResponse:
        """Tell whether the server draws: 503 while it opens or closes."""
        return JSONResponse({"status": "ready" if studio.open else "closing"}, 200 if studio.open else 503)

    @routes.get("/metrics", tags=["health"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def meters() -> Response:
        """Return the meters for Prometheus."""
        return Response(studio.meters.text(), media_type=METERS)


def _model(studio: Studio, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": studio.began, "owned_by": "limner"}


def _reads(artist: Artist) -> int:
    return artist.system.data_size(artist.system.config)
