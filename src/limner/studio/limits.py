"""What is checked before every route: host, origin and token of a request, its rate, and the size of its body.

All of it is one plain ASGI middleware, so that it counts a body while it arrives and can stop reading it.
"""

from __future__ import annotations

import asyncio
import collections
import hmac
import ipaddress
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.errors import UserError
from limner.studio.errors import CLIENT_CLOSED_REQUEST, error_response
from limner.studio.info.metrics import Metrics
from limner.studio.page_files import POLICY

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
PUBLIC_PREFIXES = ("/healthz", "/readyz", "/v1/pictures/")
"""Paths that need no token: health, and pictures with unguessable names."""
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MAX_CLIENTS = 10_000
"""Clients whose rate is tracked; the one that was idle longest is dropped first."""


@dataclass(frozen=True)
class Limits:
    """How much one request, or one client, may ask for."""

    pictures: int = 64
    """Of one request; a story counts its lines."""
    side: int = 1024
    """Pixels of a picture's side after it was enlarged."""
    pixels: int = 2**24
    """Of all pictures of one request, after they were enlarged."""
    characters: int = 1000
    """Of a prompt, or a line of a story."""
    lines: int = 32
    """Of a story."""
    body: int = 2**20
    """Bytes of a request's body."""
    upload: int = 8 * 2**20
    """Bytes of an uploaded picture."""
    upload_pixels: int = 25_000_000
    """Of an uploaded picture that is decoded whole; of a JPEG no more is decoded than is needed."""
    body_by_path: Mapping[str, int] = field(default_factory=dict)
    """Bytes of a body, for paths with another limit."""
    bodies: int = 128 * 2**20
    """Bytes of all bodies that are being answered. One that may be larger than this by itself is not kept in memory."""
    body_timeout: float = 30.0
    """Seconds in which a body must have arrived."""
    rate: float = 0.0
    """Requests a client may make in a minute; 0 for no limit."""
    burst: float = 60.0
    """Requests a client may make at once after it was idle."""
    guesses: float = 30.0
    """Wrong tokens that a client may send in a minute; then it must wait, whatever it sends."""
    guess_burst: float = 60.0
    """Wrong tokens that a client may send at once."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate >= 0):
            raise UserError(f"--rate must be a number of requests a minute, 0 for no limit, not {self.rate}")


class RateLimiter:
    """A token bucket for each client: it refills at the rate, and each request takes a token.

    Args:
        rate: tokens a minute; 0 for no limit.
        burst: tokens of a full bucket.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate / 60, burst
        self._buckets: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()
        """Client to its tokens and when they were counted, most recent last."""

    def take(self, client: str, now: float) -> int:
        """Take a token and return 0; where there is none, return in how many seconds there will be one."""
        if not self._rate:
            return 0
        tokens = self._tokens(client, now)
        self._buckets.pop(client, None)
        self._buckets[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return self._seconds(tokens)

    def wait(self, client: str, now: float) -> int:
        """Return in how many seconds there will be a token, and take none."""
        return self._seconds(self._tokens(client, now)) if self._rate and client in self._buckets else 0

    def _tokens(self, client: str, now: float) -> float:
        tokens, counted_at = self._buckets.get(client, (self._burst, now))
        return min(tokens + (now - counted_at) * self._rate, self._burst)

    def _seconds(self, tokens: float) -> int:
        return 0 if tokens >= 1 else max(math.ceil((1 - tokens) / self._rate), 1)


class Guard:
    """The middleware.

    Args:
        app: the app behind it.
        limits: how much may be asked for.
        token: the bearer token that requests need; None for a studio of this machine only.
        local: answer only requests whose Host is this machine, against DNS rebinding.
        metrics: where requests are counted.
        public_paths: paths that need no token and have no rate limit: the page, which asks a person for the token.
        admits: tells whether a token is good that is not the studio's own: a pass of the class that is open.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        token: str | None,
        local: bool,
        metrics: Metrics,
        public_paths: frozenset[str] = frozenset(),
        admits: Callable[[str], bool] = lambda token: False,
    ) -> None:
        self.app, self.limits, self.local, self.metrics, self.public_paths = app, limits, local, metrics, public_paths
        self._admits = admits
        self._token = token.encode() if token else None
        self._body_bytes = 0
        self._rates = RateLimiter(limits.rate, limits.burst)
        self._guesses = RateLimiter(limits.guesses, limits.guess_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began, status, started = time.perf_counter(), CLIENT_CLOSED_REQUEST, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                headers["Server-Timing"] = f"studio;dur={1000 * (time.perf_counter() - began):.1f}"
            await send(message)

        try:
            await self._respond(scope, receive, send_with_headers)
        except asyncio.CancelledError:  # by the server, which closes and has waited long enough
            if not started:
                closing = error_response(503, "the studio is closing", headers={"Connection": "close"})
                await closing(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", None)  # the pattern, so that unknown paths add no time series
            self.metrics.requests.labels(scope["method"] if route else "", route or "none", status).inc()
            self.metrics.request_seconds.labels(route or "none").observe(time.perf_counter() - began)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        limit = self._body_limit(scope["path"])
        deadline = asyncio.get_running_loop().time() + self.limits.body_timeout
        received, complete = 0, False
        is_kept = limit <= self.limits.bodies

        async def receive_within_limits() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body came in too slowly", {"Connection": "close"}) from None
            size = len(message.get("body", b""))
            received += size
            self._body_bytes += size if is_kept else 0
            complete = not message.get("more_body", False)
            if received > limit:
                raise HTTPException(413, _too_large(limit), {"Connection": "close"})
            if is_kept and self._body_bytes > self.limits.bodies:
                text = "too much is being sent at once: try again in a while"
                raise HTTPException(503, text, {"Connection": "close", "Retry-After": "5"})
            return message

        try:
            await self.app(scope, receive_within_limits, send)
        finally:
            self._body_bytes -= received if is_kept else 0

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """Return the error response to a request that is refused; None where it may go on."""
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if self.local and _host_name(host) not in LOCAL:
            text = "the studio answers this machine only; start it with --host for others"
            return error_response(403, text, code="host")
        is_public = path.startswith(PUBLIC_PREFIXES) or path in self.public_paths
        follows_link = is_public and scope["method"] in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        if not follows_link and _is_cross_site(headers, host):
            return error_response(403, "another site's page may not use the studio", code="origin")
        if not is_public and (refusal := self._token_refusal(headers, client := _client(scope))):
            return refusal
        if not is_public and (seconds := self._rates.take(client, time.monotonic())):
            return _too_many(seconds)
        length, limit = headers.get("content-length", "0"), self._body_limit(path)
        if not length.isdecimal() or int(length) > limit:
            return error_response(413, _too_large(limit), headers={"Connection": "close"})
        return None

    def _token_refusal(self, headers: Headers, client: str) -> ASGIApp | None:
        """Return the error response to a request without the token; a client that guesses too often must wait."""
        if self._token is None:
            return None
        if seconds := self._guesses.wait(client, time.monotonic()):  # the right one, too: else guessing goes on
            return _too_many(seconds)
        kind, _, token = headers.get("authorization", "").partition(" ")
        is_own = hmac.compare_digest(token.strip().encode(), self._token)
        if kind.lower() == "bearer" and (is_own or self._admits(token.strip())):
            return None
        if "authorization" in headers:
            self._guesses.take(client, time.monotonic())
        text = "the token is missing or wrong: send the header Authorization: Bearer TOKEN"
        return error_response(401, text, headers={"WWW-Authenticate": "Bearer"})

    def _body_limit(self, path: str) -> int:
        return self.limits.body_by_path.get(path, self.limits.body)


def _too_many(seconds: int) -> ASGIApp:
    return error_response(429, f"too many requests: try again in {seconds} s", headers={"Retry-After": str(seconds)})


def _too_large(limit: int) -> str:
    return f"the body has more than {limit:,} bytes"


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_cross_site(headers: Headers, host: str) -> bool:
    """Tell whether the request comes from a page of another site; programs send neither header and pass."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return True
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def _client(scope: Scope) -> str:
    """Return whose rate is limited."""
    return client_of((scope.get("client") or ("",))[0])


def client_of(address: str) -> str:
    """Return who is one client to the limits: an address, or the /64 network of an IPv6 address, one household."""
    parsed = parse_address(address)
    if not isinstance(parsed, ipaddress.IPv6Address):
        return address if parsed is None else str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def parse_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, of IPv4 where it is one within IPv6; None where it is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
