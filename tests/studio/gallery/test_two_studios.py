"""Two studios on one PostgreSQL behind one address: hearts, history, the bin and ratings are right whichever answers.

Two processes serve one database over HTTP. What can go wrong between them only at one moment is brought about with two
galleries whose transactions the test holds open.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import galleries
from galleries import picture, png
from kills import PICTURES, serving
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.tables import Picture
from limner.studio.ratings.ratings import Ratings, Sheet

pytestmark = pytest.mark.skipif(not galleries.SERVER, reason="no PostgreSQL server: tests/studio/postgres.sh")
RATINGS, RATER = "/v1/ratings", "ann-of-both"


@pytest.fixture(scope="module")
def studios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Client]]:
    """Yield clients of two processes that serve one database."""
    with contextlib.ExitStack() as stack:
        location = stack.enter_context(galleries.database("postgresql", tmp_path_factory.mktemp("two")))
        Gallery(location).close()
        with ThreadPoolExecutor(2) as pool:
            opened = [serving(location) for _ in range(2)]
            urls = list(pool.map(stack.enter_context, opened))
        yield [stack.enter_context(httpx.Client(base_url=url, timeout=300)) for url in urls]


def sent(seed: int, **more: Any) -> dict[str, Any]:
    return {"png": base64.b64encode(png(seed=seed)).decode(), **more}


def ask(client: httpx.Client, method: str, path: str, **how: Any) -> Any:
    answer = client.request(method, path, **how)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def shelf(client: httpx.Client, name: str) -> list[str]:
    return [one["id"] for one in ask(client, "GET", PICTURES, params={"shelf": name})["data"]]


def test_what_one_was_told_the_other_answers(studios: list[httpx.Client]) -> None:
    turns = itertools.cycle(studios)  # as a balancer of load shares requests out: each goes to the other one
    made = [ask(next(turns), "POST", PICTURES, json=sent(seed)) for seed in range(3)]
    ids = [one["id"] for one in made]
    ask(next(turns), "PATCH", f"{PICTURES}/{ids[0]}", json={"keep": True})
    ask(next(turns), "PATCH", f"{PICTURES}/{ids[0]}", json={"note": "a fine hat"})
    for studio in studios:
        assert shelf(studio, "kept") == [ids[0]] and set(shelf(studio, "drawn")) == set(ids)
        assert [one["id"] for one in ask(studio, "GET", PICTURES, params={"q": "fine"})["data"]] == [ids[0]]
    undo = ask(studios[0], "DELETE", f"{PICTURES}/{ids[0]}")["undo"]
    assert shelf(studios[1], "kept") == [] and shelf(studios[1], "deleted") == [ids[0]]
    assert ask(studios[1], "POST", "/v1/gallery/undo", json={"undo": undo}) == {"restored": 1}
    assert studios[0].post("/v1/gallery/undo", json={"undo": undo}).status_code == 404, "it was undone twice"
    assert shelf(studios[0], "kept") == [ids[0]] and shelf(studios[0], "deleted") == []


def test_many_people_at_once_by_both_lose_nothing(studios: list[httpx.Client]) -> None:
    def person(number: int) -> str:
        one = ask(studios[number % 2], "POST", PICTURES, json=sent(100 + number // 2))  # two send each picture
        ask(studios[(number + 1) % 2], "PATCH", f"{PICTURES}/{one['id']}", json={"keep": True})
        return str(one["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(person, range(24)))
    assert len(set(ids)) == 12
    for studio in studios:
        assert set(ids) <= set(shelf(studio, "kept")), "a heart was lost"


def test_a_person_rates_by_both_and_is_asked_each_thing_once(studios: list[httpx.Client]) -> None:
    pictures = [{name: sent(256 * task + place)["png"] for place, name in enumerate("abc")} for task in range(2)]
    tasks = [{"text": f"text {number}", "pictures": each} for number, each in enumerate(pictures)]
    study = ask(studios[0], "POST", f"{RATINGS}/studies", json={"name": "which", "tasks": tasks})["id"]
    turns, asked = itertools.cycle(studios), []
    while (shown := ask(next(turns), "POST", f"{RATINGS}/studies/{study}/next", json={"rater": RATER}))["comparison"]:
        entries = [image["id"] for image in shown["images"]]
        answer = {"rater": RATER, "answers": {name: [[entry] for entry in entries] for name in shown["questions"]}}
        for _ in range(2):  # a client that had no answer sends it again, and the other studio gets it
            ask(next(turns), "POST", f"{RATINGS}/comparisons/{shown['comparison']}/answer", json=answer)
        next(turns)
        asked.append(frozenset(entries))
    assert len(asked) == len(set(asked)) == 6
    results = [ask(studio, "GET", f"{RATINGS}/studies/{study}/results") for studio in studios]
    assert results[0] == results[1]


# What goes wrong only at one moment


@pytest.fixture
def pair() -> Iterator[tuple[Gallery, Gallery]]:
    with galleries.database("postgresql", None) as location:  # type: ignore[arg-type]
        found = Gallery(location, history=1), Gallery(location, history=1)
        yield found
        for gallery in found:
            gallery.close()


def during(work: Callable[[Session], Any], gallery: Gallery, meanwhile: Callable[[], Any]) -> Any:
    """Begin `meanwhile` in a thread while a transaction that did `work` is open; return what it gives after that."""
    with ThreadPoolExecutor(1) as pool:

        def hold(session: Session) -> Any:
            work(session)
            session.flush()
            began = pool.submit(meanwhile)
            with contextlib.suppress(TimeoutError):
                began.result(0.3)  # it waits for this transaction, or is done
            return began

        return gallery.database.write(hold).result(60)


def test_a_heart_that_is_given_while_history_is_trimmed_keeps_its_picture(pair: tuple[Gallery, Gallery]) -> None:
    one, other = pair
    old = one.add(picture(seed=1)).id
    one.add(picture(seed=2))  # history holds one: the older is to go

    def heart(session: Session) -> None:
        session.get(Picture, old).kept_at = 5  # type: ignore[union-attr]

    during(heart, one, other.trim)
    assert one.get(old).kept_at == 5, "it was deleted as history"


def test_one_person_who_asks_both_at_once_has_one_comparison(pair: tuple[Gallery, Gallery]) -> None:
    one, other = (Ratings(gallery.database) for gallery in pair)
    study = one.create("which", [Sheet("a hat", {name: picture(seed=place) for place, name in enumerate("abc")})])
    first: list[Any] = []
    second = during(lambda session: first.append(_asked(session, study)), pair[0], lambda: other.next(study, RATER))
    assert first[0].comparison == second.comparison, "one pair would be answered twice"


def _asked(session: Session, study: str) -> Any:
    """Do what `Ratings.next` does, in this transaction."""

    class Within:
        def write(self, work: Callable[[Session], Any]) -> Any:
            return work(session)

    return Ratings(Within()).next(study, RATER)  # type: ignore[arg-type]


def test_two_that_wait_for_each_other_both_come_through(pair: tuple[Gallery, Gallery]) -> None:
    ids = [pair[0].add(picture(seed=seed), keep=True).id for seed in (1, 2)]
    met = threading.Barrier(2, timeout=60)

    def note(place: int) -> None:
        tries = itertools.count()

        def work(session: Session) -> None:
            first, second = ids if place == 0 else reversed(ids)
            session.scalars(select(Picture).where(Picture.id == first).with_for_update()).one().note += "x"
            session.flush()
            if next(tries) == 0:
                met.wait()
            session.scalars(select(Picture).where(Picture.id == second).with_for_update()).one().note += "y"

        pair[place].database.write(work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(note, range(2)))
    assert [sorted(pair[0].get(one).note) for one in ids] == [["x", "y"], ["x", "y"]]
