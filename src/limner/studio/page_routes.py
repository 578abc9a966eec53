"""The page: its files, read once when the studio opens, so that no path from a request reaches the file system."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from limner import __version__
from limner.studio import page_files

STUDIO_JSON = "/studio.json"


@dataclass(frozen=True)
class File:
    """A file of the page, ready to send."""

    content: bytes
    kind: str

    @property
    def etag(self) -> str:
        """Return the entity tag, a hash of the content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


def files() -> Mapping[str, File]:
    """Return the page's files by URL path."""
    by_path = {
        f"/{name}": File(content, f"{page_files.TYPES[PurePath(name).suffix]}; charset=utf-8")
        for name, content in page_files.read().items()
    }
    return {"/": by_path["/index.html"], **by_path}


def router(page: Mapping[str, File], kinds: Sequence[Mapping[str, Any]]) -> APIRouter:
    """Make a route for each file, and for `studio.json`: who serves the page, and the kinds of request there are."""
    routes = APIRouter(include_in_schema=False)
    for path, file in page.items():
        routes.add_api_route(path, _handler(file), methods=["GET", "HEAD"])

    @routes.get(STUDIO_JSON)
    async def studio_json() -> JSONResponse:
        """Tell the page that a server draws."""
        about = {"kind": "server", "version": __version__, "kinds": kinds, "languages": page_files.languages()}
        return JSONResponse(about)

    return routes


def _handler(file: File) -> Any:
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}

    async def send(http: HttpRequest) -> Response:
        if http.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.kind, headers=headers)

    return send
