"""Key points over HTTP: a form knows their names, a drawing keeps those that are given and tells the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch

from limner import catalogue, checkpoint
from limner.drawing.artist import load
from studio_live import live
from toy import shapes


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("points")
    data = shapes(folder / "shapes", 32)
    torch.manual_seed(0)
    cls = catalogue.load_class("gawwn")
    system = catalogue.build(cls, catalogue.configure(cls, "tiny", {"by": "points"}), data.schema)
    artist = load(checkpoint.save(system.eval(), folder / "artist"))
    with live([artist]) as address, httpx.Client(base_url=address, timeout=300) as found:
        yield found


def test_a_form_knows_the_points(http: httpx.Client) -> None:
    (artist,) = http.get("/v1/artists").json()["data"]
    layout, caption = artist["requests"]
    fields = {field["name"]: field for field in layout["fields"]}
    assert fields["points"]["type"] == "points" and not fields["points"]["required"]
    assert fields["points"]["choices"] == ["left end", "right end", "middle"]
    assert caption["kind"] == "caption"


def test_a_drawing_keeps_what_is_given_and_tells_the_rest(http: httpx.Client) -> None:
    request = {"kind": "layout", "boxes": [], "caption": "a red circle", "points": [["middle", 0.25, 0.75]]}
    answer = http.post("/v1/images/generations", json={"request": request, "seed": 3})
    assert answer.status_code == 200, answer.text
    (drawn,) = answer.json()["data"]
    points = {name: place for name, *place in drawn["points"]}
    assert points["middle"] == [0.25, 0.75] and drawn["recipe"]["request"]["points"] == [["middle", 0.25, 0.75]]
    same = http.post("/v1/images/generations", json={"prompt": "a red circle; middle .25 .75", "seed": 3})
    assert same.json()["data"][0]["recipe"] == drawn["recipe"]


def test_a_morph_moves_them(http: httpx.Client) -> None:
    ends = [{"prompt": f"a red circle; middle {x} .5"} for x in (".25", ".75")]
    answer = http.post("/v1/images/morph", json={"first": ends[0], "second": ends[1], "seed": 3, "frames": 3})
    assert answer.status_code == 200, answer.text
    frames = [{name: place for name, *place in one["points"]}["middle"] for one in answer.json()["data"]]
    assert frames == [[0.25, 0.5], [0.5, 0.5], [0.75, 0.5]]
