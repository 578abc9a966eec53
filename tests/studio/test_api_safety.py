"""What strangers try: other hosts and origins, no token, floods, huge and slow bodies, bombs, paths, scripts."""

import io
import json
import socket
import struct
import time
import zlib

import httpx
import pytest
from PIL import Image

import limner
from artists import cascade, published
from limner.errors import UserError
from limner.studio.drawing.responses import TemporaryPictures
from limner.studio.limits import Limits, RateLimiter
from limner.studio.server import Settings, listen
from studio_live import live

DRAW = "/v1/images/generations"
TOKEN = "a-token-of-sixteen"
RED = {"prompt": "a red hat"}


@pytest.fixture(scope="module")
def artist(tmp_path_factory):
    return limner.load(published(tmp_path_factory.mktemp("artist") / "hats"))


@pytest.fixture(scope="module")
def url(artist, tmp_path_factory):
    balls = limner.load(cascade(tmp_path_factory.mktemp("cascade") / "balls"))
    with live([artist, balls], Settings(limits=Limits(body_timeout=2))) as address:
        yield address


@pytest.fixture
def http(url):
    with httpx.Client(base_url=url, timeout=300) as client:
        yield client


def test_every_answer_bears_the_headers(http):
    for answer in (
        http.get("/healthz"),
        http.get("/nowhere"),
        http.post(DRAW, json=RED),
        http.post(DRAW, content=b"x"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and "server" not in answer.headers
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert float(answer.headers["Server-Timing"].removeprefix("studio;dur=")) < 10_000
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_server_of_this_machine_answers_to_no_other_name(http, url):
    port = url.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "[::2]", ""):
        assert http.get("/v1/models", headers={"Host": host}).status_code == 403, host
    for host in ("localhost", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert http.get("/v1/models", headers={"Host": host}).status_code == 200, host


def test_pages_of_other_sites_may_not_draw(http, url):
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert http.post(DRAW, json=RED, headers=headers).status_code == 403, headers
    assert http.options(DRAW, headers={"Origin": "https://evil.example"}).status_code == 403
    for headers in ({"Origin": url}, {"Origin": url, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert http.post(DRAW, json=RED, headers=headers).status_code == 200, headers
    plain = http.post(DRAW, content=json.dumps(RED), headers={"Content-Type": "text/plain"})
    assert plain.status_code == 400, "a body that browsers send across sites without asking was taken"


def test_with_a_token_only_its_bearer_draws(artist):
    with live([artist], Settings(token=TOKEN)) as url, httpx.Client(base_url=url, timeout=300) as http:
        for given in (None, "", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}"):
            answer = http.post(DRAW, json=RED, headers={"Authorization": given} if given is not None else {})
            assert answer.status_code == 401 and answer.json()["error"]["code"] == "invalid_api_key", given
        for path in ("/metrics", "/openapi.json", "/v1/models", "/v1/pictures", "/healthz/../metrics"):
            assert http.get(path).status_code == 401, path
        assert http.get("/healthz").status_code == http.get("/readyz").status_code == 200
        drawn = http.post(DRAW, json=RED | {"response_format": "url"}, headers={"Authorization": f"bearer {TOKEN}"})
        assert http.get(drawn.json()["data"][0]["url"]).status_code == 200, "whoever has the address has the picture"


@pytest.mark.parametrize("wrong", ["host", "short", "letters", "queue", "batch"])
def test_settings_that_are_not_safe_are_refused(wrong):
    settings = {
        "host": {"host": "0.0.0.0"},
        "short": {"host": "0.0.0.0", "token": "secret"},
        "letters": {"token": "ein-schlüssel-mit-umlaut"},
        "queue": {"queue": 8},
        "batch": {"batch": 0},
    }[wrong]
    with pytest.raises(UserError):
        Settings(**settings)


def test_a_port_that_is_taken_is_told():
    with listen(Settings(port=0)) as taken, pytest.raises(UserError, match="name another --port"):
        listen(Settings(port=taken.getsockname()[1]))


def test_no_answer_waits_for_its_head_to_be_confirmed():
    with listen(Settings(port=0)) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_client_that_asks_too_often_is_told_to_wait(artist):
    with live([artist], Settings(limits=Limits(rate=60, burst=3))) as url, httpx.Client(base_url=url) as http:
        answers = [http.get("/v1/models") for _ in range(5)]
        assert [answer.status_code for answer in answers[:3]] == [200] * 3 and answers[-1].status_code == 429
        assert (
            answers[-1].headers["Retry-After"] == "1" and answers[-1].json()["error"]["code"] == "rate_limit_exceeded"
        )
        assert http.get("/healthz").status_code == 200


def test_token_buckets_refill_and_idle_ones_are_dropped(monkeypatch):
    monkeypatch.setattr("limner.studio.limits.MAX_CLIENTS", 2)
    rates = RateLimiter(30, 2)
    assert [rates.take("a", 0.0) for _ in range(3)] == [0, 0, 2]
    assert rates.take("a", 1.0) == 1 and rates.take("a", 2.0) == 0
    assert rates.take("b", 2.0) == rates.take("c", 2.0) == 0
    assert len(rates._buckets) == 2


@pytest.mark.parametrize("how", ["declared", "in parts"])
def test_a_huge_body_is_refused_before_it_is_read(http, how):
    part = b" " * 2**16

    def parts():
        for _ in range(64):
            yield part

    sent = part * 64 if how == "declared" else parts()
    try:
        answer = http.post(DRAW, content=sent, headers={"Content-Type": "application/json"})
    except httpx.WriteError:  # the server closed while we still wrote
        return
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "request_too_large"


def test_a_slow_client_is_not_waited_for(url):
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=300) as slow:
        head = (
            f"POST {DRAW} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
        )
        slow.sendall(head.encode())
        began = time.perf_counter()
        assert slow.recv(4096).startswith(b"HTTP/1.1 408") and time.perf_counter() - began < 60


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"prompt":' * 50_000, b'{"prompt": ' + b"9" * 300_000 + b"}", b"\xff\xfe", b'"', b"null"]
)
def test_bombs_of_json_are_refused(http, body):
    answer = http.post(DRAW, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["type"] == "invalid_request_error"


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def eps() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "EPS")
    return buffer.getvalue()


UPLOADS = {
    "empty": b"",
    "text": b"hello",
    "a bomb": bomb(100_000, 100_000),
    "a large one": bomb(9_000, 9_000),
    "cut short": bomb(64, 64)[:60],
    "no pixels": bomb(64, 64),
    "EPS": eps(),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "RIFF that is no WebP": b"RIFF" + bytes(100),
}


@pytest.mark.parametrize("case", UPLOADS)
@pytest.mark.parametrize("path", ["captions", "styles"])
def test_what_is_no_picture_is_refused(http, path, case):
    answer = http.post(f"/v1/{path}", params={"model": "balls"}, content=UPLOADS[case])
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "body", answer.text


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("generations", RED | {"n": 17}),
        ("batch", {"rows": [RED] * 17}),
        ("mix", {"first": RED, "second": RED, "rows": 5, "columns": 4}),
        ("morph", {"first": RED, "second": RED, "frames": 17}),
        ("walk", RED | {"seeds": [0, 1], "frames": 17}),
    ],
)
def test_many_large_pictures_are_refused_before_any_is_drawn(http, path, asked):
    """150 bytes took 14 s: 64 pictures of 1024 x 1024."""
    answer = http.post(f"/v1/images/{path}", json=asked | {"size": "1024x1024"})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "size", answer.text
    assert "16,777,216 pixels" in answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF"])
def test_a_small_file_of_many_pixels_is_refused_by_its_header(http, monkeypatch, kind):
    buffer = io.BytesIO()
    Image.new("L", (6_000, 5_000)).save(buffer, kind)
    monkeypatch.setattr("limner.pictures.load", lambda *_: pytest.fail("it was decoded"))
    answer = http.post("/v1/captions", params={"model": "balls"}, content=buffer.getvalue())
    assert answer.status_code == 400 and "6000 x 5000" in answer.json()["error"]["message"], answer.text


@pytest.mark.parametrize("path", ["generations", "batch"])
def test_a_number_beyond_all_floats_is_refused(http, path):
    body = RED if path == "generations" else {"rows": [RED]}
    knobs = {one["id"]: one["knobs"] for one in http.get("/v1/artists").json()["data"]}
    assert any(knob["kind"] == "float" for some in knobs.values() for knob in some)
    for model, some in knobs.items():
        for knob in some:
            sent = json.dumps(body | {"model": model, "knobs": {knob["name"]: 0}}).replace(": 0}", f": {'9' * 400}}}")
            answer = http.post(f"/v1/images/{path}", content=sent, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400 and "expects" in answer.json()["error"]["message"], answer.text


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "x%00y"]
)
def test_no_path_reaches_the_file_system(http, artist, path):
    for start in ("/v1/pictures/", "/v1/models/", "/v1/artists/", "/"):
        answer = http.get(start + path)
        assert answer.status_code == 404 and "root:" not in answer.text
    asked = http.post(DRAW, json=RED | {"model": str(artist.folder)})
    assert asked.status_code == 404 and asked.json()["error"]["code"] == "model_not_found"


def test_a_script_in_a_prompt_stays_text(http):
    evil = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)>"
    answer = http.post(DRAW, json={"prompt": evil})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["data"][0]["recipe"]["request"]["text"] == evil
    wrong = http.post(DRAW, json=RED | {"model": evil})
    assert wrong.status_code == 404 and wrong.headers["content-type"] == "application/json"


def test_hostile_paths_make_no_new_metrics(http):
    for i in range(20):
        http.get(f"/nowhere/{i}")
    text = http.get("/metrics").text
    assert "nowhere" not in text and 'route="none"' in text


def test_urls_of_pictures_expire_and_the_oldest_make_room():
    now = [0.0]
    pictures = TemporaryPictures(seconds=10, max_bytes=100, clock=lambda: now[0])
    first = pictures.put(b"a" * 60).rpartition("/")[2]
    assert pictures.get(first) == b"a" * 60
    second = pictures.put(b"b" * 60).rpartition("/")[2]
    assert pictures.get(first) is None and pictures.get(second) == b"b" * 60
    now[0] = 10.0
    assert pictures.get(second) is None and len({pictures.put(b"") for _ in range(9)}) == 9
