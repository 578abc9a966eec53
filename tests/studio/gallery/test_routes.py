"""The gallery over HTTP: every route, and what strangers may send."""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import galleries
from galleries import picture, png, recipe_json
from limner.errors import UserError
from limner.studio.gallery import files
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.recipe import encode
from limner.studio.gallery.routes import router

HOME = "/v1/gallery"
NONE = "0" * 64


def redraw(recipe: Mapping[str, Any]) -> Image.Image:
    if recipe["artist"] == "gone":
        raise UserError("no artist of this studio has\nthe weights")
    return picture(seed=recipe["seed"] + (recipe["artist"] == "forger"))


@pytest.fixture
def client(gallery: Gallery) -> TestClient:
    app = FastAPI()
    app.include_router(router(gallery, redraw))
    return TestClient(app, raise_server_exceptions=False)


def body(seed: int = 0, words: str = "a red hat", **more: Any) -> dict[str, Any]:
    return {"png": base64.b64encode(png(words, seed)).decode()} | more


def put(client: TestClient, seed: int = 0, words: str = "a red hat", **more: Any) -> dict[str, Any]:
    answer = client.post(f"{HOME}/pictures", json=body(seed, words, **more))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def shelf(client: TestClient, **query: Any) -> list[str]:
    answer = client.get(f"{HOME}/pictures", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


def test_a_picture_is_added_shown_and_fetched(client: TestClient) -> None:
    one = put(client, keep=True, note="mine")
    assert one["recipe"] == recipe_json() | {"parents": []}
    assert (one["note"], one["width"], one["height"], one["deleted"]) == ("mine", 8, 8, None)
    assert one["kept"] == one["drawn"]
    assert one["kept"].endswith("+00:00")
    assert client.get(f"{HOME}/pictures/{one['id']}").json() == one
    answer = client.get(one["url"])
    assert answer.headers["content-type"] == "image/png"
    assert json.loads(galleries.recipe_of(answer.content))["seed"] == 0
    assert put(client)["id"] == one["id"]


def test_a_list_goes_on_by_pages_and_is_searched(client: TestClient) -> None:
    put_in = [put(client, i, "a blue hat" if i == 3 else "a red hat")["id"] for i in range(5)]
    first = client.get(f"{HOME}/pictures", params={"shelf": "drawn", "limit": 3}).json()
    rest = client.get(f"{HOME}/pictures", params={"shelf": "drawn", "limit": 3, "after": first["next"]}).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == put_in[::-1]
    assert (first["total"], rest["next"]) == (5, None)
    assert shelf(client, shelf="drawn", q="blu") == [put_in[3]]
    assert shelf(client, shelf="drawn", artist="nobody") == []
    assert shelf(client) == []


def test_the_heart_is_set_and_taken(client: TestClient) -> None:
    one = put(client)["id"]
    assert client.patch(f"{HOME}/pictures/{one}", json={"keep": True, "note": "good"}).json()["note"] == "good"
    assert shelf(client, q="good") == [one]
    assert client.patch(f"{HOME}/pictures/{one}", json={"keep": False}).json()["note"] == "good"
    assert shelf(client) == []


def test_delete_and_undo(client: TestClient) -> None:
    a, b = (put(client, i, keep=True)["id"] for i in range(2))
    deleted = client.delete(f"{HOME}/pictures/{a}").json()
    assert deleted["deleted"] == 1
    assert (shelf(client), shelf(client, shelf="deleted")) == ([b], [a])
    assert client.post(f"{HOME}/undo", json={"undo": deleted["undo"]}).json() == {"restored": 1}
    assert client.post(f"{HOME}/undo", json={"undo": deleted["undo"]}).status_code == 404
    both = client.post(f"{HOME}/delete", json={"ids": [a, b, NONE]}).json()
    assert (both["deleted"], shelf(client)) == (2, [])
    client.post(f"{HOME}/undo", json={"undo": both["undo"]})
    assert shelf(client) == [b, a]


def test_export_and_import(client: TestClient, tmp_path: Path) -> None:
    kept = put(client, 1, keep=True)
    put(client, 2)
    answer = client.get(f"{HOME}/export")
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
    everything = client.get(f"{HOME}/export", params={"shelf": "drawn"}).content

    other = FastAPI()
    other.include_router(router(Gallery(tmp_path / "other.sqlite")))
    there = TestClient(other)
    assert there.post(f"{HOME}/import", content=answer.content).json() == {"pictures": 1, "added": 1}
    assert there.post(f"{HOME}/import", content=everything).json() == {"pictures": 2, "added": 1}
    assert there.get(f"{HOME}/pictures/{kept['id']}").json() == kept


def test_a_zip_larger_than_allowed_is_cut_off_while_it_comes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_ZIP_BYTES", 1000)
    assert client.post(f"{HOME}/import", content=b"x" * 1001).status_code == 413
    refused = client.post(f"{HOME}/import", content=b"x" * 1000)
    assert (refused.status_code, refused.json()["detail"]) == (400, "this is not a zip file that Limner wrote")


def test_a_picture_is_drawn_again_and_compared(client: TestClient) -> None:
    same = client.post(f"{HOME}/pictures/{put(client, 7)['id']}/again")
    assert same.headers["limner-difference"] == "0"
    assert same.headers["content-type"] == "image/png"
    forged = base64.b64encode(png(seed=8, artist="forger")).decode()
    one = client.post(f"{HOME}/pictures", json={"png": forged}).json()["id"]
    assert client.post(f"{HOME}/pictures/{one}/again").headers["limner-difference"] == "1"
    gone = base64.b64encode(png(seed=9, artist="gone")).decode()
    one = client.post(f"{HOME}/pictures", json={"png": gone}).json()["id"]
    answer = client.post(f"{HOME}/pictures/{one}/again")
    assert (answer.status_code, answer.json()["detail"]) == (400, "no artist of this studio has the weights")


def test_without_somebody_who_draws_nothing_is_drawn_again(gallery: Gallery) -> None:
    app = FastAPI()
    app.include_router(router(gallery))
    one = gallery.add(picture()).id
    assert TestClient(app).post(f"{HOME}/pictures/{one}/again").status_code == 404


def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    for method, path in [
        ("GET", f"/pictures/{NONE}"),
        ("GET", f"/pictures/{NONE}.png"),
        ("PATCH", f"/pictures/{NONE}"),
        ("DELETE", f"/pictures/{NONE}"),
        ("POST", f"/pictures/{NONE}/again"),
    ]:
        answer = client.request(method, HOME + path, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, (method, path, answer.text)


PATHS = [
    "/pictures/..%2F..%2Fetc%2Fpasswd",
    "/pictures/../../../etc/passwd",
    "/pictures/%2e%2e%2f.png",
    "/pictures//etc/passwd.png",
    "/pictures/gallery.sqlite",
    f"/pictures/{'A' * 64}",
    f"/pictures/{'0' * 63}%00.png",
    f"/pictures/{NONE}%0a",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_no_file(client: TestClient, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    reading = os.open
    monkeypatch.setattr(os, "open", lambda *a, **k: opened.append(a) or reading(*a, **k))
    assert client.get(HOME + path).status_code in (404, 422)
    assert not [one for one in opened if "etc" in str(one) or "sqlite" in str(one)]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 10**9},
        {"limit": "x"},
        {"shelf": "all"},
        {"after": "1"},
        {"after": f"1-{NONE}'"},
        {"artist": "a\x00"},
        {"q": "x" * 501},
    ],
    ids=str,
)
def test_a_list_that_makes_no_sense_is_refused(client: TestClient, query: dict[str, Any]) -> None:
    assert client.get(f"{HOME}/pictures", params=query).status_code == 422


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 422),
        ({"png": 5}, 422),
        ({"png": "***"}, 400),
        ({"png": "aGVsbG8="}, 400),
        ({"png": "é"}, 400),
        (body(keep="perhaps"), 422),
        (body(parents=["../x"]), 422),
        (body(parents=[NONE] * 17), 422),
        (body(note="x" * 2001), 422),
        (body(note="a\x00b"), 422),
        (body(path="/etc/passwd"), 422),
    ],
    ids=range(11),
)
def test_what_is_no_picture_is_refused(client: TestClient, sent: dict[str, Any], status: int) -> None:
    assert client.post(f"{HOME}/pictures", json=sent).status_code == status
    assert shelf(client, shelf="drawn") == []


def test_script_in_a_prompt_stays_text(client: TestClient) -> None:
    script = "<script>alert('x')</script>\u2028 \x1b[31m \x07"
    one = put(client, 0, script, note=script)
    answer = client.get(f"{HOME}/pictures/{one['id']}")
    assert answer.headers["content-type"] == "application/json"
    assert (answer.json()["recipe"]["request"]["text"], answer.json()["note"]) == (script, script)
    assert shelf(client, shelf="drawn", q="<script>") == [one["id"]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=9), some, max_size=4),
    max_leaves=9,
)
FIELDS = st.sampled_from([*recipe_json(), "parents", "text", "kind", "first", "noise"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=st.dictionaries(FIELDS, JSON, max_size=3), inner=st.dictionaries(FIELDS, JSON, max_size=3))
def test_no_recipe_whatever_brings_the_server_down(
    client: TestClient, changed: dict[str, Any], inner: dict[str, Any]
) -> None:
    recipe = recipe_json() | {"request": recipe_json()["request"] | inner} | changed
    image = Image.new("RGB", (2, 2))
    sent = {"png": base64.b64encode(encode(image, recipe)).decode()}
    answer = client.post(f"{HOME}/pictures", json=sent)
    assert answer.status_code in (201, 400), answer.text
    assert client.get(f"{HOME}/pictures", params={"shelf": "drawn"}).status_code == 200
