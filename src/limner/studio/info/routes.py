"""Routes that draw nothing: which artists and systems there are, health and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from limner.drawing.artist import Artist
from limner.studio.errors import unknown_artist
from limner.studio.info.describe import describe_artist, describe_systems
from limner.studio.info.metrics import Metrics

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def router(artists: Mapping[str, Artist], started_at: int, is_open: Callable[[], bool], metrics: Metrics) -> APIRouter:
    """Make the routes.

    Args:
        artists: by the names clients use for them.
        started_at: when the studio started, in seconds since 1970.
        is_open: tells whether the studio draws, rather than starting or closing.
        metrics: what `GET /metrics` returns.
    """
    routes = APIRouter()
    _add_artists(routes, artists, started_at)
    _add_systems(routes, artists)
    _add_health(routes, is_open, metrics)
    return routes


def _add_artists(routes: APIRouter, artists: Mapping[str, Artist], started_at: int) -> None:
    # Once, as it reads the sources of systems: that is slow, and Python 3.11 parses in one thread at a time only.
    described = {name: describe_artist(name, artist) for name, artist in artists.items()}

    def describe_model(name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": started_at, "owned_by": "limner"}

    @routes.get("/v1/models", tags=["artists"])
    async def list_models() -> dict[str, Any]:
        """List the artists as the OpenAI API lists models."""
        return {"object": "list", "data": [describe_model(name) for name in artists]}

    @routes.get("/v1/models/{name:path}", tags=["artists"])
    async def get_model(name: str) -> dict[str, Any]:
        """Describe one artist as the OpenAI API describes a model."""
        if name not in artists:
            raise unknown_artist(name)
        return describe_model(name)

    @routes.get("/v1/artists", tags=["artists"])
    async def list_artists() -> dict[str, Any]:
        """Describe every artist: its kind of request, attributes, knobs, examples and abilities."""
        return {"data": list(described.values())}

    @routes.get("/v1/artists/{name:path}", tags=["artists"])
    async def get_artist(name: str) -> dict[str, Any]:
        """Describe one artist, with all the words that it knows."""
        if name not in artists:
            raise unknown_artist(name)
        return described[name] | {"words": artists[name].system.schema.lexicon.words}


def _add_systems(routes: APIRouter, artists: Mapping[str, Artist]) -> None:
    systems = describe_systems(artists)

    @routes.get("/v1/systems", tags=["artists"])
    async def list_systems() -> dict[str, Any]:
        """Describe every system: its paper, settings with their meaning, presets, and which artists are of it."""
        return {"data": systems}


def _add_health(routes: APIRouter, is_open: Callable[[], bool], metrics: Metrics) -> None:
    @routes.get("/healthz", tags=["health"])
    async def alive() -> dict[str, str]:
        """Report that the server runs."""
        return {"status": "alive"}

    @routes.get("/readyz", tags=["health"], responses={503: {"description": "The studio is starting or closing"}})
    async def ready() -> JSONResponse:
        """Report whether the server draws: 503 while it is starting or closing."""
        return JSONResponse({"status": "ready" if is_open() else "closing"}, 200 if is_open() else 503)

    @routes.get("/metrics", tags=["health"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def get_metrics() -> Response:
        """Return the metrics for Prometheus."""
        return Response(metrics.exposition(), media_type=EXPOSITION)
