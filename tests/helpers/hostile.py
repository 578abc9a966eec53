"""Hostile requests as raw HTTP, which no client library corrects or refuses."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import socket
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from galleries import recipe_json

DRAW, KEEP, STUDIES = "/v1/images/generations", "/v1/gallery/pictures", "/v1/ratings/studies"
NO, FINE = tuple(range(400, 500)), (200, 201)


@dataclass(frozen=True)
class Sent:
    """One hostile request and the allowed statuses; `raw` is sent as it is, instead of all other fields."""

    method: str = "GET"
    path: str = "/healthz"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[int, ...] = NO
    raw: bytes = b""

    def bytes(self) -> bytes:
        """Return the bytes of the request, with the right Content-Length where the headers have none."""
        if self.raw:
            return self.raw
        headers = {"Host": "localhost", "Connection": "close"} | dict(self.headers)
        if self.body and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(self.body))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line = f"{self.method} {self.path} HTTP/1.1\r\n"
        return (line + head + "\r\n").encode("latin-1", "replace") + self.body


def get(path: str, allowed: tuple[int, ...] = NO) -> Sent:
    return Sent("GET", path, allowed=allowed)


def post(path: str, body: Any, allowed: tuple[int, ...] = NO, **headers: str) -> Sent:
    """Send JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"Content-Type": "application/octet-stream" if isinstance(body, bytes) else "application/json"}
    return Sent(
        "POST", path, content, kind | {name.replace("_", "-"): value for name, value in headers.items()}, allowed
    )


def draw(body: Any, allowed: tuple[int, ...] = NO) -> Sent:
    """Ask for a picture, in JSON or in bytes declared as JSON."""
    return post(DRAW, body, allowed, Content_Type="application/json")


def keep(png: bytes, allowed: tuple[int, ...] = NO, **more: Any) -> Sent:
    """Put a picture into the gallery."""
    return post(KEEP, {"png": base64.b64encode(png).decode()} | more, allowed)


@dataclass(frozen=True)
class Answer:
    """A response; status 0 where the server closed the connection without one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def answer(port: int, request: bytes, timeout: float = 300) -> Answer:
    """Send bytes and read the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        with contextlib.suppress(ConnectionError):  # it may respond and close before it has read everything
            connection.sendall(request)
        found = http.client.HTTPResponse(connection)
        try:
            found.begin()
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())
        except (ConnectionError, http.client.HTTPException):
            return Answer(0)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*extra: bytes, side: int = 8, data: bytes | None = None) -> bytes:
    """Write a grey PNG of so many pixels a side, with extra chunks before them."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((min(side, 64) + 1) * min(side, 64)) if data is None else data)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *extra, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


def with_recipe(recipe: Any) -> bytes:
    """Write a PNG that carries this as its recipe: text as it is, else as JSON."""
    info, buffer = PngInfo(), io.BytesIO()
    info.add_itxt("limner", recipe if isinstance(recipe, str) else json.dumps(recipe))
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def with_part(name: str, part: str) -> bytes:
    """Write a PNG whose recipe is valid except for one part, given as JSON."""
    return with_recipe(json.dumps(recipe_json() | {name: "@"}).replace('"@"', part))


def blended(deep: int) -> str:
    """Write a blend of blends, nested so deep."""
    leaf = '{"kind": "caption", "text": "a red hat"}'
    return f'{{"kind": "blend", "t": 0.5, "second": {leaf}, "first": ' * deep + leaf + "}" * deep


def bushy(deep: int) -> str:
    """Write a blend of 2 ** deep requests."""
    if not deep:
        return '{"kind": "caption", "text": "a"}'
    return f'{{"kind": "blend", "t": 0.5, "first": {bushy(deep - 1)}, "second": {bushy(deep - 1)}}}'


def nested_seed(deep: int) -> str:
    return "[" * deep + "1" + ", 2, 0.5]" * deep


def trickled(port: int, parts: Iterable[bytes], pause: float) -> Answer:
    """Send parts with a pause after each, until the server answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=pause) as connection:
        received = b""
        for part in parts:
            try:
                connection.sendall(part)
                received = connection.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                return Answer(0)
            break
        return Answer(int(received.split()[1]) if received.startswith(b"HTTP/") else 0)
