"""The page: its files, read once when the studio opens, so that no path from a request reaches the file system."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from limner import __version__
from limner.studio import page_files

ABOUT = "/studio.json"


@dataclass(frozen=True)
class File:
    """A file of the page as it is sent."""

    content: bytes
    kind: str

    @property
    def tag(self) -> str:
        """Return what changes when the content does."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


def files() -> Mapping[str, File]:
    """Return the page's files by the path each is asked for."""
    found = {
        f"/{name}": File(content, f"{page_files.TYPES[PurePath(name).suffix]}; charset=utf-8")
        for name, content in page_files.read().items()
    }
    return {"/": found["/index.html"], **found}


def router(page: Mapping[str, File]) -> APIRouter:
    """Make a route for each file, and for the line that tells the page who serves it."""
    routes = APIRouter(include_in_schema=False)
    for path, file in page.items():
        routes.add_api_route(path, _sender(file), methods=["GET", "HEAD"])

    @routes.get(ABOUT)
    async def about() -> JSONResponse:
        """Tell the page that a server draws."""
        return JSONResponse({"kind": "server", "version": __version__})

    return routes


def _sender(file: File) -> Any:
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}

    async def send(http: HttpRequest) -> Response:
        if http.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.kind, headers=headers)

    return send
