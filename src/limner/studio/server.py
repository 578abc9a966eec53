"""The studio's server: a FastAPI app behind a guard, and uvicorn to run it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from anyio import from_thread
from fastapi import FastAPI
from PIL import Image

from limner import __version__
from limner.drawing.artist import Artist
from limner.drawing.stopping import stop_of
from limner.errors import UserError
from limner.studio import errors, page_routes
from limner.studio.classroom import routes as class_routes
from limner.studio.classroom.classroom import Classroom
from limner.studio.connections import BACKLOG, HEAD_TIMEOUT, MACHINE, SEND_TIMEOUT, connection_class, max_connections
from limner.studio.drawing import picture_routes
from limner.studio.drawing import routes as drawing_routes
from limner.studio.drawing.batching import ArtistQueue
from limner.studio.drawing.studio import Studio
from limner.studio.info import api_page
from limner.studio.info import routes as info_routes
from limner.studio.info.describe import describe_kinds, unique_names
from limner.studio.info.metrics import Metrics
from limner.studio.limits import LOCAL, Guard, Limits

if TYPE_CHECKING:
    from limner.studio.gallery.gallery import Gallery

SHORTEST_TOKEN = 16
SHUTDOWN_TIMEOUT = 30
"""Seconds in which requests that were accepted must finish after SIGTERM or SIGINT."""
MAX_BATCH = 4_096
"""Rows of a forward pass, at most."""
MAX_THREADS = 1_024
"""Threads of an artist, at most: beyond some thousands the libraries that start them abort."""
BASE64 = 4
"""Characters of base64 for three bytes."""
MAX_STUDY_BYTES = 64 * 2**20
"""Of a study of ratings, with its pictures."""
PROXIES = "FORWARDED_ALLOW_IPS"
"""The environment variable, uvicorn's, that names proxies."""
PUBLIC_RATE = 600.0
"""Requests a minute that a client may make where the studio is open to other machines."""


@dataclass(frozen=True)
class Settings:
    """Settings of a server."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    batch: int = 4
    """Rows of a forward pass."""
    queue: int = 256
    """Pictures that may wait for an artist."""
    threads: int | None = 1
    """Cores that an artist draws with; None leaves that to torch."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= MAX_BATCH:
            raise UserError(f"--batch must be from 1 to {MAX_BATCH:,}, not {self.batch:,}")
        if self.threads is not None and not 1 <= self.threads <= MAX_THREADS:
            raise UserError(f"--threads must be from 0 to {MAX_THREADS:,}, not {self.threads:,}")
        if self.queue < self.limits.pictures:
            raise UserError(f"--queue must be {self.limits.pictures} or more: one request may ask for as many pictures")
        if self.token is None and not self.local:
            raise UserError(
                f"--host {self.host} opens the studio to other machines: set a --token (or LIMNER_TOKEN) for them"
            )
        if self.token is not None and not re.fullmatch(r"[!-~]*", self.token):
            raise UserError("the token must be of plain letters and digits, without spaces")
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise UserError(f"the token must have {SHORTEST_TOKEN} characters or more, so that nobody guesses it")

    @property
    def local(self) -> bool:
        """Tell whether only this machine can connect."""
        return self.host in LOCAL


def build(artists: Sequence[Artist], settings: Settings, gallery: Gallery | None = None) -> Guard:
    """Make the app of artists, the first of which is the default, and of a gallery.

    Raises:
        UserError: where there is no artist.
    """
    if not artists:
        raise UserError("a studio needs an artist: name one")
    metrics = Metrics()
    for artist, name in zip(artists, names([artist.name for artist in artists]), strict=True):
        artist.name = name  # recipes and responses must not reveal this machine's folders
    queues = {
        artist.name: ArtistQueue(artist, settings.batch, settings.queue, settings.threads, metrics)
        for artist in artists
    }
    studio = Studio(queues, settings.limits, metrics)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for queue in queues.values():
            queue.open()
        studio.is_open = True
        yield
        studio.is_open = False
        await asyncio.gather(*(queue.close() for queue in queues.values()))
        if gallery is not None:  # here, since uvicorn ends the process by the signal that it was sent
            await asyncio.to_thread(gallery.close)

    app = FastAPI(
        title="Limner's studio",
        version=__version__,
        responses=errors.ERROR_RESPONSES,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    errors.add_error_handlers(app)
    by_name = {artist.name: artist for artist in artists}
    app.include_router(info_routes.router(by_name, studio.started_at, lambda: studio.is_open, metrics))
    app.include_router(picture_routes.router(studio))
    app.include_router(drawing_routes.router(studio))
    page = page_routes.files()
    app.include_router(page_routes.router(page, describe_kinds()))
    app.include_router(api_page.router(app.openapi))
    classroom = Classroom()
    app.include_router(class_routes.router(classroom, settings.token, settings.port))
    body_by_path = dict.fromkeys(("/v1/styles", "/v1/captions", "/v1/attributes", "/v1/seen"), settings.limits.upload)
    if any(kind.holds for artist in artists for kind in artist.system.kinds):
        with_pictures = settings.limits.body + 2 * BASE64 * settings.limits.upload // 3  # one, and its mask
        body_by_path |= dict.fromkeys(drawing_routes.WITH_REQUESTS, with_pictures)
    if gallery is not None:
        body_by_path |= _add_gallery(app, studio, gallery)
    limits = dataclasses.replace(settings.limits, body_by_path=body_by_path)
    public_paths = frozenset({*page, page_routes.STUDIO_JSON, class_routes.ENTER, *api_page.PUBLIC})
    return Guard(app, limits, settings.token, settings.local, metrics, public_paths, classroom.admits)


def names(given: Sequence[str]) -> list[str]:
    """Return the names clients use for artists: of a folder its last part; a second one of the same name gets "-2"."""
    return unique_names(
        Path(name).resolve().name if Path(name).exists() or Path(name).is_absolute() else name for name in given
    )


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens on the host and port of the settings.

    Raises:
        UserError: where it cannot.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
        # Connections inherit this. Without it a response's body waits 40 ms for the client to acknowledge its head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise UserError(f"cannot listen on {settings.host}:{settings.port} ({reason}): name another --port") from None


def server(
    app: Guard,
    most: int | None = None,
    head_timeout: float = HEAD_TIMEOUT,
    send_timeout: float = SEND_TIMEOUT,
    grace: int = SHUTDOWN_TIMEOUT,
    most_of_address: int | None = None,
    unlimited: Sequence[str] = MACHINE,
) -> uvicorn.Server:
    """Return the server of an app; its `run(sockets=[...])` serves until SIGINT or SIGTERM.

    Then it refuses new requests, finishes those it accepted, for `grace` seconds at most, and returns.

    Args:
        app: what `build` made.
        most: connections at once, as many as this process may hold where None.
        head_timeout: seconds in which the head of a request must have arrived.
        send_timeout: seconds in which a client must take some of a response that waits for it.
        grace: in seconds.
        most_of_address: connections of one address at once, a share of `most` where None.
        unlimited: addresses and networks that share no such limit. Proxies are added, which FORWARDED_ALLOW_IPS names.
    """
    proxies = [one.strip() for one in os.environ.get(PROXIES, "").split(",") if one.strip()]
    most = max_connections() if most is None else most
    config = uvicorn.Config(
        app,
        http=connection_class(most, head_timeout, send_timeout, most_of_address, (*unlimited, *proxies)),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        # Any program of this machine could write X-Forwarded-For: a proxy's address is believed where it is named.
        proxy_headers=PROXIES in os.environ,
        backlog=BACKLOG,
        limit_concurrency=most + 1,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=grace,
    )
    return uvicorn.Server(config)


def _add_gallery(app: FastAPI, studio: Studio, gallery: Gallery) -> dict[str, int]:
    """Add the routes of a gallery and of ratings; return the body limits, in bytes, of some of them."""
    from limner.studio.gallery import files
    from limner.studio.gallery import routes as gallery_routes
    from limner.studio.gallery.recipe import MOST_BYTES
    from limner.studio.ratings import routes as ratings_routes
    from limner.studio.ratings.ratings import Ratings

    def redraw(recipe: Mapping[str, Any]) -> Image.Image:
        """Draw the picture of a recipe; called in a thread of anyio's pool."""
        size, here = recipe.get("size"), [q for q in studio.queues.values() if q.artist.sha256 == recipe["checkpoint"]]
        queue = next((q for q in here if size in (None, *q.artist.sizes)), next(iter(here), None))
        if queue is None:
            artist = recipe["artist"]
            raise UserError(f"the checkpoint that drew this picture is not here: open the studio with {artist}")
        row, knobs = queue.artist.row_of(recipe), queue.artist.knobs(recipe.get("knobs"))
        (picture,) = from_thread.run(queue.draw, [row], knobs, None, size, stop_of(recipe))
        return picture.image

    decoding = gallery_routes.decoder()
    app.include_router(gallery_routes.router(gallery, redraw, decoding))
    app.include_router(ratings_routes.router(Ratings(gallery.database), decoding))
    picture_body = MOST_BYTES * 4 // 3 + 2**16  # base64, and the other fields
    return {
        f"{gallery_routes.PREFIX}/pictures": picture_body,
        f"{gallery_routes.PREFIX}/import": files.MAX_ZIP_BYTES,
        f"{ratings_routes.PREFIX}/studies": MAX_STUDY_BYTES,
    }
