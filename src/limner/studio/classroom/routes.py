"""A class over HTTP: opened by whoever has the studio's token, entered by a short word, with a wall for all."""

from __future__ import annotations

import io
import socket
import time
from typing import Annotated, Any
from urllib.parse import quote

import segno
from fastapi import APIRouter, HTTPException
from fastapi import Request as HttpRequest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from limner.studio.classroom.classroom import Classroom, NotIn
from limner.studio.errors import ApiError
from limner.studio.gallery.recipe import Identity, plain
from limner.studio.limits import LOCAL, RateLimiter, client_of

PREFIX = "/v1/class"
ENTER = f"{PREFIX}/enter"
"""The path that needs no token."""
MINUTES = 90
TRIES, TRIES_AT_ONCE = 20.0, 10.0
"""Wrong words that one client may try in a minute, and at once."""
ALL_TRIES, ALL_TRIES_AT_ONCE = 240.0, 240.0
"""Wrong words that all clients together may try: a guesser with many addresses waits, too."""
OUTSIDE = "192.0.2.1"
"""An address for documentation (RFC 5737): nothing is sent there, it only shows which of our own leads outside."""
Name = Annotated[str, Field(max_length=40), AfterValidator(plain)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenBody(_Body):
    """A class to open."""

    minutes: Annotated[int, Field(ge=5, le=480, strict=True)] = MINUTES
    address: Annotated[str, Field(max_length=200, pattern=r"^(https?://[\w.:\[\]/~-]+)?$")] = ""
    """How others reach the studio; found out where it is left out."""


class EnterBody(_Body):
    """Someone who comes in."""

    word: Annotated[str, Field(max_length=60)]
    name: Name = ""


class MadeBody(_Body):
    """What someone made last: the id of a picture of the gallery."""

    picture: Identity


def router(classroom: Classroom, token: str | None, port: int) -> APIRouter:
    """Make the routes.

    Args:
        classroom: of the studio.
        token: the studio's; None where only this machine can connect.
        port: where it listens, for its address.
    """
    routes = APIRouter(tags=["class"])
    tries, all_tries = RateLimiter(TRIES, TRIES_AT_ONCE), RateLimiter(ALL_TRIES, ALL_TRIES_AT_ONCE)

    def own(http: HttpRequest) -> None:
        if classroom.admits(_bearer(http)):
            raise ApiError(403, "whoever opened the class can do this")

    @routes.post(PREFIX)
    def start(http: HttpRequest, body: OpenBody) -> dict[str, Any]:
        """Open a class: a short word, the address with it, and a QR code of that as SVG."""
        own(http)
        if token is None:
            raise ApiError(400, "only this machine can connect: start the studio with --host 0.0.0.0 and a --token")
        opened = classroom.open(body.minutes)
        base = body.address.rstrip("/") or _address(http, port)
        address = f"{base}/#/join?word={quote(opened.word)}"
        return {"word": opened.word, "address": address, "qr": qr_code(address), "seconds": classroom.seconds_left}

    @routes.delete(PREFIX)
    def end(http: HttpRequest) -> dict[str, bool]:
        """End the class: those who came in by its word are out."""
        own(http)
        classroom.close()
        return {"open": False}

    @routes.post(ENTER)
    def enter(http: HttpRequest, body: EnterBody) -> dict[str, Any]:
        """Exchange the word of a class for a token, which is good until the class ends."""
        client, now = client_of(http.client.host if http.client else ""), time.monotonic()
        seconds = max(tries.wait(client, now), all_tries.wait("", now))
        if seconds:
            raise HTTPException(429, f"too many words were tried: wait {seconds} s", {"Retry-After": str(seconds)})
        try:
            made = classroom.enter(body.word, body.name)
        except NotIn as error:
            tries.take(client, now)
            all_tries.take("", now)
            raise ApiError(403, str(error), "word") from None
        return {"token": made, "seconds": classroom.seconds_left}

    @routes.get(PREFIX)
    def wall(http: HttpRequest) -> dict[str, Any]:
        """List who is in the class, each with what they made last; `word` for whoever opened it."""
        room, people = classroom.now, classroom.wall()
        pupil = classroom.admits(_bearer(http))
        return {
            "open": room is not None,
            "seconds": classroom.seconds_left,
            "word": room.word if room and not pupil else None,
            "people": [{"name": one.name, "picture": one.picture} for one in people],
        }

    @routes.post(f"{PREFIX}/made")
    def made(http: HttpRequest, body: MadeBody) -> dict[str, bool]:
        """Put what one made last on the wall."""
        classroom.made(_bearer(http), body.picture)
        return {"noted": True}

    return routes


def qr_code(text: str) -> str:
    """Return a QR code of a text as SVG."""
    written = io.BytesIO()
    segno.make(text, error="m", micro=False).save(written, kind="svg", xmldecl=False, scale=8, border=4, light="#fff")
    return written.getvalue().decode()


def _bearer(http: HttpRequest) -> str:
    return http.headers.get("authorization", "").partition(" ")[2].strip()


def _address(http: HttpRequest, port: int) -> str:
    """Return how others reach this studio: as this request did, or where that was from this machine, by its address."""
    base = str(http.base_url).rstrip("/")
    if http.url.hostname not in LOCAL or (host := own_host()) is None:
        return base
    return f"http://{host}:{http.url.port or port}"


def own_host() -> str | None:
    """Return the address of this machine by which it would reach others, None where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        try:
            found.connect((OUTSIDE, 9))  # of a datagram: nothing is sent
            return str(found.getsockname()[0])
        except OSError:
            return None
