"""What stands before every route: who may ask, from where, how much and how often.

All of it is one plain ASGI layer, so that it sees a body while it comes in and can stop reading it.
"""

from __future__ import annotations

import asyncio
import collections
import hmac
import ipaddress
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.studio.errors import GONE, answer
from limner.studio.info.metrics import Meters
from limner.studio.page_files import POLICY

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN = ("/healthz", "/readyz", "/v1/pictures/")
"""Answered without a token: health, and pictures whose name nobody can guess."""
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOST_CLIENTS = 10_000
"""Clients whose pace is remembered; the one that was quiet longest is forgotten first."""


@dataclass(frozen=True)
class Limits:
    """How much one request, or one client, may ask."""

    pictures: int = 64
    """Of one request; a story counts its lines."""
    side: int = 1024
    """Pixels of a picture's side after it was enlarged."""
    letters: int = 1000
    """Of a prompt, or a line of a story."""
    lines: int = 32
    """Of a story."""
    body: int = 2**20
    """Bytes of a request's body."""
    upload: int = 8 * 2**20
    """Bytes of a picture that is sent."""
    bodies: Mapping[str, int] = field(default_factory=dict)
    """Bytes of a body by path, where another limit holds."""
    patience: float = 30.0
    """Seconds in which a body must have come in."""
    rate: float = 0.0
    """Requests a client may make in a minute; 0 for no limit."""
    burst: float = 60.0
    """Requests a client may make at once when it was quiet before."""


class Paces:
    """A bucket of tokens for each client: it drips full at the rate, and each request takes one."""

    def __init__(self, limits: Limits) -> None:
        self._rate, self._burst = limits.rate / 60, limits.burst
        self._buckets: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()

    def wait(self, client: str, now: float) -> int:
        """Take a token; return 0, or the seconds after which there is one."""
        if not self._rate:
            return 0
        left, since = self._buckets.pop(client, (self._burst, now))
        left = min(left + (now - since) * self._rate, self._burst)
        self._buckets[client] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0 if left >= 1 else max(math.ceil((1 - left) / self._rate), 1)


class Guard:
    """The layer.

    Args:
        app: what it guards.
        limits: how much may be asked.
        token: what a request must bear; None on a machine of one's own.
        local: answer only requests that name this machine, so that no page of another name reaches it (DNS rebinding).
        meters: what is counted.
        everyone: paths answered without a token and at any pace, the page's: it is what asks a person for the token.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        token: str | None,
        local: bool,
        meters: Meters,
        everyone: frozenset[str] = frozenset(),
    ) -> None:
        self.app, self.limits, self.local, self.meters, self.everyone = app, limits, local, meters, everyone
        self._token = token.encode() if token else None
        self._paces = Paces(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), GONE

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                headers["Server-Timing"] = f"studio;dur={1000 * (time.perf_counter() - began):.1f}"
            await send(message)

        try:
            await self._answer(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", None)  # its pattern: hostile paths make no new series
            self.meters.answered.labels(scope["method"] if route else "", route or "none", status).inc()
            self.meters.seconds.labels(route or "none").observe(time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        most, deadline = self._most(scope["path"]), asyncio.get_running_loop().time() + self.limits.patience
        received, whole = 0, False

        async def counted() -> Message:
            nonlocal received, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body came in too slowly", {"Connection": "close"}) from None
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if received > most:
                raise HTTPException(413, _too_large(most), {"Connection": "close"})
            return message

        await self.app(scope, counted, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """Return the answer to a request that must not go on, or None."""
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if self.local and _name(host) not in LOCAL:
            return answer(403, "the studio answers this machine only; start it with --host for others", code="host")
        if scope["method"] not in ("GET", "HEAD") and _elsewhere(headers, host):
            return answer(403, "another site's page may not use the studio", code="origin")
        is_open = path.startswith(OPEN) or path in self.everyone
        if self._token and not is_open and not self._bears(headers):
            text = "the token is missing or wrong: send the header Authorization: Bearer TOKEN"
            return answer(401, text, headers={"WWW-Authenticate": "Bearer"})
        if not is_open and (seconds := self._paces.wait(_client(scope), time.monotonic())):
            text = f"too many requests: try again in {seconds} s"
            return answer(429, text, headers={"Retry-After": str(seconds)})
        length, most = headers.get("content-length", "0"), self._most(path)
        if not length.isdecimal() or int(length) > most:
            return answer(413, _too_large(most), headers={"Connection": "close"})
        return None

    def _bears(self, headers: Headers) -> bool:
        kind, _, token = headers.get("authorization", "").partition(" ")
        assert self._token is not None
        return hmac.compare_digest(token.strip().encode(), self._token) and kind.lower() == "bearer"

    def _most(self, path: str) -> int:
        return self.limits.bodies.get(path, self.limits.body)


def _too_large(most: int) -> str:
    return f"the body has more than {most:,} bytes"


def _name(host: str) -> str:
    """Return the host of a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _elsewhere(headers: Headers, host: str) -> bool:
    """Tell whether a page of another site asks; programs, which send neither header, do not."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return True
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def _client(scope: Scope) -> str:
    """Return whose pace is counted: an address, or the /64 network of an IPv6 address, which is one household."""
    address = (scope.get("client") or ("",))[0]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))
