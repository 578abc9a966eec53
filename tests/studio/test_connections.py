"""Silent connections keep nobody out; guesses of a token are slowed; what ends the studio is told to those who wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

import limner
from artists import published
from galleries import picture
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.studio import connections, server
from limner.studio.gallery.gallery import Gallery
from limner.studio.info.metrics import Metrics
from limner.studio.limits import Guard, Limits, RateLimiter
from limner.studio.server import Settings
from studio_live import Gate, live

TOKEN = "a-token-of-sixteen"


def guarded(app: FastAPI | None = None) -> Guard:
    return Guard(app or FastAPI(), Limits(), None, True, Metrics(), frozenset())


@contextlib.contextmanager
def serving(app: Guard, **options: float) -> Iterator[int]:
    """Serve an app alone, and yield the port."""
    listening = server.listen(Settings(port=0))
    running = server.server(app, **options)  # type: ignore[arg-type]
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.005)
    try:
        yield listening.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join(60)
    assert not thread.is_alive()


def status(port: int) -> int:
    return httpx.get(f"http://127.0.0.1:{port}/", timeout=30).status_code


@contextlib.contextmanager
def silent(port: int, number: int, says: bytes = b"") -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as held:
        found = []
        for _ in range(number):
            one = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            if says:
                with contextlib.suppress(OSError):
                    one.sendall(says)
            found.append(one)
        yield found


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(10)
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(4096):
            pass
    return True


@pytest.mark.parametrize("says", [b"", b"GET / HTTP/1.1\r\nHost: local"], ids=["nothing", "half a head"])
def test_silent_connections_keep_nobody_out(says: bytes) -> None:
    with serving(guarded(), most=8) as port, silent(port, 20, says) as held:
        assert [status(port) for _ in range(3)] == [404] * 3
        assert is_closed(held[0]), "the one that was silent longest makes room"


def test_an_idle_connection_makes_room_and_a_busy_one_does_not() -> None:
    app, gate = FastAPI(), threading.Event()

    @app.get("/slow")
    def slow() -> str:
        assert gate.wait(20)
        return "done"

    ask = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(guarded(app), most=3) as port, silent(port, 1, ask % b"/slow") as (busy,):
        with silent(port, 1, ask % b"/") as (idle,):
            assert idle.recv(4096).startswith(b"HTTP/1.1 404")
            with silent(port, 3):
                assert is_closed(idle)
        gate.set()
        assert busy.recv(4096).startswith(b"HTTP/1.1 200")


# Connections of one address. All of 127.0.0.0/8 is this machine, which has no limit unless a test says so.


def from_address(port: int, address: str, says: bytes = b"") -> socket.socket:
    try:
        one = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(address, 0))
    except OSError:  # macOS has 127.0.0.1 alone
        pytest.skip(f"this machine does not have the address {address}")
    one.sendall(says)
    return one


def test_one_address_takes_room_from_itself_alone() -> None:
    """Who opens too many closes its own oldest; another address keeps what it has."""
    with serving(guarded(), most=40, most_of_address=4, unlimited=()) as port, contextlib.ExitStack() as held:
        other = held.enter_context(from_address(port, "127.0.0.3"))
        many = [held.enter_context(from_address(port, "127.0.0.2")) for _ in range(12)]
        assert all(is_closed(one) for one in many[:8])
        for one in (other, *many[8:]):
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert one.recv(4096).startswith(b"HTTP/1.1 404")


def test_an_address_whose_connections_are_all_being_answered_is_refused_one_more() -> None:
    app, gate, asked = FastAPI(), threading.Event(), threading.Semaphore(0)

    @app.get("/slow")
    def slow() -> str:
        asked.release()
        assert gate.wait(20)
        return "done"

    ask = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(guarded(app), most=40, most_of_address=2, unlimited=()) as port, contextlib.ExitStack() as held:
        busy = [held.enter_context(from_address(port, "127.0.0.2", ask)) for _ in range(2)]
        assert all(asked.acquire(timeout=20) for _ in busy)
        refused = held.enter_context(from_address(port, "127.0.0.2", ask))
        answer = b"".join(iter(lambda: refused.recv(4096), b""))  # head and body may come apart
        assert answer.startswith(b"HTTP/1.1 429") and b"too many connections" in answer
        held.enter_context(from_address(port, "127.0.0.3", ask))
        gate.set()
        assert all(one.recv(4096).startswith(b"HTTP/1.1 200") for one in busy)
        time.sleep(0.1)
        again = held.enter_context(from_address(port, "127.0.0.2", ask))
        assert again.recv(4096).startswith(b"HTTP/1.1 200"), "what it no longer uses is counted off"


def test_this_machine_and_named_proxies_bring_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.4, 10.0.0.0/8")
    with serving(guarded(), most=40, most_of_address=2, unlimited=("127.0.0.1",)) as port:
        for address, closes in (("127.0.0.1", False), ("127.0.0.4", False), ("127.0.0.2", True)):
            with contextlib.ExitStack() as held:
                first, *_ = [held.enter_context(from_address(port, address)) for _ in range(4)]
                first.settimeout(0.3)
                with contextlib.suppress(TimeoutError):
                    assert first.recv(1) == b"" and closes, address
                    continue
                assert not closes, address


@pytest.mark.parametrize(
    ("address", "found"),
    [("127.0.0.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False), ("", False), ("host", False)],
)
def test_addresses_of_this_machine(address: str, found: bool) -> None:
    assert connections.is_among(connections.MACHINE, address) == found
    assert connections.is_among(("*",), address)


@pytest.mark.parametrize("says", [b"", b"GET / HTTP/1.1\r\nHost: local"], ids=["nothing", "half a head"])
def test_a_head_has_a_deadline_and_a_body_another(says: bytes) -> None:
    with serving(guarded(), head_timeout=0.3) as port, silent(port, 1, says) as (one,):
        began = time.perf_counter()
        assert is_closed(one) and 0.2 < time.perf_counter() - began < 20
    body = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"
    with serving(guarded(), head_timeout=0.3) as port, silent(port, 1, body) as (one,):
        time.sleep(0.6)
        one.sendall(b"{}")
        assert one.recv(4096).startswith(b"HTTP/1.1 404")


def test_the_second_head_of_a_connection_has_a_deadline_too() -> None:
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(guarded(), head_timeout=0.3) as port, silent(port, 1, whole) as (one,):
        assert one.recv(4096).startswith(b"HTTP/1.1 404")
        time.sleep(0.6)
        one.sendall(whole[:20])  # between two requests it may wait for longer
        began = time.perf_counter()
        assert is_closed(one) and 0.2 < time.perf_counter() - began < 20


def test_connections_stay_below_the_limit_of_open_files() -> None:
    code = (
        "import resource\n"
        "from limner.studio.connections import max_connections\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))\n"
        "print(max_connections(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit, most in ((256, 64), (hard, connections.MAX_CONNECTIONS)):
        if limit != resource.RLIM_INFINITY and limit < 256:
            pytest.skip("this machine allows fewer open files")
        run = [sys.executable, "-c", code.format(hard=limit)]
        found, files = map(int, subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())
        assert found <= most and found + 2 * connections.BACKLOG < files


def test_who_takes_nothing_of_a_response_is_left(caplog: pytest.LogCaptureFixture) -> None:
    app, ended = FastAPI(), threading.Event()

    async def chunks():  # type: ignore[no-untyped-def]
        try:
            while True:
                yield bytes(2**16)
                await asyncio.sleep(0)
        finally:
            ended.set()

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        return StreamingResponse(chunks())

    with caplog.at_level(logging.ERROR), serving(guarded(app), send_timeout=0.3) as port:
        with silent(port, 1, b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            assert ended.wait(20)
        assert status(port) == 404
    assert not caplog.text


def test_many_bodies_at_once_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()

    @app.post("/")
    async def read(request: Request) -> int:
        return len(await request.body())

    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n"
    limits = Limits(body=80_000, bodies=100_000, body_by_path={"/streamed": 10**9})
    with serving(Guard(app, limits, None, True, Metrics())) as port, silent(port, 1, head + bytes(60_000)) as (first,):
        time.sleep(0.3)
        answer = httpx.post(f"http://127.0.0.1:{port}/", content=bytes(60_000))
        assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
        assert httpx.post(f"http://127.0.0.1:{port}/", content=bytes(9_000)).text == "9000"
        assert httpx.post(f"http://127.0.0.1:{port}/streamed", content=bytes(200_000)).status_code == 404
        first.sendall(bytes(10_000))
        assert first.recv(4096).startswith(b"HTTP/1.1 200")
        assert httpx.post(f"http://127.0.0.1:{port}/", content=bytes(70_000)).text == "70000", "they are counted off"
        assert httpx.post(f"http://127.0.0.1:{port}/", content=bytes(90_000)).status_code == 413
        assert httpx.post(f"http://127.0.0.1:{port}/", content=bytes(70_000)).text == "70000"


# Tokens and addresses


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return limner.load(published(tmp_path_factory.mktemp("artist") / "hats"))


def test_who_guesses_tokens_must_wait_even_with_the_right_one(artist: Artist) -> None:
    limits = Limits(guesses=60, guess_burst=3)
    with live([artist], Settings(token=TOKEN, limits=limits)) as url, httpx.Client(base_url=url) as http:

        def sent(token: str | None) -> int:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return http.get("/v1/models", headers=headers).status_code

        assert [sent(None) for _ in range(9)] == [401] * 9, "a request without a token is no guess"
        assert [sent(TOKEN) for _ in range(9)] == [200] * 9
        assert [sent(f"wrong-{i}") for i in range(5)] == [401] * 3 + [429] * 2
        assert sent(TOKEN) == 429, "else the answers still tell which guess is right"
        time.sleep(1.5)
        assert sent(TOKEN) == 200


def test_waiting_takes_no_token() -> None:
    rates = RateLimiter(60, 1)
    assert rates.wait("a", 0.0) == rates.wait("a", 0.0) == rates.take("a", 0.0) == 0
    assert rates.wait("a", 0.0) == 1 and rates.wait("a", 1.0) == 0


def test_a_forged_address_has_the_pace_of_its_own(artist: Artist, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers() -> list[int]:
        with live([artist], Settings(limits=Limits(rate=60, burst=3))) as url, httpx.Client(base_url=url) as http:
            return [http.get("/v1/models", headers={"X-Forwarded-For": f"10.0.0.{i}"}).status_code for i in range(6)]

    assert 429 in answers()
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    assert 429 not in answers(), "a proxy that is named is believed"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"token": " " * 20}, "without spaces"),
        ({"token": "a token of sixteen"}, "without spaces"),
        ({"threads": 10**9}, "--threads"),
        ({"threads": -1}, "--threads"),
        ({"batch": 10**9}, "--batch"),
    ],
)
def test_settings_that_no_studio_opens_with_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Settings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -1.0])
def test_a_pace_is_a_number(rate: float) -> None:
    with pytest.raises(UserError, match="--rate"):
        Limits(rate=rate)


# Pages of other sites


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_may_not_read_either(artist: Artist, tmp_path: Path, site: str) -> None:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    with live([artist], gallery=gallery) as url, httpx.Client(base_url=url) as http:
        image = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        paths = ("/v1/gallery/export", "/v1/models", "/metrics", "/v1/gallery/pictures", "/openapi.json")
        for path in paths:
            assert http.get(path, headers=image).status_code == 403, path
            assert http.get(path, headers=link).status_code == 403, path
            assert http.get(path, headers={"Origin": "https://evil.example"}).status_code == 403, path
            assert http.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200, path
            assert http.get(path, headers={"Sec-Fetch-Site": "none"}).status_code == 200, path
        assert http.get("/", headers=link).status_code == 200, "a link to the studio may be followed"


# The end


def test_who_still_waits_when_the_studio_closes_is_told(artist: Artist, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(artist)
    listening = server.listen(Settings(port=0))
    running = server.server(server.build([artist], replace(Settings(), port=0)), grace=1)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    answers: list[httpx.Response] = []
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/images/generations"
    asking = threading.Thread(target=lambda: answers.append(httpx.post(url, json={"prompt": "a hat"}, timeout=60)))
    with caplog.at_level(logging.ERROR):
        asking.start()
        assert gate.began.acquire(timeout=60)
        running.should_exit = True
        asking.join(60)
        gate.open()
        thread.join(60)
    assert [answer.status_code for answer in answers] == [503] and not thread.is_alive()
    assert answers[0].json()["error"]["message"] == "the studio is closing"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_a_stop_the_gallery_is_whole_in_its_one_file(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "gallery.sqlite"
    command = [sys.executable, "-m", "limner", "studio", "avatars", "--port", "0", "--database", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as studio:
        assert studio.stderr is not None
        url = re.search(r"http://\S+", studio.stderr.readline())
        assert url
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url[0]}/readyz").status_code == 200:
                    break
            time.sleep(0.05)
        drawn = {"prompt": "a bald man", "response_format": "b64_json"}
        (made,) = httpx.post(f"{url[0]}/v1/images/generations", json=drawn, timeout=60).json()["data"]
        kept = httpx.post(f"{url[0]}/v1/gallery/pictures", json={"png": made["b64_json"], "keep": True})
        assert kept.status_code == 201
        studio.send_signal(number)
        studio.wait(60)
    for beside in tmp_path.glob("gallery.sqlite-*"):
        beside.unlink()  # what a copy of the one file lacks
    with contextlib.closing(sqlite3.connect(file)) as alone:
        assert alone.execute("SELECT count(*) FROM pictures").fetchone() == (1,)


def test_pictures_are_there_again_after_a_gallery_was_closed(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    gallery.add(picture(), keep=True)
    gallery.close()
    assert gallery.page().total == 1
    gallery.close()
