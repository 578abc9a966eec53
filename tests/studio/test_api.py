"""Every route of the studio, asked as programs ask it, the OpenAI client among them."""

import base64
import json
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

import limner
from artists import cascade, fake, published
from limner import checkpoint
from limner.drawing.artist import Artist
from limner.requests import Blend, Caption, Story, to_json
from limner.studio.server import Settings, names
from studio_live import decoded, live

RED, BLUE = "a red hat", "a blue hat on a cat"
LINES = ["a large red metal cube in the middle", "a small blue rubber ball on the left"]


@pytest.fixture(scope="module")
def artists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artists")
    hats, balls = limner.load(published(folder / "hats")), limner.load(cascade(folder / "balls"))
    hats.system.style = lambda images: images.mean(dim=(2, 3)).repeat(1, 3)[:, :8]  # the fake system's noise has 8
    return {"hats": hats, "balls": balls, "clevr-stories": limner.load("clevr-stories")}


@pytest.fixture(scope="module")
def url(artists):
    with live(list(artists.values())) as address:
        yield address


@pytest.fixture
def http(url):
    with httpx.Client(base_url=url, timeout=300) as client:
        yield client


@pytest.fixture
def client(url):
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def expected(artist: Artist, request, seed, batch=4) -> np.ndarray:
    """What the artist draws in a pass of the studio's size."""
    return np.asarray(next(artist.rows([(request, seed)] * batch, batch=batch)))


def same(image: Image.Image, pixels: np.ndarray) -> bool:
    return bool((np.asarray(image) == pixels).all())


def post(http, path, status=200, **body):
    answer = http.post(f"/v1/images/{path}", json={"response_format": "b64_json"} | body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_openai_client_draws(client, artists):
    answer = client.images.generate(
        model="hats", prompt=RED, n=3, size="16x16", response_format="b64_json", user="me", extra_body={"seed": 7}
    )
    assert answer.created > 1.7e9 and len(answer.data) == 3
    native = client.images.generate(prompt=RED, n=3, response_format="b64_json", extra_body={"seed": 7})
    for i, (large, one) in enumerate(zip(answer.data, native.data, strict=True)):
        assert decoded(large.b64_json).size == (16, 16)
        assert same(decoded(one.b64_json), expected(artists["hats"], Caption(RED), 7 + i))
        made = json.loads(decoded(large.b64_json).info["limner"])
        assert made == one.recipe and made["seed"] == 7 + i
        assert made["checkpoint"] == artists["hats"].sha256 and made["artist"] == "hats"


def test_a_url_leads_to_the_picture_for_whoever_has_it(client, http):
    (one,) = client.images.generate(prompt=RED, response_format="url", extra_body={"seed": 3}).data
    (again,) = client.images.generate(prompt=RED, response_format="b64_json", extra_body={"seed": 3}).data
    answer = http.get(one.url)
    assert answer.headers["content-type"] == "image/png" and answer.content == base64.b64decode(again.b64_json)
    for other in (one.url[:-5] + "x.png", one.url.replace("pictures/", "pictures/../")):
        assert http.get(other).status_code == 404


def test_the_openai_client_lists_models(client):
    assert [model.id for model in client.models.list()] == ["hats", "balls", "clevr-stories"]
    assert client.models.retrieve("balls").owned_by == "limner"
    with pytest.raises(openai.NotFoundError) as wrong:
        client.models.retrieve("nobody")
    assert wrong.value.code == "model_not_found"


def test_the_openai_client_sees_drafts(client, artists):
    events = list(client.images.generate(model="balls", prompt="a red ball", stream=True, extra_body={"seed": 5}))
    assert [event.type for event in events] == [
        f"image_generation.{k}" for k in ("partial_image",) * 2 + ("completed",)
    ]
    assert [decoded(event.b64_json).width for event in events] == [8, 16, 32]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert same(decoded(events[-1].b64_json), expected(artists["balls"], Caption("a red ball"), 5))
    few = list(client.images.generate(prompt="a red ball", model="balls", stream=True, partial_images=1))
    assert [decoded(event.b64_json).width for event in few] == [8, 32]


@pytest.mark.parametrize("stream", [False, True])
def test_the_openai_client_understands_errors(client, stream):
    with pytest.raises(openai.BadRequestError) as empty:
        client.images.generate(prompt="  ", stream=stream)
    assert empty.value.type == "invalid_request_error" and "empty" in empty.value.message
    with pytest.raises(openai.BadRequestError) as wrong:
        client.images.generate(prompt=RED, size="100x100", stream=stream)
    assert wrong.value.param == "size"


def test_without_a_seed_chance_chooses(http):
    seeds = {post(http, "generations", prompt=RED)["data"][0]["recipe"]["seed"] for _ in range(3)}
    assert len(seeds) == 3


def test_knobs_turn(http, artists):
    still = post(http, "generations", prompt=RED, n=2, knobs={"strength": 0})["data"]
    assert same(decoded(still[0]["b64_json"]), np.asarray(decoded(still[1]["b64_json"])))
    assert still[0]["recipe"]["knobs"] == {"strength": 0.0}


def test_unknown_words_are_told(http):
    assert post(http, "generations", prompt="a redd hat of zirconium")["data"][0]["unknown"] == {
        "redd": "red",
        "of": None,
        "zirconium": None,
    }


def test_a_request_says_what_a_prompt_says(http):
    caption = {"kind": "caption", "text": RED}
    by_request, by_prompt = (
        post(http, "generations", seed=1, **how) for how in ({"request": caption}, {"prompt": RED})
    )
    assert by_request["data"] == by_prompt["data"]
    mid = {"kind": "blend", "first": caption, "second": {"kind": "caption", "text": BLUE}, "t": 0.5}
    assert post(http, "generations", request=mid, seed=1)["data"][0]["recipe"]["request"] == mid


def test_a_morph_ends_at_its_prompts(http, artists):
    data = post(http, "morph", first={"prompt": RED}, second={"prompt": BLUE}, frames=5, seed=2)["data"]
    wanted = [Caption(RED), *(Blend(Caption(RED), Caption(BLUE), t) for t in (0.25, 0.5, 0.75)), Caption(BLUE)]
    for one, request in zip(data, wanted, strict=True):
        assert same(decoded(one["b64_json"]), expected(artists["hats"], request, 2))


def test_a_walk_passes_its_seeds(http, artists):
    data = post(http, "walk", prompt=RED, seeds=[4, 9, 2], frames=2)["data"]
    for one, seed in zip(data, [4, (4, 9, 0.5), 9, (9, 2, 0.5), 2], strict=True):
        assert same(decoded(one["b64_json"]), expected(artists["hats"], Caption(RED), seed))


def test_a_mix_is_a_grid_between_two_parents(http, artists):
    first, second = {"prompt": RED, "seed": 1}, {"prompt": BLUE, "seed": 2}
    answer = post(http, "mix", first=first, second=second, rows=3, columns=2)
    assert (answer["rows"], answer["columns"], len(answer["data"])) == (3, 2, 6)
    middle = Blend(Caption(RED), Caption(BLUE), 0.5)
    wanted = [(request, seed) for request in (Caption(RED), middle, Caption(BLUE)) for seed in (1, 2)]
    for one, row in zip(answer["data"], wanted, strict=True):
        assert same(decoded(one["b64_json"]), expected(artists["hats"], *row))
    child = answer["data"][2]["recipe"]
    again = post(http, "generations", request=child["request"], seed=child["seed"])["data"][0]
    assert again["b64_json"] == answer["data"][2]["b64_json"], "a child is not drawn again from its recipe"
    parent = {"request": child["request"], "seed": [1, 2, 0.5]}
    grandchild = post(http, "mix", first=parent, second=first, rows=2, columns=3)["data"][1]["recipe"]
    assert grandchild["request"] == child["request"] and grandchild["seed"] == [[1, 2, 0.5], 1, 0.5]
    request, seed = Blend(middle, Caption(BLUE), 0.5), (1, (2, 3, 0.25), 0.5)
    rows = [{"request": to_json(request), "seed": seed}, {"prompt": RED, "seed": 1}]
    drawn = [decoded(one["b64_json"]) for one in post(http, "batch", rows=rows)["data"]]
    assert same(drawn[0], expected(artists["hats"], request, seed))
    assert same(drawn[1], expected(artists["hats"], Caption(RED), 1))
    for _ in range(6):
        request, seed = Blend(request, request, 0.5), (seed, seed, 0.5)
    for row in ({"request": to_json(request), "seed": 1}, {"prompt": RED, "seed": seed}):
        assert "ancestors" in post(http, "batch", 400, rows=[row])["error"]["message"]


def test_a_story_is_told_and_told_again_with_another_line(http, artists):
    answer = post(http, "story", model="clevr-stories", lines=LINES, seed=3)
    by_python = expected(artists["clevr-stories"], Story(tuple(LINES)), 3).astype(int)
    strip = np.asarray(decoded(answer["strip"]["b64_json"]))
    assert abs(strip - by_python).max() <= 1 and answer["recipe"]["seed"] == 3  # its sums have another order
    frames = [np.asarray(decoded(one["b64_json"])) for one in answer["data"]]
    assert (np.concatenate(frames, axis=1) == strip).all() and len(frames) == 2
    lines = [LINES[0], "a small green metal cylinder in the front"]
    again = post(http, "story", model="clevr-stories", lines=lines, setting=LINES, seed=3, first=2)
    assert len(again["data"]) == 1 and not same(decoded(again["data"][0]["b64_json"]), frames[1])
    whole = np.asarray(decoded(again["strip"]["b64_json"]))
    assert (whole[:, :64] == frames[0]).all(), "a picture before the changed line is another"
    assert "tells no stories" in post(http, "story", 400, lines=LINES)["error"]["message"]
    assert post(http, "story", 400, model="clevr-stories", lines=LINES, first=3)["error"]["param"] == "first"
    ends = {"first": {"prompt": LINES[0]}, "second": {"prompt": LINES[1]}}
    for path in ("morph", "mix"):
        assert "draws" in post(http, path, 400, model="clevr-stories", **ends)["error"]["message"]


def test_attention_says_where_each_word_is_looked_at(http):
    answer = post(http, "attention", model="balls", prompt="a red ball on sand", seed=1)
    assert answer["words"] == ["a", "red", "ball", "on", "sand"] and decoded(answer["b64_json"]).width == 32
    for look, side in zip(answer["looks"], (8, 16), strict=True):
        assert "sentence" not in look  # this one attends to words alone
        maps = np.frombuffer(base64.b64decode(look["maps"]), np.uint8).reshape(5, side, side) / 255 * look["peak"]
        assert abs(maps.sum(axis=0) - 1).max() < 0.02, "the shares of the words do not sum to one"
        assert maps[2, side // 2, side // 2] > maps[2, 0, 0], "the ball is not looked at"
    assert "attention" in post(http, "attention", 400, prompt=RED)["error"]["message"]
    assert post(http, "attention", 400, model="balls", prompt="!?")["error"]["param"] == "prompt"


def test_a_picture_is_captioned_where_the_artist_can(http):
    (ball,) = post(http, "generations", model="balls", prompt="a blue ball")["data"]
    png = base64.b64decode(ball["b64_json"])
    answer = http.post("/v1/captions", params={"model": "balls"}, content=png)
    assert answer.json() == {"caption": "a blue ball"}
    refused = http.post("/v1/captions", params={"model": "hats"}, content=png)
    assert refused.status_code == 400 and "captioner" in refused.json()["error"]["message"]


def test_attributes_of_a_picture_are_named_where_the_artist_can(http):
    (ball,) = post(http, "generations", model="balls", prompt="a blue ball")["data"]
    png = base64.b64decode(ball["b64_json"])
    answer = http.post("/v1/attributes", params={"model": "balls"}, content=png)
    assert answer.status_code == 200 and set(answer.json()["attributes"]) == {"ball"}
    refused = http.post("/v1/attributes", params={"model": "hats"}, content=png)
    assert refused.status_code == 400 and "attributes" in refused.json()["error"]["message"]
    assert http.post("/v1/attributes", params={"model": "balls"}, content=b"no picture").status_code == 400


def test_what_no_judge_knows_is_seen_by_none(http):
    (hat,) = post(http, "generations", prompt=RED)["data"]
    refused = http.post("/v1/seen", params={"model": "hats"}, content=base64.b64decode(hat["b64_json"]))
    assert refused.status_code == 400 and "no judge" in refused.json()["error"]["message"]
    known = {one["id"]: one["can"]["seen"] for one in http.get("/v1/artists").json()["data"]}
    assert known["hats"] is False


def test_the_style_of_a_picture_stands_for_a_seed(http, artists):
    (hat,) = post(http, "generations", prompt=RED)["data"]
    png = base64.b64decode(hat["b64_json"])
    seed = http.post("/v1/styles", params={"model": "hats"}, content=png).json()["seed"]
    assert len(seed["noise"]) == 8
    (styled,) = post(http, "generations", prompt=BLUE, seed=seed)["data"]
    style = artists["hats"].style(decoded(png))
    assert same(decoded(styled["b64_json"]), expected(artists["hats"], Caption(BLUE), style))
    assert post(http, "generations", 400, prompt=BLUE, seed=seed, n=2)["error"]["param"] == "n"
    assert http.post("/v1/styles", params={"model": "balls"}, content=png).status_code == 400


def test_an_artist_tells_what_a_form_needs(http, artists):
    described = {one["id"]: one for one in http.get("/v1/artists").json()["data"]}
    assert described["hats"]["examples"] == [RED, BLUE] and described["hats"]["size"] == 8
    about = "Contrast of the pattern."
    assert described["hats"]["knobs"] == [{"name": "strength", "kind": "float", "default": 1.0, "about": about}]
    assert [described[name]["can"]["attention"] for name in described] == [False, True, False]
    assert [described[name]["can"]["caption"] for name in described] == [False, True, False]
    assert [described[name]["can"]["story"] for name in described] == [False, False, True]
    assert described["clevr-stories"]["knobs"][0]["about"], "a knob of the catalogue has no meaning"
    one = http.get("/v1/artists/hats").json()
    assert set(one["words"]) == {"a", "red", "hat", "blue", "on", "cat"} and one["checkpoint"] == artists["hats"].sha256
    assert str(artists["hats"].folder.parent) not in http.get("/v1/artists").text


BAD = {
    "no JSON": ("generations", b"{", None),
    "no object": ("generations", [1], None),
    "n is text": ("generations", {"prompt": RED, "n": "many"}, "n"),
    "n is 0": ("generations", {"prompt": RED, "n": 0}, "n"),
    "n is yes": ("generations", {"prompt": RED, "n": True}, "n"),
    "a prompt that is a list": ("generations", {"prompt": [RED]}, "prompt"),
    "no prompt": ("generations", {}, None),
    "a long prompt": ("generations", {"prompt": "a " * 600}, "prompt"),
    "a very long prompt": ("generations", {"prompt": "a " * 6000}, "prompt"),
    "a prompt of half a letter": ("generations", b'{"prompt": "\\ud800"}', "prompt"),
    "a field of half a letter": ("generations", b'{"prompt": "a", "\\ud800": 1}', None),
    "an unknown field": ("generations", {"prompt": RED, "colour": 1}, "colour"),
    "a seed below 0": ("generations", {"prompt": RED, "seed": -1}, "seed"),
    "a seed too large": ("generations", {"prompt": RED, "seed": 2**60}, "seed"),
    "a style of another size": ("generations", {"prompt": RED, "seed": {"noise": [1.0]}}, None),
    "a style of text": ("generations", {"prompt": RED, "seed": {"noise": "x"}}, "seed"),
    "an unknown knob": ("generations", {"prompt": RED, "knobs": {"volume": 11}}, None),
    "a knob of another type": ("generations", {"prompt": RED, "knobs": {"strength": [1]}}, "knobs"),
    "JPEG": ("generations", {"prompt": RED, "output_format": "jpeg"}, "output_format"),
    "no size": ("generations", {"prompt": RED, "size": "axb"}, "size"),
    "a size of 0": ("generations", {"prompt": RED, "size": "0x0"}, "size"),
    "a size too large": ("generations", {"prompt": RED, "size": "8000x8000"}, "size"),
    "a stream of several": ("generations", {"prompt": RED, "n": 2, "stream": True}, "n"),
    "another kind of request": ("generations", {"request": {"kind": "nothing"}}, None),
    "an unknown kind": ("generations", {"request": {"kind": "os"}}, "request"),
    "prompt and request": ("generations", {"prompt": RED, "request": {"kind": "nothing"}}, "request"),
    "a blend of a blend": (
        "generations",
        {"request": {"kind": "blend", "first": {"kind": "blend"}, "second": {}, "t": 2}},
        "request",
    ),
    "an empty story": ("generations", {"model": "clevr-stories", "prompt": "\n"}, None),
    "an endless story": ("story", {"model": "clevr-stories", "lines": ["a cube"] * 40}, "prompt"),
    "a morph of too many frames": (
        "morph",
        {"first": {"prompt": RED}, "second": {"prompt": BLUE}, "frames": 65},
        "frames",
    ),
    "a mix of too many": (
        "mix",
        {"first": {"prompt": RED}, "second": {"prompt": BLUE}, "rows": 16, "columns": 16},
        "n",
    ),
    "a walk of one seed": ("walk", {"prompt": RED, "seeds": [1]}, "seeds"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_in_the_shape_of_openai(http, case):
    path, body, param = BAD[case]
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = http.post(f"/v1/images/{path}", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    assert error["message"] and "\n" not in error["message"] and error["param"] == param, error


def test_what_is_not_there_has_the_same_shape(http):
    for method, path, status in (("GET", "/nowhere", 404), ("GET", "/v1/images/mix", 405), ("POST", "/healthz", 405)):
        answer = http.request(method, path)
        assert answer.status_code == status and set(answer.json()["error"]) == {"message", "type", "param", "code"}
    answer = http.post("/v1/images/generations", json={"prompt": RED, "model": "gpt-image-1"})
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "model_not_found"


def test_health_and_metrics(http):
    assert http.get("/healthz").json() == {"status": "alive"} and http.get("/readyz").json() == {"status": "ready"}
    before = http.get("/metrics").text
    post(http, "generations", prompt=RED, n=2)
    after = http.get("/metrics").text

    def value(text: str, name: str) -> float:
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)), 0.0)

    for name, more in (
        ('limner_pictures_total{artist="hats"}', 2),
        ('limner_pass_rows_count{artist="hats"}', 1),
        ('limner_requests_total{method="POST",route="/v1/images/generations",status="200"}', 1),
    ):
        assert value(after, name) - value(before, name) == more, name
    assert value(after, 'limner_waiting_pictures{artist="hats"}') == 0


def test_openapi_describes_every_route(http):
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/v1/images/generations", "/v1/images/mix", "/v1/styles", "/metrics"} <= set(paths)


def test_names_tell_nothing_of_folders(tmp_path):
    (tmp_path / "a" / "mine").mkdir(parents=True)
    (tmp_path / "b" / "mine").mkdir(parents=True)
    given = ["avatars", str(tmp_path / "a" / "mine"), str(tmp_path / "b" / "mine"), "owner/name", "avatars"]
    assert names(given) == ["avatars", "mine", "mine-2", "owner/name", "avatars-2"]
    assert names(["nobody", "nobody-3", "nobody"]) == ["nobody", "nobody-3", "nobody-2"], "two would be one"


def test_what_an_artist_owns_stays_out_of_recipes(tmp_path: Path):
    folder = checkpoint.save(fake(), tmp_path / "secret" / "place", trained={})
    with live([limner.load(folder)], Settings()) as url:
        (one,) = httpx.post(f"{url}/v1/images/generations", json={"prompt": RED}).json()["data"]
    assert one["recipe"]["artist"] == "place"
