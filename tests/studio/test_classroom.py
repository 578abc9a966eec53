"""A class over HTTP: its word is short-lived and rate-limited, a pass ends with it, and the token is not given away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

import limner
from artists import published
from limner.errors import UserError
from limner.studio import server
from limner.studio.classroom import classroom as classrooms
from limner.studio.classroom import routes as class_routes
from limner.studio.classroom.classroom import MOST_PEOPLE, Classroom, NotIn
from limner.studio.classroom.routes import TRIES_AT_ONCE, qr_code
from studio_live import live

TOKEN = "t" * 20
TEACHER = {"Authorization": f"Bearer {TOKEN}"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def hats(tmp_path_factory: pytest.TempPathFactory) -> limner.Artist:
    return limner.load(published(tmp_path_factory.mktemp("class") / "hats"))


@pytest.fixture
def http(hats: limner.Artist, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setattr(class_routes, "own_host", lambda: "10.0.0.5")  # tests run without the network
    with live([hats], server.Settings(token=TOKEN)) as address, httpx.Client(base_url=address) as found:
        yield found


def opened(http: httpx.Client, **body: object) -> str:
    answer = http.post("/v1/class", json=body, headers=TEACHER)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["word"])


def test_a_word_is_exchanged_for_a_pass_that_ends_with_the_class(http: httpx.Client) -> None:
    assert http.post("/v1/class", json={}).status_code == 401, "nobody opens one without the token"
    word = opened(http)
    answer = http.post("/v1/class/enter", json={"word": f" {word.upper()} ", "name": "Ada"})
    assert answer.status_code == 200
    given = answer.json()["token"]
    assert given != TOKEN
    pupil = {"Authorization": f"Bearer {given}"}
    assert http.get("/v1/models", headers=pupil).status_code == 200
    wall = http.get("/v1/class", headers=pupil).json()
    assert wall["people"] == [{"name": "Ada", "picture": None}] and wall["word"] is None
    assert http.post("/v1/class/made", json={"picture": "a" * 64}, headers=pupil).status_code == 200
    assert http.get("/v1/class", headers=TEACHER).json()["people"][0]["picture"] == "a" * 64
    assert http.post("/v1/class", json={}, headers=pupil).status_code == 403, "a pupil opens no class"
    assert http.delete("/v1/class", headers=pupil).status_code == 403, "and ends none"
    assert http.delete("/v1/class", headers=TEACHER).status_code == 200
    assert http.get("/v1/models", headers=pupil).status_code == 401
    assert http.post("/v1/class/enter", json={"word": word}).status_code == 403


def test_who_guesses_words_has_to_wait_and_so_does_the_right_one(http: httpx.Client) -> None:
    word = opened(http)
    statuses = [
        http.post("/v1/class/enter", json={"word": f"wrong{i}"}).status_code for i in range(int(TRIES_AT_ONCE) + 2)
    ]
    assert statuses[0] == 403 and statuses[-1] == 429
    refused = http.post("/v1/class/enter", json={"word": word})
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) >= 1
    assert http.get("/v1/models", headers=TEACHER).status_code == 200


def test_the_address_of_a_class_is_one_that_others_reach(http: httpx.Client) -> None:
    asked = http.post("/v1/class", json={"address": "https://school.example/limner/"}, headers=TEACHER).json()
    assert asked["address"] == f"https://school.example/limner/#/join?word={asked['word']}"
    assert asked["qr"] == qr_code(asked["address"]) and asked["qr"].startswith("<svg")
    assert asked["qr"] != qr_code("https://elsewhere.example")
    found = http.post("/v1/class", json={}, headers=TEACHER).json()["address"]
    assert re.match(r"http://10\.0\.0\.5:\d+/#/join", found)
    assert http.post("/v1/class", json={"address": "javascript:alert(1)"}, headers=TEACHER).status_code == 400


def test_without_a_token_there_is_nobody_to_let_in(hats: limner.Artist) -> None:
    with live([hats]) as address, httpx.Client(base_url=address) as found:
        refused = found.post("/v1/class", json={})
    assert refused.status_code == 400 and "--host 0.0.0.0" in refused.json()["error"]["message"]


def test_a_class_ends_by_itself_and_holds_so_many() -> None:
    clock = Clock()
    room = Classroom(clock)
    with pytest.raises(NotIn):
        room.enter("", "nobody")
    word = room.open(45).word
    made = [room.enter(word, "") for _ in range(MOST_PEOPLE)]
    assert len(set(made)) == MOST_PEOPLE and room.wall()[1].name == "2"
    with pytest.raises(UserError, match="no more"):
        room.enter(word, "one too many")
    clock.now = 45 * 60 - 1
    assert room.admits(made[0]) and room.seconds_left == 1
    assert room.open(45).word != word and not room.admits(made[0]), "another class, other passes"
    clock.now *= 3
    assert room.now is None and room.seconds_left == 0
    with pytest.raises(NotIn):
        room.enter(word, "late")


def test_words_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def noted(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(classrooms.hmac, "compare_digest", noted)
    room = Classroom()
    with pytest.raises(NotIn):
        room.enter("closed", "")
    word = room.open(5).word
    room.enter(word, "")
    assert compared[-1] == (word.encode(), word.encode()) and len(compared[0][1]) == len(word)
