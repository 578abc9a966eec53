"""Hostile requests by kind; `KINDS` has all but those that depend on timing."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from urllib.parse import quote

from galleries import png as picture
from hostile import (
    DRAW,
    FINE,
    KEEP,
    NO,
    STUDIES,
    Sent,
    blended,
    bushy,
    chunk,
    draw,
    get,
    keep,
    nested_seed,
    png,
    post,
    with_part,
)

RED = {"prompt": "a red hat"}
CLOSED = (0, *NO)
"""Refused, or the connection was closed without a response."""

SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    "</textarea></script><script>alert(1)//",
    "\u2028alert(1)\u2029",
    "\x1b[31mred\x07",
    "' onmouseover='alert(1)",
]


def scripts() -> Iterator[Sent]:
    for place, one in enumerate(SCRIPTS):
        yield draw({"prompt": one}, FINE)
        yield draw(RED | {"model": one})
        yield draw(RED | {one: 1})
        yield draw(RED | {"knobs": {one: 1}})
        yield draw(RED | {"user": one}, FINE)
        yield keep(picture(one, place), FINE, note=one)
        yield get(f"{KEEP}?shelf=drawn&q={quote(one)}", FINE)
        yield get(f"/v1/artists/{quote(one, safe='')}")


PATHS = [
    "../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "..%5c..%5cetc%5cpasswd",
    "..%c0%af..%c0%afetc%c0%afpasswd",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "x%00.png",
    "....//....//etc/passwd",
    "%2fproc%2fself%2fenviron",
]
FOLDERS = ["/v1/pictures/", "/v1/models/", "/v1/artists/", f"{KEEP}/", "/v1/ratings/images/", "/views/", "/"]


def paths() -> Iterator[Sent]:
    return (get(folder + path) for folder in FOLDERS for path in PATHS)


WRONG = [None, True, -1, 1.5, "x" * 3000, [], [[]], {}, {"a": {}}, [None]]


def types() -> Iterator[Sent]:
    for body in (
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"prompt": NaN}',
        b'{"prompt": "a",}',
        b"null",
        b"true",
    ):
        yield draw(body)
    for field, wrong in {
        "prompt": WRONG[1:],
        "n": [one for one in WRONG if one is not None],
        "seed": WRONG[1:],
        "size": WRONG[1:],
        "knobs": [one for one in WRONG if one != {}],
        "request": WRONG[1:],
        "stream": [-1, 1.5, "x" * 3000, [], {}],
    }.items():
        yield from (draw(({} if field == "request" else RED) | {field: one}) for one in wrong)
    yield from (post(f"{KEEP[:-9]}/delete", {"ids": one}) for one in WRONG)
    yield from (post(f"{KEEP[:-9]}/undo", {"undo": one}) for one in WRONG)


def zipped(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return file.getvalue()


def bombs() -> Iterator[Sent]:
    yield from map(draw, (b"[" * 400_000, b'{"a":' * 100_000, b'{"prompt": ' + b"9" * 900_000 + b"}"))
    for deep in (65, 900, 9_000):
        yield draw(f'{{"request": {blended(deep)}}}'.encode())
        yield draw(f'{{"prompt": "a", "seed": {nested_seed(deep)}}}'.encode())
        yield post("/v1/images/batch", f'{{"rows": [{{"request": {blended(deep)}}}]}}'.encode())
        yield keep(with_part("request", blended(deep)))
        yield keep(with_part("seed", nested_seed(deep)))
        yield keep(with_part("knobs", '{"a":' * deep + "1" + "}" * deep))
    yield draw(f'{{"request": {bushy(7)}}}'.encode())
    yield draw(f'{{"request": {bushy(13)}}}'.encode())
    yield keep(png(side=100_000))
    yield post("/v1/captions?model=balls", png(side=9_000))
    for kind, start in ((b"zTXt", b"limner\0\0"), (b"iTXt", b"limner\0\1\0\0\0"), (b"iCCP", b"limner\0\0")):
        bomb = png(chunk(kind, start + zlib.compress(bytes(50_000_000), 9)))
        yield keep(bomb)
        yield post("/v1/captions?model=balls", bomb, (*NO, *FINE))
    yield post(f"{KEEP[:-9]}/import", zipped({f"pictures/{'0' * 64}.png": bytes(40_000_000), "gallery.jsonl": b"{}"}))
    yield post(f"{KEEP[:-9]}/import", zipped({f"../../{'0' * 64}.png": b"", "gallery.jsonl": b"{}"}))
    yield post(f"{KEEP[:-9]}/import", zipped({"gallery.jsonl": b"[" * 900_000}))
    yield Sent("POST", DRAW, gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"})


SQL = [
    "' OR 1=1 --",
    "'; DROP TABLE pictures; --",
    '" OR ""="',
    "1) UNION SELECT png FROM pictures --",
    "\\'; --",
    "%",
    "_%_",
    "%%%%%%%%" * 20,
    ":1 ? $1 %(x)s {0}",
    "NEAR(a b) *",
    "a" * 499,
    " ".join("abcdefghijklmnopqrstuvwxyz") * 9,
    "0x27206f7220313d31",
    "pg_sleep(9)",
    "\u02bc or 1=1",
]


def queries() -> Iterator[Sent]:
    for one in SQL:
        yield get(f"{KEEP}?shelf=drawn&q={quote(one)}", (*FINE, *NO))
        yield get(f"{KEEP}?shelf=drawn&artist={quote(one)}", (*FINE, *NO))
        yield get(f"{KEEP}?after=1-{'0' * 64}{quote(one)}")
        yield post(f"{STUDIES}/{'0' * 32}/next", {"rater": one})
        yield keep(picture(one), FINE, note=one)


LETTERS = [
    "\u0000",
    "\ud800",
    "\udfff\ud800",
    "\u202emoc.live\u202c",
    "Z\u0351\u036f" * 300,
    "👩‍👩‍👧‍👦" * 50,
    "\uffff\ufffe",
    "\ufeffa hat",
    "\uff41 \uff52\uff45\uff44",
    "\u00a0\u2003\u200b",
    "ﷺ" * 300,
    "i\u0307\u0130\u0131\u017f\u212a",
]


def letters() -> Iterator[Sent]:
    for one in LETTERS:
        yield draw({"prompt": one}, (*FINE, *NO))
        yield draw(RED | {"model": one})
        yield keep(picture(), (*FINE, *NO), note=one)
    for body in (
        "a".encode("utf-16"),
        "a".encode("utf-32"),
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\x80",
    ):
        yield draw(b'{"prompt": "' + body + b'"}')


def headers() -> Iterator[Sent]:
    for host in (
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "2130706433",
        "0",
        "[::]",
        "☃",
    ):
        yield Sent(headers={"Host": host})
    for origin in (
        "null",
        "file://",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://[::1]:1",
        "a" * 9_000,
    ):
        yield Sent("POST", DRAW, b"{}", {"Origin": origin})
    for length in ("-1", "1e3", "0x10", "+5", "9" * 40, "5, 5", "٣"):
        yield Sent("POST", DRAW, b"{}", {"Content-Length": length}, CLOSED)
    for header in (
        "X-HTTP-Method-Override: DELETE",
        "X-Forwarded-Host: evil",
        "Range: bytes=0-1,1-2",
        "Upgrade: websocket",
    ):
        name, _, value = header.partition(": ")
        yield Sent(headers={name: value}, allowed=(*FINE, *NO))
    for method in ("FOO", "TRACE", "CONNECT", "get", "G" * 9_000, "PROPFIND", "DELETE"):
        yield Sent(method, "/healthz", allowed=CLOSED)
    start = f"POST {DRAW} HTTP/1.1\r\nHost: localhost\r\n".encode()
    for raw in (
        start + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
        start + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        start + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
        start + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
        start + b"Transfer-Encoding: gzip, identity\r\nConnection: close\r\n\r\n{}",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: \0\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    ):
        yield Sent(raw=raw, allowed=CLOSED)


def huge() -> Iterator[Sent]:
    yield draw(b'{"prompt": "' + b"a" * 2**21 + b'"}')
    yield draw(b" " * 2**21 + b'{"prompt": "a"}')
    yield post(f"{KEEP[:-9]}/delete", {"ids": ["0" * 64] * 20_000})
    yield post(f"{KEEP[:-9]}/delete", {"ids": ["0" * 64] * 1_001})
    yield draw({"prompt": "a", "knobs": {f"k{i}": 1 for i in range(20_000)}})
    yield draw({"prompt": "a", "seed": {"noise": [0.5] * 100_000}})
    yield post("/v1/captions?model=balls", b"\x89PNG\r\n\x1a\n" + bytes(9 * 2**20))
    yield keep(b"\x89PNG\r\n\x1a\n" + bytes(17 * 2**20))
    for length in (2**31, 2**63, 10**30):
        yield Sent("POST", DRAW, b"{}", {"Content-Length": str(length)})
        yield Sent("POST", f"{KEEP[:-9]}/import", b"PK", {"Content-Length": str(length * 4)})
    yield Sent(path="/" + "a" * 200_000, allowed=CLOSED)
    yield Sent(headers={f"X-{i}": "a" * 1_000 for i in range(500)}, allowed=(*FINE, *CLOSED))


KINDS = {
    "scripts": scripts,
    "paths": paths,
    "types": types,
    "bombs": bombs,
    "queries": queries,
    "unicode": letters,
    "headers": headers,
    "huge": huge,
}
