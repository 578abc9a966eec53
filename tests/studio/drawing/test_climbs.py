"""Climbs over HTTP: drafts at a pace, an end within a step where nobody waits, pictures to begin from."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import httpx
import numpy as np
import pytest
from PIL import Image

import limner
from artists import FAKE, climber
from limner import catalogue
from limner.drawing import recipe
from limner.drawing.artist import Artist
from limner.drawing.stopping import Stop
from limner.pictures import square
from limner.requests import Caption, Picture, to_json
from limner.studio.drawing.batching import ArtistQueue
from limner.studio.drawing.pace import MOST, Pace, paced
from limner.studio.gallery.gallery import Gallery
from limner.studio.info.metrics import Metrics
from studio_live import PATIENCE, decoded, live


@pytest.fixture
def artist(tmp_path) -> Artist:
    return limner.load(climber(tmp_path / "climber"))


class Steps:
    """Counts the steps of a climb, each of which takes a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.count = seconds, 0
        self.began = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.began.set()
        time.sleep(self.seconds)


@pytest.fixture
def slow(monkeypatch) -> Callable[[float], Steps]:
    """Make each step of a climb take so many seconds from now on, and count them."""

    def make(seconds: float) -> Steps:
        steps = Steps(seconds)
        monkeypatch.setattr(
            catalogue.load_class(str(FAKE.with_name("fake_climber.py"))), "on_step", staticmethod(steps)
        )
        return steps

    return make


@contextlib.contextmanager
def serving(artist: Artist) -> Iterator[httpx.Client]:
    with live([artist]) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        yield http


def events(response: httpx.Response) -> Iterator[dict]:
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_the_pace_of_drafts() -> None:
    """Of one every hundredth second: no more than ten in any second, even ones after the first; of few, all at once."""
    pace, sent = Pace(), []
    for now in (i / 100 for i in range(500)):
        if pace.wait(now) <= 1e-9:
            pace.sent(now)
            sent.append(now)
    assert max(sum(1 for t in sent if start <= t < start + 1) for start in sent) <= MOST and len(sent) >= 40
    assert sent[:5] == [0, 0.01, 0.02, 0.03, 0.04]
    assert all(0.09 < later - earlier < 0.65 for earlier, later in itertools.pairwise(sent[5:]))


def test_what_waits_gives_way_to_what_is_newer() -> None:
    """A hundred at once: five come as they are, then the newest."""

    async def go() -> list[int]:
        items: asyncio.Queue[int | None] = asyncio.Queue()
        for number in range(100):
            items.put_nowait(number)
        asyncio.get_running_loop().call_later(0.5, items.put_nowait, None)
        return [item async for item in paced(items)]

    assert asyncio.run(go()) == [0, 1, 2, 3, 4, 99]


def test_drafts_of_a_climb_come_at_most_ten_a_second_and_the_picture_always(artist, slow) -> None:
    slow(0.004)
    body = {"prompt": "a hat", "seed": 5, "stream": True, "knobs": {"steps": 400}}
    with serving(artist) as http, http.stream("POST", "/v1/images/generations", json=body) as response:
        began = time.monotonic()
        *partial, final = events(response)
        seconds = time.monotonic() - began
    assert final["type"] == "image_generation.completed" and 5 <= len(partial) <= MOST * (seconds + 1)
    assert [draft["partial_image_index"] for draft in partial] == list(range(len(partial)))
    progress = [draft["progress"] for draft in partial]
    assert progress == sorted(progress) and progress[-1] < 1
    slow(0)
    whole = next(artist.rows([(Caption("a hat"), 5)] * 4, batch=4, knobs={"steps": 400}))
    assert abs(np.asarray(decoded(final["b64_json"])).astype(int) - np.asarray(whole).astype(int)).max() <= 1


def test_a_draft_that_a_stream_sent_is_kept_by_its_number(artist) -> None:
    """Whatever drafts were left out, and where only some steps show one."""
    asked = {"prompt": "a hat", "seed": 5, "knobs": {"steps": 40, "every": 4}}
    with serving(artist) as http:
        with http.stream("POST", "/v1/images/generations", json=asked | {"stream": True}) as response:
            *partial, _ = events(response)
        draft = partial[-1]
        assert draft["note"] == f"step {draft['draft']}" and draft["draft"] % 4 == 0
        answer = http.post("/v1/images/generations", json=asked | {"stop": draft["draft"]})
        assert http.post("/v1/images/generations", json=asked | {"stop": 0}).status_code == 400
        row = {"prompt": "a hat", "seed": 5}
        batch = {"rows": [row], "knobs": asked["knobs"], "stop": draft["draft"]}
        (again,) = http.post("/v1/images/batch", json=batch).json()["data"]
    (kept,) = answer.json()["data"]
    assert kept["recipe"]["stopped"] == draft["draft"] == again["recipe"]["stopped"]
    assert (
        decoded(kept["b64_json"]).tobytes()
        == decoded(draft["b64_json"]).tobytes()
        == decoded(again["b64_json"]).tobytes()
    )


async def cancelled_in_mid_climb(
    artist: Artist, steps: Steps, others: int, every: int = 1
) -> tuple[int, int, list[object], ArtistQueue]:
    """Cancel one of several jobs of a batch in mid-climb: steps by then and afterwards, the others' pictures."""
    queue = ArtistQueue(artist, 4, 64, 1, Metrics())
    queue.open()
    knobs = artist.knobs({"steps": 40, "every": every})
    try:
        jobs = [asyncio.create_task(queue.draw([(Caption("a hat"), seed)], knobs)) for seed in range(1 + others)]
        await asyncio.to_thread(steps.began.wait, PATIENCE)
        jobs[0].cancel()
        await asyncio.gather(jobs[0], return_exceptions=True)
        then = steps.count
        drawn = await asyncio.gather(*jobs[1:], return_exceptions=True)
        await asyncio.sleep(10 * steps.seconds)
    finally:
        await queue.close()
    return then, steps.count, list(drawn), queue


@pytest.mark.parametrize("every", [1, 20])
def test_a_climb_for_nobody_ends_within_a_step(artist, slow, every) -> None:
    """Between two drafts that are shown, too."""
    then, after, _, queue = asyncio.run(cancelled_in_mid_climb(artist, slow(0.05), 0, every))
    assert after - then <= 1
    assert b'limner_dropped_total{artist="' + artist.name.encode() + b'"} 1.0' in queue.metrics.exposition()


def test_a_climb_goes_on_for_others(artist, slow) -> None:
    _, after, drawn, _ = asyncio.run(cancelled_in_mid_climb(artist, slow(0.01), 1))
    assert after == 40 and len(drawn[0]) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_stops_the_climb(artist, slow, stream) -> None:
    """Over HTTP; the studio then draws for the next one at once."""
    steps = slow(0.05)
    with serving(artist) as http:
        body = {"prompt": "a hat", "stream": stream, "knobs": {"steps": 1000}}
        if stream:
            with http.stream("POST", "/v1/images/generations", json=body) as response:
                next(events(response))
        else:
            with pytest.raises(httpx.TimeoutException):
                http.post("/v1/images/generations", json=body, timeout=0.5)
        at_close = steps.count
        answer = http.post("/v1/images/generations", json={"prompt": "a cat", "knobs": {"steps": 2}})
        assert answer.status_code == 200 and steps.count - at_close <= 20


def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8))


def mask(size: tuple[int, int] = (40, 30), white: tuple[int, int, int, int] = (0, 0, 40, 15)) -> Image.Image:
    image = Image.new("L", size, 0)
    image.paste(255, white)
    return image


def encoded(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def body(request: object, **more: object) -> dict:
    return {"request": request, "response_format": "b64_json", "knobs": {"steps": 3}} | more


def test_a_picture_to_begin_from(artist) -> None:
    """Known pixels are those that were sent, read at the artist's side; the recipe holds them as small, and repeats."""
    request = to_json(Picture(encoded(photo()), encoded(mask()), Caption("a hat")))
    with serving(artist) as http:
        (one,) = http.post("/v1/images/generations", json=body(request, seed=5)).json()["data"]
        shown = np.asarray(decoded(one["b64_json"]))
        assert np.array_equal(shown[:4], np.asarray(square(photo(), 8))[:4])
        small = one["recipe"]["request"]
        assert (
            small["asked"] == request["asked"]
            and len(small["pixels"]) < 400
            and decoded(small["pixels"]).size == (8, 8)
        )
        (again,) = http.post("/v1/images/generations", json=body(small, seed=5)).json()["data"]
        assert again["b64_json"] == one["b64_json"]
        other = request | {"asked": {"kind": "caption", "text": "a cat"}}
        morph = body(None, first={"request": request}, second={"request": other}, frames=3)
        del morph["request"]
        assert len(http.post("/v1/images/morph", json=morph).json()["data"]) == 3


def test_the_gallery_keeps_what_began_from_a_picture_and_what_was_stopped(artist, tmp_path) -> None:
    """And draws it again to the bit."""
    gallery = Gallery(tmp_path / "gallery.sqlite")
    request = to_json(Picture(encoded(photo()), encoded(mask()), Caption("a hat")))
    with live([artist], gallery=gallery) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        (one,) = http.post("/v1/images/generations", json=body(request, seed=5)).json()["data"]
        stopped = next(artist.rows([(Caption("a hat"), 5)] * 4, batch=4, stop=Stop(3)))
        signed = base64.b64encode(recipe.encode(stopped, stopped.info["limner"])).decode()
        for png, says in ((one["b64_json"], None), (signed, 3)):
            added = http.post("/v1/gallery/pictures", json={"png": png, "keep": True})
            assert added.status_code == 201 and added.json()["recipe"].get("stopped") == says
            again = http.post(f"/v1/gallery/pictures/{added.json()['id']}/again")
            assert again.status_code == 200 and int(again.headers["Limner-Difference"]) <= 1
        assert http.get("/v1/gallery/pictures", params={"q": "hat"}).json()["total"] == 2
        odd = recipe.from_text(stopped.info["limner"]) | {"request": request | {"pixels": "\0"}, "stopped": 1}
        damaged = base64.b64encode(recipe.encode(stopped, json.dumps(odd))).decode()
        assert http.post("/v1/gallery/pictures", json={"png": damaged}).status_code == 400
    gallery.close()


GOOD = encoded(photo())


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"pixels": "no!"}, "request.pixels"),
        ({"pixels": ""}, "request.pixels"),
        ({}, "request.pixels: is missing"),
        ({"pixels": base64.b64encode(b"hello").decode()}, "pixels is not a picture"),
        ({"pixels": GOOD[:400]}, "is broken"),
        ({"pixels": GOOD, "known": encoded(mask((20, 15)))}, "has 20 x 15 pixels, and its picture has 40 x 30"),
        ({"pixels": GOOD, "known": encoded(mask(white=(0, 0, 0, 0)))}, "keeps nothing"),
        ({"pixels": GOOD, "known": encoded(mask(white=(0, 0, 40, 30)))}, "keeps the whole picture"),
        ({"pixels": GOOD, "asked": {"kind": "picture", "pixels": GOOD}}, "a picture holds no picture"),
        ({"pixels": GOOD, "asked": {"kind": "attributes", "values": {}}}, "not from Attributes"),
        ({"pixels": GOOD, "asked": {"kind": "caption"}}, "request.asked"),
        ({"pixels": GOOD, "asked": "a hat"}, "request.asked"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_begun_from(artist, request_, says) -> None:
    with serving(artist) as http:
        answer = http.post("/v1/images/generations", json=body({"kind": "picture"} | request_))
        error = answer.json()["error"]
        assert answer.status_code == 400 and says in error["message"] and "\n" not in error["message"]


@pytest.mark.parametrize("steps", [0, -1, 1_000_000, 2.5, "many"])
def test_steps_out_of_bounds_are_refused(artist, steps) -> None:
    with serving(artist) as http:
        answer = http.post("/v1/images/generations", json={"prompt": "a hat", "knobs": {"steps": steps}})
        assert answer.status_code == 400 and "steps" in answer.json()["error"]["message"]


def test_a_body_with_a_picture_has_a_limit_of_its_own(artist) -> None:
    """Larger where some artist begins from pictures, and a limit all the same."""
    with serving(artist) as http:
        answer = http.post("/v1/images/generations", json=body({"kind": "picture", "pixels": "A" * 4 * 2**20}))
        assert answer.status_code == 400
        answer = http.post("/v1/images/generations", json=body({"kind": "picture", "pixels": "A" * 13 * 2**20}))
        assert answer.status_code == 400
        raw = HTTPConnection(http.base_url.host, http.base_url.port, timeout=PATIENCE)
        raw.putrequest("POST", "/v1/images/generations")
        raw.putheader("Content-Length", str(24 * 2**20))
        raw.endheaders()
        assert raw.getresponse().status == 413
        raw.close()
