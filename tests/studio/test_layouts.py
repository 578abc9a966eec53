"""Layouts over HTTP: shapes are taken, drafts and answers carry the annotation, and edits leave the rest alone."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from artists import scenes
from limner.drawing import recipe
from limner.drawing.artist import load
from limner.drawing.layouts import layout_of, placed_from
from limner.requests import Layout, shapes, to_json
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.recipe import decode
from studio_live import live

CUP, TABLE = ["cup", 0.0, 0.0, 0.25, 0.5], ["table", 0.5, 0.5, 0.5, 0.5]
ROUND = shapes.encode(np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]) < 1)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("layouts")
    gallery = Gallery(folder / "gallery.sqlite")
    artist = load(scenes(folder / "scenes"))
    with live([artist], gallery=gallery) as address, httpx.Client(base_url=address, timeout=300) as found:
        yield found
    gallery.close()


def drawn(http: httpx.Client, request: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = http.post(
        "/v1/images/generations", json={"request": request, "seed": 3, "response_format": "b64_json"} | more
    )
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["data"]
    return dict(found)


def pixels(one: dict[str, Any]) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(one["b64_json"]))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_an_answer_is_a_request_and_an_edit_of_it_leaves_the_rest_alone(http: httpx.Client) -> None:
    asked = {"kind": "layout", "boxes": [CUP, TABLE], "caption": "cups", "masks": [ROUND]}
    first = drawn(http, asked)
    assert first["boxes"] == [CUP, TABLE] and first["masks"][0] == ROUND and first["masks"][1]
    assert first["recipe"]["request"]["masks"] == [ROUND]
    assert shapes.array(first["masks"][1])[:32].all(), "the upper half of the table"
    answered = asked | {name: first[name] for name in ("boxes", "masks")}
    assert (pixels(drawn(http, answered)) == pixels(first)).all(), "what was drawn can be asked for as it is"
    moved = drawn(http, answered | {"boxes": [["cup", 0.25, 0.0, 0.25, 0.5], TABLE]})
    assert (pixels(moved)[:, 16:] == pixels(first)[:, 16:]).all()
    assert (pixels(moved)[:16, 8:16] == pixels(first)[:16, :8]).all()


def test_a_stream_sends_boxes_then_shapes_then_the_picture(http: httpx.Client) -> None:
    body = {"request": {"kind": "layout", "boxes": [CUP]}, "seed": 3, "stream": True}
    with http.stream("POST", "/v1/images/generations", json=body) as answer:
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    boxes, masks, last = events
    assert boxes["note"] == "boxes" and boxes["boxes"] == [CUP] and "masks" not in boxes
    assert masks["note"] == "shapes" and masks["masks"][0] and masks["boxes"] == [CUP]
    assert last["type"].endswith("completed") and last["boxes"] == [CUP] and last["masks"] == masks["masks"]


def test_pictures_and_the_gallery_keep_the_annotation(http: httpx.Client) -> None:
    first = drawn(http, {"kind": "caption", "text": "a cup"})
    png = base64.b64decode(first["b64_json"])
    (placed,) = placed_from(png, "it")
    assert placed.seed == 3 and placed.layout.caption == "a cup"
    assert [list(box) for box in placed.layout.boxes] == first["boxes"], "a box that nobody asked for, as it was drawn"
    added = http.post("/v1/gallery/pictures", json={"png": first["b64_json"]})
    assert added.status_code in (200, 201), added.text
    kept = http.get(f"/v1/gallery/pictures/{added.json()['id']}.png")
    assert kept.status_code == 200
    (again,) = placed_from(kept.content, "it")
    assert again == placed


def test_an_annotation_that_is_damaged_is_left_out(tmp_path: Path) -> None:
    image = load(scenes(tmp_path / "scenes")).draw(Layout((("cup", 0.0, 0.0, 0.5, 0.5),)), seed=1)[0]
    for said in (
        {"boxes": [["cup", 0, 0, 1]]},
        {"masks": ["<script>"]},
        {"boxes": "x" * 10},
        {"text": "x" * 5000},
        [1],
    ):
        image.info[recipe.ANSWER] = said
        found = decode(recipe.encode(image, image.info[recipe.KEY]))
        assert recipe.ANSWER not in found.info
        assert layout_of(found).boxes == (("cup", 0.0, 0.0, 0.5, 0.5),), "what was asked is still there"
    image.info[recipe.ANSWER] = {"boxes": [["cup", 0.0, 0.0, 1.0, 1.0]], "else": 1}
    assert decode(recipe.encode(image, image.info[recipe.KEY])).info[recipe.ANSWER] == {"boxes": [("cup", 0, 0, 1, 1)]}


def test_a_form_does_not_show_shapes_and_sends_them(http: httpx.Client) -> None:
    (artist,) = http.get("/v1/artists").json()["data"]
    fields = {field["name"]: field for field in artist["requests"][0]["fields"]}
    assert fields["masks"]["type"] == "masks" and fields["masks"]["hidden"] and fields["masks"]["later"]
    assert to_json(Layout(masks=("",)))["masks"] == ("",)
