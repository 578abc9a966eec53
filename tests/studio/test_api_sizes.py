"""Sizes over HTTP: an artist that carries an enlarger uses it, others are resized as ever; recipes say which."""

import asyncio
import json

import httpx
import numpy as np
import pytest

import limner
from artists import TEXTS, published, storyteller
from enlargers import with_enlarger
from limner.imaging.sheets import enlarged
from limner.requests import Caption, Story
from limner.studio.drawing.batching import ArtistQueue
from limner.studio.gallery.gallery import Gallery
from limner.studio.info.metrics import Metrics
from studio_live import Gate, decoded, live

LINES = ["a red cube", "a blue ball", "a green cube"]


@pytest.fixture(scope="module")
def artists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artists")
    plain = published(folder / "plain")
    large = limner.load(with_enlarger(plain, folder / "large"))
    teller = limner.load(with_enlarger(storyteller(folder / "tales"), folder / "teller", factor=2))
    return {"plain": limner.load(plain), "large": large, "teller": teller}


@pytest.fixture(scope="module")
def http(artists, tmp_path_factory):
    gallery = Gallery(tmp_path_factory.mktemp("gallery") / "gallery.sqlite")
    with live(list(artists.values()), gallery=gallery) as url, httpx.Client(base_url=url, timeout=300) as client:
        yield client
    gallery.close()


def post(http, path, **body):
    answer = http.post(f"/v1/images/{path}", json={"response_format": "b64_json"} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_artists_say_their_sizes(http):
    told = {one["id"]: (one["size"], one["sizes"]) for one in http.get("/v1/artists").json()["data"]}
    assert list(told.values()) == [(8, [8]), (8, [8, 32]), (16, [16, 32])]


@pytest.mark.parametrize(
    ("asked", "by", "times"), [("8x8", None, 1), ("16x16", None, 2), ("32x32", 32, 1), ("64x64", 32, 2)]
)
def test_the_enlarger_does_what_it_can_and_the_recipe_says_so(http, artists, asked, by, times):
    ids = [one["id"] for one in http.get("/v1/artists").json()["data"]]
    drawn = post(http, "generations", model=ids[1], prompt=TEXTS[0], seed=7, size=asked)["data"][0]
    picture, made = decoded(drawn["b64_json"]), drawn["recipe"]
    large = artists["large"]
    own = next(large.at(by).rows([(Caption(TEXTS[0]), 7)] * 4, batch=4))
    assert np.array_equal(np.asarray(picture), np.asarray(enlarged(own, times) if times > 1 else own))
    assert (made.get("size"), made.get("enlarger")) == (by, large.enlarger.sha256 if by else None)
    other = post(http, "generations", model=ids[0], prompt=TEXTS[0], seed=7, size=asked)["data"][0]
    assert decoded(other["b64_json"]).size == picture.size and "size" not in other["recipe"]


def test_streams_stories_and_sheets_come_at_the_size(http, artists):
    ids = [one["id"] for one in http.get("/v1/artists").json()["data"]]
    told = post(http, "story", model=ids[2], lines=LINES, seed=3, size="32x32")
    whole = decoded(told["strip"]["b64_json"])
    own = next(artists["teller"].at(32).rows([(Story(tuple(LINES)), 3)] * 4, batch=4))
    assert np.array_equal(np.asarray(whole), np.asarray(own)) and told["recipe"]["size"] == 32
    assert [decoded(one["b64_json"]).size for one in told["data"]] == [(32, 32)] * 3
    frames = post(
        http, "morph", model=ids[1], first={"prompt": TEXTS[0]}, second={"prompt": TEXTS[1]}, frames=2, size="32x32"
    )
    assert [decoded(one["b64_json"]).size for one in frames["data"]] == [(32, 32)] * 2
    body = {"model": ids[1], "prompt": TEXTS[0], "seed": 7, "size": "32x32", "stream": True}
    lines = http.post("/v1/images/generations", json=body).text.splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert {decoded(event["b64_json"]).size for event in events} == {(32, 32)}


def test_the_gallery_tells_small_from_large_and_draws_each_again_to_the_bit(http):
    ids = [one["id"] for one in http.get("/v1/artists").json()["data"]]
    found = set()
    for size in ("8x8", "32x32"):
        drawn = post(http, "generations", model=ids[1], prompt=TEXTS[0], seed=7, size=size)["data"][0]
        added = http.post("/v1/gallery/pictures", json={"png": drawn["b64_json"], "keep": True})
        assert added.status_code == 201, added.text
        again = http.post(f"/v1/gallery/pictures/{added.json()['id']}/again")
        assert again.status_code == 200 and again.headers["Limner-Difference"] == "0"
        found.add(added.json()["id"])
    assert len(found) == 2


def test_people_who_ask_for_several_sizes_share_a_pass(artists):
    """Enlarging comes after drawing, so it parts no batch; and an unknown size hurts nobody but who asked."""

    gate = Gate(artists["large"])
    gate.open()

    async def go():
        queue = ArtistQueue(artists["large"], 4, 64, 1, Metrics())
        row, knobs = [(Caption(TEXTS[0]), 7)], artists["large"].knobs()
        jobs = [asyncio.create_task(queue.draw(row, knobs, size=size)) for size in (None, 32, 8, 31)]
        await asyncio.sleep(0)
        queue.open()
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        await queue.close()
        return answers

    answers = asyncio.run(go())
    assert [one[0].image.width for one in answers[:3]] == [8, 32, 8]
    assert "pixels, not of 31" in str(answers[3])
    assert [len(rows) for rows in gate.passes] == [4], "three people's pictures, filled up to one batch"
