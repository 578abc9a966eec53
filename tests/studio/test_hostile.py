"""What strangers may send, tried and counted: nothing of it is a 5xx, stops the server, or becomes more than text.

    scripts   72  in prompts, names, searches, notes, knobs, fields and paths
    paths     84  out of the folders of pictures, artists, ratings and the page
    types     87  of another kind than a field is of, or no JSON at all
    bombs     35  JSON, blends and seeds within each other; PNG of many pixels, texts and recipes; zips; gzip
    queries   75  SQL and patterns in searches, names and places
    unicode   42  halves of letters, NUL, letters that turn the line, and bytes that are no text
    headers   42  hosts, origins, lengths, smuggled requests, methods and lines that are no HTTP
    huge      16  bodies, lines and pictures beyond their limits, told truly or not
    slow       6  clients that dribble, stop, hang up, or never read

Beside them: zips in gallery/test_files.py, chance in test_api_fuzz.py, tokens and paces in test_api_safety.py.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

import limner
from artists import cascade, published
from galleries import png as picture
from hostile import DRAW, FINE, KEEP, Answer, Sent, answer, draw, get, keep, trickled
from hostile_inputs import KINDS, RED, SQL
from limner.studio.gallery.gallery import Gallery
from limner.studio.limits import Limits
from limner.studio.server import Settings
from studio_live import live

LONGEST = 60
"""Seconds after which an input has kept the server too long, on a machine that does much else."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("hostile")
    artists = [limner.load(published(folder / "hats")), limner.load(cascade(folder / "balls"))]
    gallery = Gallery(folder / "gallery.sqlite")
    with live(artists, Settings(limits=Limits(body_timeout=2)), gallery) as url:
        port = int(url.rpartition(":")[2])
        assert alive(port)  # the first picture takes longer than any other
        yield port
    gallery.close()


def alive(port: int) -> bool:
    """Tell whether the server still draws, at once or where its queue is full soon after."""
    for _ in range(50):
        found = answer(port, draw(RED).bytes())
        if found.status != 429:
            return found.status == 200
        time.sleep(0.1)
    return False


def fault(found: Answer, sent: Sent) -> str:
    """Return what is wrong with an answer, or nothing."""
    if found.status not in sent.allowed:
        return f"answers {found.status} {found.body[:100]!r}"
    if b"root:x:" in found.body or "text/html" in found.headers.get("content-type", ""):
        return f"tells {found.body[:100]!r}"
    if found.status >= 400 and found.headers.get("content-type", "").startswith("application/json"):
        error = json.loads(found.body)["error"]
        return "" if error["message"] and "\n" not in error["message"] else f"says {error['message']!r}"
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_hostile_is_more_than_refused(port: int, kind: str) -> None:
    faults = []
    for number, sent in enumerate(KINDS[kind]()):
        began = time.perf_counter()
        found = answer(port, sent.bytes())
        took = time.perf_counter() - began
        if wrong := fault(found, sent) or (f"takes {took:.1f} s" if took > LONGEST else ""):
            faults.append(f"{number}: {sent.bytes()[:150]!r} {wrong}")
    assert not faults, "\n".join(["", *faults])
    assert alive(port), "the server draws no more"


def test_as_many_are_tried_as_is_said() -> None:
    said = {kind: int(number) for kind, number in re.findall(r"^    (\w+) +(\d+) ", __doc__, re.MULTILINE)}
    assert said == {kind: sum(1 for _ in tried()) for kind, tried in KINDS.items()} | {"slow": len(SLOW)}


def test_a_search_is_of_words_whatever_it_holds(port: int) -> None:
    """What SQL would make true of every row, or drop, finds and loses nothing."""
    put = [answer(port, keep(picture(f"a hat of {i}", 900 + i), FINE).bytes()).status for i in range(3)]
    before = json.loads(answer(port, get(f"{KEEP}?shelf=drawn").bytes()).body)["total"]
    assert put == [201] * 3 and before >= 3
    for one in SQL[:5]:
        found = json.loads(answer(port, get(f"{KEEP}?shelf=drawn&q={quote('zirconium' + one)}").bytes()).body)
        assert found["total"] == 0, one
    assert json.loads(answer(port, get(f"{KEEP}?shelf=drawn").bytes()).body)["total"] == before


HEAD = f"POST {DRAW} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
BODY = json.dumps(RED | {"n": 64, "size": "512x512", "response_format": "b64_json"}).encode()


def dribbles(port: int) -> None:
    """Send a body letter by letter."""
    assert trickled(port, [HEAD + b"Content-Length: 99\r\n\r\n", *[b" "] * 40], 0.1).status == 408


def sends_nothing(port: int) -> None:
    """Announce a body that never comes."""
    assert trickled(port, [HEAD + b"Content-Length: 99\r\n\r\n", *[b""] * 40], 0.1).status == 408


def never_ends_its_headers(port: int) -> None:
    """Keep connections open whose headers go on and on, while others draw."""
    with contextlib.ExitStack() as open_ones:
        for _ in range(40):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.sendall(HEAD + b"X-More: ")
        assert alive(port)


def hangs_up_while_it_speaks(port: int) -> None:
    """Close in the middle of a body."""
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.sendall(HEAD + b'Content-Length: 99\r\n\r\n{"prompt":')


def hangs_up_while_it_is_drawn(port: int) -> None:
    """Ask for many large pictures, and go."""
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.sendall(HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)


def never_reads(port: int) -> None:
    """Ask for many large pictures and leave the answer lying, while others draw."""
    with contextlib.ExitStack() as open_ones:
        for _ in range(5):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.sendall(HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        assert alive(port)


SLOW = [
    dribbles,
    sends_nothing,
    never_ends_its_headers,
    hangs_up_while_it_speaks,
    hangs_up_while_it_is_drawn,
    never_reads,
]


@pytest.mark.parametrize("client", SLOW, ids=lambda client: client.__name__)
def test_who_is_slow_or_goes_away_harms_nobody(port: int, client: Callable[[int], None]) -> None:
    client(port)
    assert alive(port)
    metrics = answer(port, get("/metrics").bytes()).body.decode()
    assert not re.search(r'limner_requests_total\{[^}]*status="5', metrics), "a 5xx was counted"
