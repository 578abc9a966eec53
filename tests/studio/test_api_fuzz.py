"""Whatever fits the description of the API, and much that does not: no 5xx, and answers as they are described.

schemathesis makes the requests out of /openapi.json. Twice: once as the description says, the borders of every field
and what lies beyond them; and once to those who are there (artists, pictures, studies), where the first meets 404.
What is tried is the same in every run.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks

import limner
from artists import cascade, fake, published
from galleries import png, recipe_json
from limner import checkpoint
from limner.drawing.artist import Artist
from limner.studio import server
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.recipe import checked, identity
from studio_live import live

TRIES = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LARGE = [f"/v1/images/{way}" for way in ("batch", "attention", "morph", "walk", "mix")]
"""Their fields are those of the generations; all borders of all of them would take a minute."""
NOT_OWED = [
    checks.positive_data_acceptance,  # not all that can be described can be drawn: an empty prompt, another's knob
    checks.unsupported_method,  # PATCH of a picture's .png is a PATCH with a wrong id: 400 as well as 405
    checks.allow_header_conformance,  # Starlette names the methods of one route, where several have the same path
]
OWED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def zipped() -> bytes:
    """Return an exported gallery of one picture."""
    name, file = identity(checked(recipe_json())), io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(f"pictures/{name}.png", png())
        packed.writestr("gallery.jsonl", json.dumps({"id": name, "recipe": recipe_json(), "drawn_at": 5}))
    return file.getvalue()


def torn(content: bytes) -> st.SearchStrategy[bytes]:
    """Return parts of a file, and the file with some bytes changed."""
    places = st.dictionaries(st.integers(0, len(content) - 1), st.integers(0, 255), max_size=4)
    changed = places.map(lambda some: bytes(some.get(i, byte) for i, byte in enumerate(content)))
    return changed | st.integers(0, len(content)).map(lambda end: content[:end]) | st.binary(max_size=99)


schemathesis.openapi.media_type("application/zip", torn(zipped()))
schemathesis.openapi.media_type("image/png", torn(png(side=32)))
schemathesis.openapi.media_type("image/jpeg", st.binary(max_size=99).map(lambda some: b"\xff\xd8\xff" + some))


def described(borders: bool) -> BaseSchema:
    """Read the description of a studio with a gallery.

    With `borders`, requests try the borders of every field and what lies beyond them; without, what fits, by chance.
    """
    system = fake()
    record = {"system": "fake", "trained": {}, "sha256": {checkpoint.WEIGHTS: "0" * 64}}
    artist = Artist(system, record, "hats", Path("nowhere"))
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Gallery(Path(folder) / "gallery.sqlite")) as gallery,
    ):
        app = server.build([artist], server.Settings(), gallery).app
        assert isinstance(app, FastAPI)
        found = schemathesis.openapi.from_dict(app.openapi())
    if not borders:
        found.config.phases.coverage.enabled = False
        found.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fuzz")
    hats, balls = limner.load(published(folder / "hats")), limner.load(cascade(folder / "balls"))
    hats.system.style = lambda images: images.mean(dim=(2, 3)).repeat(1, 3)[:, :8]  # type: ignore[method-assign]
    gallery = Gallery(folder / "gallery.sqlite")
    with live([hats, balls, limner.load("clevr-stories")], gallery=gallery) as address:
        yield address
    gallery.close()


@pytest.fixture(scope="module")
def there(url: str) -> dict[str, Any]:
    """Put something behind every name that a path can hold."""
    pngs = {name: base64.b64encode(png(seed=seed)).decode() for seed, name in enumerate(("hats", "balls"))}
    with httpx.Client(base_url=url) as http:
        one = http.post("/v1/gallery/pictures", json={"png": pngs["hats"], "keep": True}).json()["id"]
        tasks = [{"text": "a red hat", "pictures": pngs}]
        study = http.post("/v1/ratings/studies", json={"name": "fuzz", "tasks": tasks}).json()["id"]
        asked = http.post(f"/v1/ratings/studies/{study}/next", json={"rater": "a-rater-1"}).json()
        body = {"prompt": "a hat", "response_format": "url"}
        link = http.post("/v1/images/generations", json=body).json()["data"][0]["url"]
    return {
        "picture": one,
        "study": study,
        "comparison": asked["comparison"],
        "entry": asked["images"][0]["id"],
        "png": pngs["balls"],
        "name": {"/v1/pictures/{name}": link.rpartition("/")[2]},
    }


@pytest.fixture
def met() -> Iterator[collections.Counter[str]]:
    """Count what was answered with success; what draws must have drawn something, or nothing was tried."""
    found: collections.Counter[str] = collections.Counter()
    yield found
    never = [path for path, count in found.items() if path.startswith("/v1/images/") and not count]
    assert not never, f"nothing was ever drawn by {never}"


def possible(body: dict[str, Any], way: str) -> dict[str, Any]:
    """Make of what is described something that an artist who is here can draw; all else in it stays by chance."""
    artist = {"attention": "balls", "story": "clevr-stories"}.get(way, "hats")
    body = {name: one for name, one in body.items() if name not in ("size", "knobs")} | {"model": artist}
    if "lines" in body:
        return body | {"lines": ["a large red metal cube", "a cube"], "setting": [], "first": 1}
    rows = body["rows"] if way == "batch" else []
    for wanted in [body["first"], body["second"]] if "first" in body else rows or [body]:
        if wanted.get("prompt"):
            wanted.pop("request", None)
        else:
            wanted |= {"prompt": None, "request": {"kind": "caption", "text": "a red ball"}}
    return body


@described(borders=True).exclude(path=LARGE).parametrize()
@TRIES
def test_a_route_as_it_is_described(case: schemathesis.Case, url: str) -> None:
    case.call_and_validate(base_url=url, excluded_checks=NOT_OWED)


@described(borders=False).parametrize()
@TRIES
def test_a_route_to_those_who_are_there(
    case: schemathesis.Case, url: str, there: dict[str, Any], met: collections.Counter[str]
) -> None:
    for name in case.path_parameters:
        found = there[name]
        case.path_parameters[name] = found.get(case.operation.path, "hats") if name == "name" else found
    if isinstance(case.body, dict) and case.operation.path.startswith("/v1/images/"):
        case.body = possible(case.body, case.operation.path.rpartition("/")[2])
    if isinstance(case.body, dict) and "png" in case.body:
        case.body["png"] = there["png"]
    answer = case.call(base_url=url)
    met[case.operation.path] += answer.status_code < 300
    case.validate_response(answer, checks=OWED)
