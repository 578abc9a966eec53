"""Many people at once: one pass for several, the same bits as alone, an end to the queue, and nobody left waiting."""

import asyncio
import base64
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import openai
import pytest
import torch

import limner
from artists import published
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.noise import Style
from limner.requests import Caption, Story
from limner.studio.drawing.batch_invariance import EvenSums
from limner.studio.drawing.batching import ArtistQueue
from limner.studio.errors import QueueFull, StudioClosing
from limner.studio.info.metrics import Metrics
from limner.studio.server import Settings
from studio_live import PATIENCE, Gate, decoded, live

TEXTS = ["a red hat", "a blue hat on a cat", "a cat", "a red cat on a blue hat"]
FACES = ["a smiling woman with curly red hair", "a bald man with a hat and round glasses", "a woman with black hair"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return published(tmp_path_factory.mktemp("artist") / "hats")


@pytest.fixture
def artist(folder):
    return limner.load(folder)


@contextlib.asynccontextmanager
async def queue_of(artist: Artist, batch_size: int = 4, capacity: int = 64):
    queue = ArtistQueue(artist, batch_size, capacity, 1, Metrics())
    queue.open()
    try:
        yield queue
    finally:
        await queue.close()


async def until(condition) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def rows(*texts: str, seed: int = 0):
    return [(Caption(text), seed + i) for i, text in enumerate(texts)]


def pixels(drawn) -> list[bytes]:
    return [one.image.tobytes() for one in drawn]


async def together(gate: Gate, queue: ArtistQueue, jobs, knobs=None):
    """Let jobs gather behind a pass that is held up, then draw them all."""
    knobs = knobs or [queue.artist.knobs()] * len(jobs)
    first = asyncio.create_task(queue.draw(rows("a hat"), queue.artist.knobs()))
    await until(lambda: gate.passes)
    others = [asyncio.create_task(queue.draw(job, knob)) for job, knob in zip(jobs, knobs, strict=True)]
    await until(lambda: queue.waiting == sum(map(len, jobs)))
    gate.open()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


def test_many_peoples_pictures_are_one_pass(artist):
    async def go():
        gate = Gate(artist)
        async with queue_of(artist) as queue:
            drawn = await together(gate, queue, [rows(text, seed=9) for text in TEXTS])
        return gate, drawn

    gate, drawn = asyncio.run(go())
    assert [len(some) for some in gate.passes] == [4, 4], "four people's pictures took more than one pass"
    assert [request.text for request, _ in gate.passes[1]] == TEXTS
    assert len({one for some in drawn for one in pixels(some)}) == 4


@pytest.mark.parametrize("name", ["avatars", "faces"])
def test_a_picture_is_the_same_to_the_bit_whoever_else_draws(name):
    """Over HTTP, with a published artist: 12 people at once against each alone."""
    artist = limner.load(name)
    asked = [{"prompt": text, "seed": seed, "response_format": "b64_json"} for text in FACES for seed in range(4)]
    with live([artist]) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:

        def draw(body):
            return base64.b64decode(http.post("/v1/images/generations", json=body).json()["data"][0]["b64_json"])

        gate = Gate(artist)
        gate.open()
        alone = [draw(body) for body in asked]
        passes = len(gate.passes)
        with ThreadPoolExecutor(len(asked)) as people:
            crowd = list(people.map(draw, asked))
        assert passes == len(asked) and len(gate.passes) - passes <= 8, "people were not drawn together"
    assert crowd == alone
    for png, body in zip(alone, asked, strict=True):
        by_itself = np.asarray(artist.draw(body["prompt"], seed=body["seed"])[0]).astype(int)
        assert abs(np.asarray(decoded(png)).astype(int) - by_itself).max() <= 1


def test_a_single_person_waits_for_no_rows_that_nobody_asked_for(artist):
    """The first three pictures fill a pass and prove that a row alone is the same bits; the others are drawn alone."""

    async def go():
        gate = Gate(artist)
        gate.open()
        async with queue_of(artist) as queue:
            drawn = [await queue.draw(rows(text, seed=seed), artist.knobs()) for seed, text in enumerate(TEXTS + TEXTS)]
            crowd = await queue.draw(
                [row for k, text in enumerate(TEXTS) for row in rows(text, seed=4 + k)], artist.knobs()
            )
        return gate, drawn, crowd

    gate, drawn, crowd = asyncio.run(go())
    assert [len(some) for some in gate.passes] == [4, 4, 4, 1, 1, 1, 1, 1, 4]
    assert [len(some) for some in gate.proofs] == [1, 1, 1]
    assert [pixels(some)[0] for some in drawn[4:]] == pixels(crowd)


def test_a_system_whose_rows_know_of_each_other_is_drawn_in_full_passes(artist):
    """Here a picture is the brighter the more rows its pass has: fewer rows would be other bits."""
    sample = artist.system.sample

    def uneven(requests, knobs, rng):
        for draft in sample(requests, knobs, rng):
            yield dataclasses.replace(draft, images=draft.images + 1e-6 * len(requests))

    artist.system.sample = uneven

    async def go():
        gate = Gate(artist)
        gate.open()
        async with queue_of(artist) as queue:
            for seed in range(5):
                await queue.draw(rows(TEXTS[0], seed=seed), artist.knobs())
        return gate

    gate = asyncio.run(go())
    assert [len(some) for some in gate.passes] == [4] * 5 and len(gate.proofs) == 1


def test_a_convolution_of_one_row_sums_as_in_a_full_batch():
    """Of small maps, as everywhere in a generator's first layers; whatever the processor makes of each shape."""
    known, chance = {}, torch.Generator().manual_seed(1)
    for side in (2, 4, 8, 16):
        images = torch.randn(4, 96, side, side, generator=chance)
        net = torch.nn.Conv2d(96, 64, 3, padding=1).requires_grad_(False)
        whole = net(images)
        for count in (1, 2, 3):
            with EvenSums(4, known):
                assert torch.equal(net(images[:count]), whole[:count]), (side, count)
    assert len(known) == 12 and set(known.values()) <= {1, 2, 3, 4}


def test_a_large_job_does_not_keep_small_ones_waiting(artist):
    async def go():
        gate = Gate(artist)
        async with queue_of(artist) as queue:
            drawn = await together(gate, queue, [rows(*TEXTS * 3), rows("small")])
            return gate, drawn

    gate, drawn = asyncio.run(go())
    assert any(request.text == "small" for request, _ in gate.passes[1])
    assert [len(some) for some in drawn] == [12, 1]
    assert [one.recipe["request"]["text"] for one in drawn[0]] == TEXTS * 3, "a job's pictures came in another order"


def test_what_is_drawn_aside_waits_for_all_that_is_not(artist):
    async def go():
        gate, knobs = Gate(artist), artist.knobs()
        async with queue_of(artist) as queue:
            first = asyncio.create_task(queue.draw(rows("a hat"), knobs))
            await until(lambda: gate.passes)
            aside = asyncio.create_task(queue.draw(rows(*TEXTS * 2), knobs, aside=True))
            await until(lambda: queue.waiting == 8)
            keys = [asyncio.create_task(queue.draw(rows(text), knobs)) for text in ("a key", "another", "a third")]
            await until(lambda: queue.waiting == 11)
            gate.open()
            await asyncio.gather(first, aside, *keys)
        return gate

    passes = [[request.text for request, _ in some] for some in asyncio.run(go()).passes]
    assert passes[1] == ["a key", "another", "a third", TEXTS[0]], "it had a turn before those who wait for theirs"
    assert [text for some in passes[2:] for text in some if text in TEXTS][:7] == (TEXTS * 2)[1:]


def test_a_request_says_by_its_priority_that_others_may_go_first(artist, monkeypatch):
    asides = []

    async def noted(self, *given, aside=False, **options):
        asides.append(aside)
        return await draw(self, *given, aside=aside, **options)

    draw = ArtistQueue.draw
    monkeypatch.setattr(ArtistQueue, "draw", noted)
    asked = {"rows": [{"prompt": "a hat", "seed": 1}]}
    with live([artist]) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        for priority in ("u=7", "i, u=5", "u=3", "u=1", "", "u=77", "nonsense"):
            assert http.post("/v1/images/batch", json=asked, headers={"Priority": priority}).status_code == 200
    assert asides == [True, True, False, False, False, False, False]


def test_other_knobs_and_stories_of_other_lengths_are_other_passes():
    artist, lines = limner.load("clevr-stories"), ("a large red metal cube in the middle", "a small blue rubber ball")

    async def go():
        gate, knobs = Gate(artist), artist.knobs()
        jobs = [[(Story(lines[:n]), seed)] for n, seed in ((2, 1), (1, 2), (2, 3), (2, 4))]
        async with queue_of(artist) as queue:
            first = asyncio.create_task(queue.draw([(Story(lines), 0)], knobs))
            await until(lambda: gate.passes)
            every = [knobs] * 3 + [artist.knobs({"spread": 0.5})]
            rest = [asyncio.create_task(queue.draw(job, one)) for job, one in zip(jobs, every, strict=True)]
            await until(lambda: queue.waiting == 7)
            gate.open()
            return gate, [await first, *[await one for one in rest]]

    gate, drawn = asyncio.run(go())
    asked = [{seed for _, seed in some} for some in gate.passes]
    assert asked == [{0}, {1, 3}, {2}, {4}]
    assert [one[0].image.width for one in drawn] == [128, 128, 64, 128, 128]


def test_what_cannot_be_drawn_spoils_nobody_elses_picture(artist):
    async def go():
        gate = Gate(artist)
        async with queue_of(artist) as queue:
            bad = [(Caption("bad"), Style((1.0, 2.0)))]
            drawn = await together(gate, queue, [rows("a red hat"), bad, rows("a cat", seed=5)])
            return drawn, await queue.draw(rows("a cat", seed=5), artist.knobs())

    (good, bad, cat), alone = asyncio.run(go())
    assert isinstance(bad, UserError) and "style" in str(bad)
    assert len(good) == 1 and pixels(cat) == pixels(alone)


def test_a_full_queue_says_when_to_come_back(artist):
    async def go():
        gate = Gate(artist)
        async with queue_of(artist, capacity=6) as queue:
            first = asyncio.create_task(queue.draw(rows("a hat"), artist.knobs()))
            await until(lambda: gate.passes)
            waits = asyncio.create_task(queue.draw(rows(*TEXTS), artist.knobs()))
            await until(lambda: queue.waiting == 4)
            with pytest.raises(QueueFull) as full:
                await queue.draw(rows(*TEXTS), artist.knobs())
            fits = asyncio.create_task(queue.draw(rows("a cat", "a hat"), artist.knobs()))
            await until(lambda: queue.waiting == 6)
            gate.open()
            return full.value.retry_after, [len(await one) for one in (first, waits, fits)]

    seconds, drawn = asyncio.run(go())
    assert 1 <= seconds <= 60 and drawn == [1, 4, 2]


def test_a_full_queue_is_429_for_the_openai_client_and_no_one_hangs(artist):
    gate = Gate(artist)
    with live([artist], Settings(queue=64)) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        with ThreadPoolExecutor(3) as people:
            ask = {"prompt": TEXTS[0], "response_format": "b64_json"}
            drawing = people.submit(client.images.generate, n=1, **ask)
            assert gate.began.acquire(timeout=PATIENCE)
            waiting = people.submit(client.images.generate, n=64, **ask)
            while (
                'limner_waiting_pictures{artist="hats"} 64.0' not in httpx.get(f"{url}/metrics", timeout=PATIENCE).text
            ):
                time.sleep(0.005)
            with pytest.raises(openai.RateLimitError) as full:
                client.images.generate(n=1, **ask)
            gate.open()
            assert len(drawing.result().data) == 1 and len(waiting.result().data) == 64
        assert full.value.code == "queue_full" and int(full.value.response.headers["Retry-After"]) >= 1
        assert 'limner_refused_total{artist="hats"} 1.0' in httpx.get(f"{url}/metrics", timeout=PATIENCE).text


def test_who_goes_away_is_not_drawn(artist):
    """One person's picture is being drawn; another asks for 40, and leaves; a third is drawn next."""
    gate = Gate(artist)
    with live([artist]) as url:
        ask = {"prompt": TEXTS[0], "response_format": "b64_json"}
        with ThreadPoolExecutor(2) as people:
            first = people.submit(httpx.post, f"{url}/v1/images/generations", json=ask, timeout=PATIENCE)
            assert gate.began.acquire(timeout=PATIENCE)
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{url}/v1/images/generations", json=ask | {"n": 40}, timeout=0.3)
            while 'limner_dropped_total{artist="hats"} 1.0' not in httpx.get(f"{url}/metrics", timeout=PATIENCE).text:
                time.sleep(0.005)
            third = people.submit(httpx.post, f"{url}/v1/images/generations", json=ask, timeout=PATIENCE)
            gate.open()
            assert first.result().status_code == third.result().status_code == 200
    assert len(gate.passes) == 2, "pictures were drawn for one who had left"


def test_who_leaves_a_stream_is_not_drawn(artist):
    gate = Gate(artist)
    with live([artist]) as url:
        ask = {"prompt": TEXTS[0], "stream": True}
        held = threading.Thread(
            target=httpx.post, args=(f"{url}/v1/images/generations",), kwargs={"json": ask, "timeout": PATIENCE}
        )
        held.start()
        assert gate.began.acquire(timeout=PATIENCE)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/images/generations", json=ask, timeout=0.3)
        while 'limner_dropped_total{artist="hats"} 1.0' not in httpx.get(f"{url}/metrics", timeout=PATIENCE).text:
            time.sleep(0.005)
        gate.open()
        held.join(PATIENCE)
    assert len(gate.passes) == 1


def test_a_queue_that_closes_finishes_what_it_took_and_takes_nothing_more(artist):
    async def go():
        gate = Gate(artist)
        queue = ArtistQueue(artist, 4, 64, 1, Metrics())
        queue.open()
        jobs = [asyncio.create_task(queue.draw(rows(*TEXTS), artist.knobs())) for _ in range(3)]
        await until(lambda: gate.passes)
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0)
        with pytest.raises(StudioClosing):
            await queue.draw(rows("late"), artist.knobs())
        gate.open()
        await closing
        return [len(await job) for job in jobs]

    assert asyncio.run(go()) == [4, 4, 4]


def test_the_event_loop_answers_while_an_artist_draws(artist):
    gate = Gate(artist)
    with live([artist]) as url, ThreadPoolExecutor(1) as people:
        slow = people.submit(httpx.post, f"{url}/v1/images/generations", json={"prompt": "a hat"}, timeout=PATIENCE)
        assert gate.began.acquire(timeout=PATIENCE)
        assert httpx.get(f"{url}/healthz", timeout=PATIENCE).status_code == 200
        assert not slow.done()
        gate.open()
        assert slow.result().status_code == 200


SLOW = """
import sys, time
from limner.drawing.artist import Artist
from limner.cli import main
sample = Artist.sample
def slowly(self, rows, knobs):
    print("drawing", flush=True)
    time.sleep(1)
    yield from sample(self, rows, knobs)
Artist.sample = slowly
sys.exit(main(sys.argv[1:]))
"""


def test_a_studio_that_is_told_to_end_finishes_what_it_took(tmp_path):
    """The real command, ended by SIGTERM in the middle of a picture."""
    command = [sys.executable, "-c", SLOW, "studio", "faces", "--port", "0", "--database", str(tmp_path / "g.db")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        assert process.stderr is not None and process.stdout is not None
        url = process.stderr.readline().split()[1]
        with ThreadPoolExecutor(1) as people:
            asked = {"prompt": "a bald man", "n": 5, "response_format": "b64_json"}
            taken = people.submit(httpx.post, f"{url}/v1/images/generations", json=asked, timeout=PATIENCE)
            assert process.stdout.readline() == "drawing\n"
            process.send_signal(signal.SIGTERM)
            answer = taken.result()
        assert answer.status_code == 200 and len(json.loads(answer.text)["data"]) == 5
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
    finally:
        process.kill()
        process.wait()
