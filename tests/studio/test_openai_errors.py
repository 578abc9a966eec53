"""Each error of the studio becomes the exception that a program written for the OpenAI API expects."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
import torch

import limner
from artists import published
from limner.drawing.artist import Artist
from limner.studio.limits import Limits
from limner.studio.server import Settings
from limner.system import Draft
from studio_live import decoded, live

TOKEN = "a-token-of-sixteen"
RED = "a red hat"


@pytest.fixture
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return limner.load(published(tmp_path_factory.mktemp("artist") / "hats"))


@pytest.fixture
def url(artist: Artist) -> Iterator[str]:
    with live([artist], Settings(token=TOKEN, limits=Limits(rate=60, burst=6))) as address:
        yield address


def client(url: str, key: str = TOKEN, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=retries, timeout=300)


def test_by_url_by_base64_and_as_a_stream_comes_the_same_picture(url: str) -> None:
    images = client(url).images
    (linked,) = images.generate(prompt=RED, response_format="url", extra_body={"seed": 5}).data or []
    (inside,) = images.generate(prompt=RED, response_format="b64_json", extra_body={"seed": 5}).data or []
    *_, last = images.generate(prompt=RED, stream=True, extra_body={"seed": 5})
    assert linked.url and inside.b64_json and last.type == "image_generation.completed"
    pngs = [httpx.get(linked.url).content, base64.b64decode(inside.b64_json), base64.b64decode(last.b64_json)]
    assert pngs[0] == pngs[1] == pngs[2] and decoded(pngs[0]).size == (8, 8)


def test_a_wrong_key_is_an_authentication_error(url: str) -> None:
    with pytest.raises(openai.AuthenticationError) as wrong:
        client(url, "no-such-token-here").images.generate(prompt=RED)
    assert wrong.value.code == "invalid_api_key" and "token" in wrong.value.message


def test_a_pages_foreign_origin_is_a_permission_denied_error(url: str) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        client(url).images.generate(prompt=RED, extra_headers={"Origin": "https://evil.example"})


def test_what_is_wrong_and_what_is_not_there(url: str) -> None:
    with pytest.raises(openai.BadRequestError) as wrong:
        client(url).images.generate(prompt=RED, size="7x7")
    assert wrong.value.param == "size" and wrong.value.type == "invalid_request_error"
    with pytest.raises(openai.NotFoundError) as missing:
        client(url).images.generate(prompt=RED, model="dall-e-3")
    assert missing.value.code == "model_not_found"


def test_asking_too_often_is_a_rate_limit_error_that_says_when_to_come_back(url: str) -> None:
    with pytest.raises(openai.RateLimitError) as much:
        for _ in range(20):
            client(url).models.list()
    assert much.value.code == "rate_limit_exceeded" and int(much.value.response.headers["Retry-After"]) >= 1
    assert client(url, retries=2).models.list().data, "the client did not wait as it was told to"


def test_what_breaks_in_the_studio_is_an_internal_server_error_that_tells_nothing(artist: Artist) -> None:
    def torn(*_: Any) -> Iterator[Draft]:
        yield Draft(images=torch.zeros(4, 3, 8, 8), progress=0.5)
        raise RuntimeError("a secret of this machine")

    artist.system.sample = torn  # type: ignore[method-assign]
    with live([artist]) as url:
        with pytest.raises(openai.InternalServerError) as broken:
            client(url).images.generate(prompt=RED)
        events = client(url).images.generate(prompt=RED, stream=True)
        assert next(events).type == "image_generation.partial_image"
        with pytest.raises(openai.APIError) as torn_off:
            next(events)
    for error in (broken.value, torn_off.value):
        assert error.code == "internal_error" and "secret" not in str(error.body)


def test_a_studio_that_is_gone_is_a_connection_error(artist: Artist) -> None:
    with live([artist]) as url:
        assert client(url).models.list().data
    with pytest.raises(openai.APIConnectionError):
        client(url).images.generate(prompt=RED)
