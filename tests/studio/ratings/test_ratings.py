"""A blind rating shows who drew to nobody, spreads what it shows, and keeps each answer once."""

from __future__ import annotations

import base64
import io
import json
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import func, select

import artists
import galleries
from galleries import picture
from limner.drawing.artist import load
from limner.errors import UserError
from limner.studio.gallery.database import Conflict, Database, Missing
from limner.studio.gallery.tables import Comparison, Entry, Task
from limner.studio.ratings.ratings import NextComparison, Ratings, Sheet, draw_sheets
from limner.studio.ratings.routes import router

SYSTEMS = ("ant", "bug", "cat")
HOME = "/v1/ratings"


@pytest.fixture
def ratings(location: str) -> Iterator[Ratings]:
    database = Database(location)
    yield Ratings(database)
    database.close()


def sheets(tasks: int = 2, systems: tuple[str, ...] = SYSTEMS) -> list[Sheet]:
    """Paint so that a picture's first pixel tells the test, and only it, the task and the system."""
    return [
        Sheet(f"text {i}", {name: picture(seed=256 * i + place) for place, name in enumerate(systems)})
        for i in range(tasks)
    ]


def drew(ratings: Ratings, entry: str) -> str:
    with Image.open(io.BytesIO(ratings.png(entry))) as image:
        return SYSTEMS[image.getpixel((0, 0))[0]]  # type: ignore[index]


def answer_all(ratings: Ratings, study: str, rater: str) -> list[NextComparison]:
    """Answer like somebody who likes ants best and cats least, but finds all equally good to look at."""
    done = []
    while asked := ratings.next(study, rater):
        best = sorted(asked.entries, key=lambda entry: drew(ratings, entry))
        orders = {question: [[entry] for entry in best] for question in asked.questions} | {"quality": [best]}
        ratings.answer(asked.comparison, rater, orders)
        done.append(asked)
    return done


def test_a_person_sees_every_pair_once(ratings: Ratings) -> None:
    study = ratings.create("insects", sheets())
    done = answer_all(ratings, study, "anna-anna")
    assert len(done) == 2 * 3
    assert len({frozenset(one.entries) for one in done}) == 6
    assert [(one.answered, one.left) for one in done] == [(i, 6 - i) for i in range(6)]
    assert all(len(one.entries) == 2 and one.questions == ("quality", "relevance", "ranking") for one in done)
    assert ratings.next(study, "anna-anna") is None
    assert ratings.next(study, "bert-bert") is not None


def test_a_ranking_shows_all_systems_and_a_story_asks_for_consistency(ratings: Ratings) -> None:
    study = ratings.create("insects", sheets(), pairs=False, story=True)
    done = answer_all(ratings, study, "anna-anna")
    assert [len(one.entries) for one in done] == [3, 3]
    assert done[0].questions == ("quality", "consistency", "relevance", "ranking")


def test_nothing_that_is_shown_says_who_drew(ratings: Ratings) -> None:
    study = ratings.create("blind", sheets(systems=("ant", "bug")))
    asked = ratings.next(study, "anna-anna")
    assert asked is not None
    for entry in asked.entries:
        content = ratings.png(entry)
        assert not galleries.recipe_of(content)
        with Image.open(io.BytesIO(content)) as image:
            assert image.info == {}
        assert len(entry) == 32
    said = json.dumps(asked.__dict__)
    assert not any(name in said for name in ("ant", "bug", "tester"))


def test_the_order_on_the_page_is_chance(ratings: Ratings) -> None:
    study = ratings.create("order", sheets(1))
    first = Counter()
    for i in range(60):
        asked = ratings.next(study, f"rater-{i:03}")
        assert asked is not None
        first[tuple(drew(ratings, entry) for entry in asked.entries)] += 1
    assert len(first) == 6  # three pairs, both ways round; one missing by chance: about 1 in 170,000
    pairs = Counter(frozenset(order) for order in first.elements())
    assert set(pairs.values()) == {20}  # what was shown least comes next


def test_smaller_pictures_are_enlarged_so_that_size_tells_nothing(ratings: Ratings) -> None:
    study = ratings.create("sizes", [Sheet("a", {"ant": picture(side=8), "bug": picture(seed=1, side=32)})])
    asked = ratings.next(study, "anna-anna")
    assert asked is not None
    assert {Image.open(io.BytesIO(ratings.png(entry))).size for entry in asked.entries} == {(32, 32)}
    flat = Image.new("RGB", (16, 8))
    with pytest.raises(UserError, match="proportions"):
        ratings.create("shapes", [Sheet("a", {"ant": picture(), "bug": flat})])


def test_what_was_not_answered_comes_again(ratings: Ratings) -> None:
    study = ratings.create("again", sheets())
    assert ratings.next(study, "anna-anna") == ratings.next(study, "anna-anna")


def test_an_answer_may_be_sent_twice_and_not_changed(ratings: Ratings) -> None:
    study = ratings.create("twice", sheets(1, ("ant", "bug")))
    asked = ratings.next(study, "anna-anna")
    assert asked is not None
    a, b = asked.entries
    orders = {question: [[a], [b]] for question in asked.questions}
    for _ in range(2):
        ratings.answer(asked.comparison, "anna-anna", orders)
    with pytest.raises(Conflict):
        ratings.answer(asked.comparison, "anna-anna", orders | {"quality": [[a, b]]})
    assert len(list(ratings.lines(study))) == 1
    ((_, answers),) = ratings.studies()
    assert answers == 1


@pytest.mark.parametrize(
    "fault", ["a question less", "a question more", "one twice", "one missing", "a stranger", "empty"]
)
def test_an_answer_that_is_none_is_refused(ratings: Ratings, fault: str) -> None:
    study = ratings.create("faults", sheets(1, ("ant", "bug")))
    asked = ratings.next(study, "anna-anna")
    assert asked is not None
    a, b = asked.entries
    orders: dict[str, list[list[str]]] = {question: [[a], [b]] for question in asked.questions}
    quality = {"one twice": [[a], [a]], "one missing": [[a]], "a stranger": [[a], ["0" * 32]], "empty": [[a, b], []]}
    if fault == "a question less":
        del orders["quality"]
    orders |= {"taste": [[a], [b]]} if fault == "a question more" else {}
    orders |= {"quality": quality[fault]} if fault in quality else {}
    with pytest.raises(UserError, match=r"question|must name each picture"):
        ratings.answer(asked.comparison, "anna-anna", orders)
    with pytest.raises(Missing):
        ratings.answer(asked.comparison, "bert-bert", {question: [[a], [b]] for question in asked.questions})
    assert list(ratings.lines(study)) == []


def test_results_and_lines_name_the_systems(ratings: Ratings) -> None:
    study = ratings.create("results", sheets(tasks=3))
    for rater in ("anna-anna", "bert-bert"):
        answer_all(ratings, study, rater)
    results = ratings.results(study)
    assert [one.system for one in results["ranking"]] == ["ant", "bug", "cat"]
    assert [one.mean_rank for one in results["ranking"]] == [1.0, 1.5, 2.0]
    assert [one.wins for one in results["ranking"]] == [1.0, 0.5, 0.0]
    assert {(one.mean_rank, one.wins) for one in results["quality"]} == {(1.5, 0.5)}
    assert [round(one.strength, 9) for one in results["quality"]] == [0, 0, 0]
    lines = list(ratings.lines(study))
    assert len(lines) == 2 * 9
    for line in lines:
        assert line["answers"]["ranking"] == [[name] for name in sorted(line["shown"])]
        assert line["text"] == f"text {line['task']}"
    assert Counter(line["rater"] for line in lines) == {"anna-anna": 9, "bert-bert": 9}
    rows = list(ratings.result_lines(study))
    assert [(row["place"], row["system"]) for row in rows if row["question"] == "ranking"] == [
        (1, "ant"), (2, "bug"), (3, "cat"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ([], "from 1 to 500 texts"),
        (sheets(1, ("ant",)), "from 2 to 10 systems"),
        ([*sheets(1), *sheets(1, ("ant", "bug"))], "a picture by each system"),
    ],
    ids=["none", "one system", "a gap"],
)
def test_a_study_that_compares_nothing_is_refused(ratings: Ratings, made: list[Sheet], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ratings.create("bad", made)
    assert ratings.studies() == []


def test_artists_draw_the_sheets_of_a_study(tmp_path: Path) -> None:
    both = {name: load(artists.published(tmp_path / name, seed)) for seed, name in enumerate(("one", "two"))}
    found = draw_sheets(both, ["a red hat", "a blue hat"], seed=3)
    assert [sheet.text for sheet in found] == ["a red hat", "a blue hat"]
    assert list(found[1].pictures) == ["one", "two"]
    again = both["two"].draw("a blue hat", seed=4)[0]
    assert np.array_equal(found[1].pictures["two"], again)


# Over HTTP


@pytest.fixture
def client(ratings: Ratings) -> TestClient:
    app = FastAPI()
    app.include_router(router(ratings))
    return TestClient(app, raise_server_exceptions=False)


def new_study(**more: Any) -> dict[str, Any]:
    pictures = {name: base64.b64encode(galleries.png(seed=place)).decode() for place, name in enumerate(SYSTEMS)}
    tasks = [{"text": f"text {i}", "pictures": pictures} for i in range(2)]
    return {"name": "insects", "tasks": tasks} | more


def test_a_rating_over_http_from_the_first_picture_to_the_results(client: TestClient) -> None:
    study = client.post(f"{HOME}/studies", json=new_study()).json()["id"]
    who = {"rater": "anna-anna"}
    seen = 0
    while True:
        asked = client.post(f"{HOME}/studies/{study}/next", json=who).json()
        if asked["comparison"] is None:
            break
        seen += 1
        assert set(asked["questions"]) == {"quality", "relevance", "ranking"}
        for image in asked["images"]:
            answer = client.get(image["url"])
            assert answer.headers["content-type"] == "image/png"
            assert not galleries.recipe_of(answer.content)
        order = [[image["id"]] for image in asked["images"]]
        body = who | {"answers": {question: order for question in asked["questions"]}}
        for _ in range(2):
            assert client.post(f"{HOME}/comparisons/{asked['comparison']}/answer", json=body).status_code == 204
        other = who | {"answers": {question: order[::-1] for question in asked["questions"]}}
        assert client.post(f"{HOME}/comparisons/{asked['comparison']}/answer", json=other).status_code == 409
    assert seen == 6
    (listed,) = client.get(f"{HOME}/studies").json()
    assert (listed["name"], listed["answers"], listed["together"]) == ("insects", 6, 2)
    results = client.get(f"{HOME}/studies/{study}/results").json()
    assert {row["system"] for row in results["quality"]} == set(SYSTEMS)
    lines = client.get(f"{HOME}/studies/{study}/answers.jsonl").text.splitlines()
    assert len([json.loads(line) for line in lines]) == 6
    rows = client.get(f"{HOME}/studies/{study}/results.jsonl").text.splitlines()
    assert len(rows) == 3 * 3


def test_results_before_any_answer_are_json(client: TestClient) -> None:
    study = client.post(f"{HOME}/studies", json=new_study(pairs=False, story=True)).json()["id"]
    results = client.get(f"{HOME}/studies/{study}/results")
    assert results.status_code == 200
    assert list(results.json()) == ["quality", "consistency", "relevance", "ranking"]
    assert client.get(f"{HOME}/studies/{study}/answers.jsonl").text == ""


# Endurance


def flat(side: int) -> str:
    buffer = io.BytesIO()
    Image.new("1", (side, side)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def of_pngs(*tasks: list[str]) -> dict[str, Any]:
    return {
        "name": "large",
        "tasks": [
            {"text": f"{i}", "pictures": dict(zip("abcdef", some, strict=False))} for i, some in enumerate(tasks)
        ],
    }


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ([[flat(4096)] * 2], "one text have 33,554,432 pixels"),
        ([[flat(8), flat(8), flat(4096)]], "one text have 50,331,648 pixels"),
        ([[flat(2048)] * 2] * 9, "the study have 75,497,472 pixels"),
    ],
)
def test_a_small_body_of_many_pixels_is_refused_before_any_is_decoded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tasks: list[list[str]], says: str
) -> None:
    """40 pictures in a body of 0.1 MB took 2.7 GB."""
    monkeypatch.setattr("limner.studio.ratings.routes.decode", lambda png: pytest.fail("it was decoded"))
    answer = client.post(f"{HOME}/studies", json=of_pngs(*tasks))
    assert answer.status_code == 400 and says in answer.text


def test_the_pictures_of_one_text_are_in_memory_at_a_time(ratings: Ratings) -> None:
    alive: list[weakref.ref[Image.Image]] = []

    def made() -> Iterator[Sheet]:
        for one in sheets(5):
            assert sum(ref() is not None for ref in alive) <= len(SYSTEMS)
            pictures = {name: image.copy() for name, image in one.pictures.items()}
            alive.extend(weakref.ref(image) for image in pictures.values())
            yield Sheet(one.text, pictures)

    assert ratings.create("insects", made())


def test_a_study_is_deleted_with_all_that_belongs_to_it(client: TestClient, ratings: Ratings) -> None:
    study, other = (client.post(f"{HOME}/studies", json=new_study()).json()["id"] for _ in range(2))
    shown = client.post(f"{HOME}/studies/{study}/next", json={"rater": "anna-anna"}).json()["images"][0]["url"]
    assert client.delete(f"{HOME}/studies/{study}").status_code == 204
    assert client.delete(f"{HOME}/studies/{study}").status_code == client.get(shown).status_code == 404
    assert [one["id"] for one in client.get(f"{HOME}/studies").json()] == [other]
    with ratings.database.reading() as session:
        assert {session.scalar(select(func.count()).select_from(one)) for one in (Task, Entry, Comparison)} == {2, 6, 0}


def test_strangers_who_never_answer_make_no_study_grow(ratings: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.studio.ratings.ratings.MOST_OPEN", 5)
    study = ratings.create("insects", sheets())
    asked = ratings.next(study, "anna")
    for i in range(20):
        assert ratings.next(study, f"stranger-{i}")
    again = ratings.next(study, "stranger-19")
    assert asked is not None and again is not None
    with ratings.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Comparison)) == 5
    ratings.answer(again.comparison, "stranger-19", {question: [again.entries] for question in again.questions})
    assert len(list(ratings.lines(study))) == 1


def test_a_study_takes_so_many_answers(ratings: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.studio.ratings.ratings.MOST_ANSWERS", 7)
    study = ratings.create("insects", sheets())
    assert len(answer_all(ratings, study, "anna")) + len(answer_all(ratings, study, "bert")) == 7


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"/studies/{'0' * 32}/next", {"rater": "anna-anna"}, 404),
        ("GET", f"/studies/{'0' * 32}/results", None, 404),
        ("GET", f"/studies/{'0' * 32}/answers.jsonl", None, 404),
        ("GET", f"/images/{'0' * 32}.png", None, 404),
        ("GET", "/images/..%2f..%2fetc%2fpasswd.png", None, 404),
        ("GET", "/images/passwd.png", None, 422),
        ("POST", f"/studies/{'0' * 32}/next", {"rater": "<script>"}, 422),
        ("POST", f"/studies/{'0' * 32}/next", {"rater": "x"}, 422),
        ("POST", f"/comparisons/{'0' * 32}/answer", {"rater": "anna-anna", "answers": {}}, 404),
        ("POST", f"/comparisons/{'0' * 32}/answer", {"rater": "anna-anna", "answers": {"quality": [["../x"]]}}, 422),
        ("POST", f"/comparisons/{'0' * 32}/answer", {"rater": "anna-anna", "answers": {"quality": 5}}, 422),
        ("POST", "/studies", {"name": "a", "tasks": []}, 422),
        ("POST", "/studies", {"name": "a", "tasks": [{"text": "a", "pictures": {"x": "eA==", "y": "eA=="}}]}, 400),
        ("POST", "/studies", {"name": "a\x00", "tasks": []}, 422),
    ],
    ids=range(14),
)
def test_what_makes_no_sense_is_refused(
    client: TestClient, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    assert client.request(method, HOME + path, json=body).status_code == status
