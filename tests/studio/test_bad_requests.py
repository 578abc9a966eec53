"""A request that nobody can draw is answered with 400 in the shape of errors, in one line; nothing is kept of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bad_requests import BAD, ask
from limner.studio.gallery.gallery import Gallery
from studio_live import live
from toy import shapes

SAYS = {
    "200 boxes": "request.boxes: may have 100 entries at most",
    "1,000 turns": "request.turns: may have 50 entries at most",
    "a dialogue without answers": "request.turns.0.1: is missing",
    "NaN in a box": "request.boxes.0.1: expected a finite number",
    "a box beyond the right": "lies outside the picture",
    "a box left of the picture": "request.boxes.0.1: must be 0 or more",
    "a box of texts": "request.boxes.0.1: expected a number",
    "text where boxes belong": "request.boxes: expected a list",
    "a point outside": "request.points.0.1: must be 1 or less",
    "a point twice": "stands there twice: a picture has one",
    "masks that are lists": "request.masks.0: expected text",
    "a mask that is text": "request.masks.0: expected base64",
    "200 masks": "request.masks: may have 100 entries at most",
    "a mask without its box": "mask 2 has no box: 2 masks are given for 1 boxes",
    "a black mask": "the mask of box 1, 'cup', is black all over",
    "an unknown label": "unknown label 'tabel': did you mean 'table'?",
    "an answer that is a number": "request.turns.0.1: expected text",
}
"""What the message says, of some."""


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("bad")
    gallery = Gallery(folder / "gallery.sqlite")
    artists = ask(folder, shapes(folder / "shapes"))
    with live(list(artists.values()), gallery=gallery) as address, httpx.Client(base_url=address, timeout=120) as found:
        yield found
    gallery.close()


def refused(http: httpx.Client, path: str, body: dict[str, Any]) -> str:
    """Ask for a picture; return the message that refuses it."""
    sent = json.dumps(body)  # with NaN, as programs do that do not know better
    answer = http.post(f"/v1/images/{path}", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    assert "\n" not in error["message"] and len(error["message"]) < 400
    return str(error["message"])


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.body is not None])
def test_each_is_refused_in_one_line(name: str, http: httpx.Client) -> None:
    bad = BAD[name]
    asked = {"model": bad.artist, "request": bad.body}
    message = refused(http, "generations", asked)
    assert SAYS.get(name, "") in message, message
    assert refused(http, "generations", asked | {"stream": True}) == message
    assert refused(http, "batch", {"model": bad.artist, "rows": [{"request": bad.body}]})


def test_a_prompt_that_means_nothing(http: httpx.Client) -> None:
    assert "has no answer" in refused(http, "generations", {"model": "sketcher", "prompt": "a cat. Q: how many?"})
    assert "is no box" in refused(http, "generations", {"model": "layouts", "prompt": "cup .1 .1 .1"})


def test_nothing_is_left_and_the_next_is_drawn(http: httpx.Client) -> None:
    drawn = http.post("/v1/images/generations", json={"model": "layouts", "prompt": "2 cups, table", "seed": 1})
    assert [box[0] for box in drawn.json()["data"][0]["boxes"]] == ["cup", "cup", "table"]
    kept = http.get("/v1/gallery/pictures?shelf=drawn").json()
    assert kept["total"] == 0, kept
