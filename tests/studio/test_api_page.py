"""`/docs` tells the whole API offline and under our policy; what is wrong with a body is told in people's words."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

import limner
from artists import published
from limner.studio import server
from limner.studio.drawing.schemas import BatchBody, GenerationBody, StoryBody, WalkBody
from limner.studio.faults import first_fault
from limner.studio.info import api_page
from studio_live import live

TOKEN = "t" * 20


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    hats = limner.load(published(tmp_path_factory.mktemp("docs") / "hats"))
    with live([hats], server.Settings(token=TOKEN)) as found:
        yield found


class Tags(HTMLParser):
    """Gathers the tags of a page, the ids on it, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(named)
        self.ids += [named["id"]] if named.get("id") else []  # type: ignore[list-item]
        self.links |= {link for name in ("href", "src") if (link := named.get(name))}


def test_docs_show_every_route_and_field_and_need_nothing_from_elsewhere(address: str) -> None:
    answer = httpx.get(f"{address}/docs")  # a browser that opens an address cannot send a token
    assert answer.status_code == 200 and "default-src 'self'" in answer.headers["content-security-policy"]
    found = Tags(answer.text)
    assert "script" not in found.tags and "style" not in found.tags | found.attributes
    outside = {link for link in found.links if not link.startswith("#")}
    assert outside == {"/docs.css", "/openapi.json"}
    assert httpx.get(f"{address}/docs.css").headers["content-type"].startswith("text/css")
    assert {link[1:] for link in found.links - outside} <= set(found.ids), "a link leads nowhere"
    assert len(found.ids) == len(set(found.ids))
    assert httpx.get(f"{address}/openapi.json").status_code == 401
    api = httpx.get(f"{address}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    for path, methods in api["paths"].items():
        assert all(f"{method.upper()} {path}<" in answer.text for method in methods)
    for schema in api["components"]["schemas"].values():
        assert all(f"<code>{field}</code>" in answer.text for field in schema.get("properties", ()))
    assert '"url" or "b64_json" or null' in html.unescape(answer.text)


def test_what_a_description_says_is_text_on_the_page() -> None:
    api = {
        "info": {"title": "<b>", "version": "1"},
        "paths": {"/x/{id}": {"get": {"description": "<script>", "parameters": []}}},
    }
    assert not {"script", "b"} & Tags(api_page.page(api)).tags


@pytest.mark.parametrize(
    ("body", "asked", "says"),
    [
        (GenerationBody, {"seed": -1}, "seed: must be 0 or more"),
        (GenerationBody, {"seed": "seven"}, "seed: expected a whole number, an object or a list"),
        (GenerationBody, {"seed": {"noise": ["a"]}}, "seed.noise.0: expected a number"),
        (GenerationBody, {"seed": [1, 2]}, "seed.2: is missing"),
        (GenerationBody, {"seed": [1, 2, 5]}, "seed.2: must be 1 or less"),
        (GenerationBody, {"n": 65}, "n: must be 64 or less"),
        (GenerationBody, {"n": "3"}, "n: expected a whole number"),
        (GenerationBody, {"knobs": {"Sharp": [1]}}, "knobs.Sharp: expected true or false, a whole number,"),
        (GenerationBody, {"response_format": "jpeg"}, "response_format: must be 'url' or 'b64_json'"),
        (GenerationBody, {"prompt": "x" * 2001}, "prompt: may have 2,000 characters at most"),
        (GenerationBody, {"prompt": "a\0b"}, "prompt: it has a character that cannot be kept"),
        (GenerationBody, {"colour": 1}, "colour: there is no such field"),
        (GenerationBody, {"request": 3}, "request: expected an object"),
        (GenerationBody, {"request": {"kind": "caption"}}, "request.text: is missing"),
        (GenerationBody, {"request": {"kind": "nope"}}, "request.kind: there is no such kind of request"),
        (GenerationBody, [1], "the body: expected an object"),
        (BatchBody, {"rows": [{"seed": "a"}]}, "rows.0.seed: expected a whole number, an object or a list"),
        (WalkBody, {"seeds": [1]}, "seeds: must have 2 entries or more"),
        (StoryBody, {"lines": "a cube"}, "lines: expected a list"),
    ],
)  # fmt: skip
def test_faults_are_told_in_words_of_json(body: Any, asked: Any, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        body.model_validate(asked)
    place, said, _ = first_fault(caught.value.errors(), {"caption", "own"}, ("request",))
    assert f"{'.'.join(map(str, place)) or 'the body'}: {said}".startswith(says)


def test_null_and_nothing_are_answered_as_the_openai_api_answers(address: str) -> None:
    asked = {"prompt": "a red hat", "seed": 1}
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        for more in ({}, {"response_format": None}):
            (one,) = http.post("/v1/images/generations", json=asked | more).json()["data"]
            assert "b64_json" in one and "url" not in one
        torn = http.post("/v1/images/generations", content=b"{", headers={"Content-Type": "application/json"})
        assert torn.status_code == 400 and torn.json()["error"]["message"].startswith("the body: is not JSON")
        size = http.post("/v1/images/generations", json=asked | {"size": "100x100"}).json()["error"]["message"]
        assert re.search(r"8x8, 16x16, \.\.\., 1024x1024$", size), "a size that is drawn is not in the list"
