"""The studio's server: a FastAPI app behind a guard, and uvicorn to run it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
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
from limner.errors import UserError
from limner.studio import errors, page_routes
from limner.studio.drawing import routes as drawing_routes
from limner.studio.drawing.batching import Desk
from limner.studio.drawing.studio import Studio
from limner.studio.info import routes as about_routes
from limner.studio.info.describe import apart
from limner.studio.info.metrics import Meters
from limner.studio.limits import LOCAL, Guard, Limits

if TYPE_CHECKING:
    from limner.studio.gallery.gallery import Gallery

SHORTEST_TOKEN = 16
GRACE = 30
"""Seconds that what was taken has to be finished when the server is told to end."""
CLIENTS = 1_000
"""Connections at once; more are answered 503."""
STUDY = 64 * 2**20
"""Bytes of a study of ratings, pictures and all."""
AWAY = 600.0
"""Requests a minute that a client may make where the studio is open to other machines."""


@dataclass(frozen=True)
class Settings:
    """How a studio is run."""

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
        if self.batch < 1:
            raise UserError(f"--batch must be 1 or more, not {self.batch}")
        if self.queue < self.limits.pictures:
            raise UserError(f"--queue must be {self.limits.pictures} or more: one request may ask for as many pictures")
        if self.token is None and not self.local:
            raise UserError(
                f"--host {self.host} opens the studio to other machines: set a --token (or LIMNER_TOKEN) for them"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise UserError("the token must be of plain letters and digits")
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise UserError(f"the token must have {SHORTEST_TOKEN} characters or more, so that nobody guesses it")

    @property
    def local(self) -> bool:
        """Tell whether only this machine can ask."""
        return self.host in LOCAL


def build(artists: Sequence[Artist], settings: Settings, gallery: Gallery | None = None) -> Guard:
    """Make the app: artists, the first of which is asked where none is named, and a gallery.

    Raises:
        UserError: where there is no artist.
    """
    if not artists:
        raise UserError("a studio needs an artist: name one")
    meters = Meters()
    for artist, name in zip(artists, names([artist.name for artist in artists]), strict=True):
        artist.name = name  # recipes and answers tell nothing of this machine's folders
    desks = {artist.name: Desk(artist, settings.batch, settings.queue, settings.threads, meters) for artist in artists}
    studio = Studio(desks, settings.limits, meters)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for desk in desks.values():
            desk.open()
        studio.open = True
        yield
        studio.open = False
        await asyncio.gather(*(desk.close() for desk in desks.values()))

    title, declared = "Limner's studio", errors.DECLARED
    app = FastAPI(
        title=title, version=__version__, responses=declared, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    errors.handle(app)
    app.include_router(about_routes.router(studio))
    app.include_router(drawing_routes.router(studio))
    page = page_routes.files()
    app.include_router(page_routes.router(page))
    bodies = dict.fromkeys(("/v1/styles", "/v1/captions"), settings.limits.upload)
    if gallery is not None:
        bodies |= _add_gallery(app, studio, gallery)
    limits = dataclasses.replace(settings.limits, bodies=bodies)
    everyone = frozenset({*page, page_routes.ABOUT})
    return Guard(app, limits, settings.token, settings.local, meters, everyone)


def names(given: Sequence[str]) -> list[str]:
    """Return what artists are asked for by: a folder's last part, other names as they are; of two alike one is "-2"."""
    return apart(Path(one).resolve().name if Path(one).exists() or Path(one).is_absolute() else one for one in given)


def opened(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say.

    Raises:
        UserError: where that cannot be.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        found = socket.create_server((settings.host, settings.port), family=family, backlog=CLIENTS)
        # Connections take this over. Without it the body of an answer waits 40 ms for the client to confirm its head.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise UserError(f"cannot listen on {settings.host}:{settings.port} ({reason}): name another --port") from None


def server(app: Guard) -> uvicorn.Server:
    """Return the server of an app; its `run(sockets=[...])` serves until SIGINT or SIGTERM.

    Then it refuses what is new, finishes what was taken, for `GRACE` seconds at most, and returns.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=CLIENTS,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def _add_gallery(app: FastAPI, studio: Studio, gallery: Gallery) -> dict[str, int]:
    """Add the routes of a gallery and of ratings; return how large the bodies of some of them may be."""
    from limner.studio.gallery import files, recipe
    from limner.studio.gallery import routes as gallery_routes
    from limner.studio.ratings import routes as ratings_routes
    from limner.studio.ratings.ratings import Ratings

    def redraw(made: Mapping[str, Any]) -> Image.Image:
        """Draw the picture of a recipe, called by a thread of a pool."""
        desk = next((d for d in studio.desks.values() if d.artist.sha256 == made["checkpoint"]), None)
        if desk is None:
            raise UserError(f"the checkpoint that drew this picture is not here: open the studio with {made['artist']}")
        row, knobs = desk.artist.row_of(made), desk.artist.knobs(made.get("knobs"))
        (drawn,) = from_thread.run(desk.draw, [row], knobs)
        return drawn.image

    app.include_router(gallery_routes.router(gallery, redraw))
    app.include_router(ratings_routes.router(Ratings(gallery.database)))
    pictures = f"{gallery_routes.PREFIX}/pictures"
    one = recipe.MOST_BYTES * 4 // 3 + 2**16
    return {
        pictures: one,
        f"{gallery_routes.PREFIX}/import": files.MOST_BYTES_OF_ALL,
        f"{ratings_routes.PREFIX}/studies": STUDY,
    }
