"""`answered`: from the scene that a judge names, by how many turns were said, beside ceiling and floor."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from limner.evaluation import dialogues
from limner.evaluation.report import OF_REAL, Figure
from limner.requests import Caption, Dialogue, Request
from limner.worlds.clevr.answers import ATTRIBUTES
from limner.worlds.clevr.dialogue import TURNS, dialogue
from limner.worlds.clevr.scenes import COLOURS, MATERIALS, NOTHING, SHAPES, SIZES, Thing, attributes, propose

COUNT = 40
SCENES = [propose(3, story, 0) for story in range(COUNT)]
KNOWN = {"colour": tuple(COLOURS), "material": MATERIALS, "shape": SHAPES, "size": tuple(SIZES)}
VALUES = {name: (*KNOWN[name.rpartition(" ")[2]], NOTHING) for name in ATTRIBUTES}
REQUESTS = [
    Dialogue(f"scene {number}", tuple(dialogue(things, random.Random(number)))) for number, things in enumerate(SCENES)
]


PAINTER: Any = SimpleNamespace(config=SimpleNamespace(size=4))


def numbers(scenes: Sequence[Sequence[Thing]]) -> Tensor:
    """A picture of a scene, in this test: the numbers of its attributes' values."""
    return torch.tensor([[VALUES[name].index(value) for name, value in attributes(one).items()] for one in scenes])


def held_out(**changes: Any) -> Any:
    network = SimpleNamespace(values=VALUES, predict=lambda features: features)
    judge = SimpleNamespace(network=network, features=lambda pictures: pictures)
    real = numbers(SCENES)
    schema = SimpleNamespace(schema=SimpleNamespace(size=4))
    body = {"judge": judge, "stories": False, "real_features": real, "truth": lambda: real, "data": schema}
    return SimpleNamespace(**(body | {"seed": 5, "processes": None} | changes))


def painted(requests: Sequence[Request]) -> Tensor:
    """Draw as many things of the scene as turns were said, at most all four."""
    found = []
    for request in requests:
        number = int(request.sentence().split()[-1])
        found.append(SCENES[number][: len(getattr(request, "turns", ()))])
    return numbers(found)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, range]]:
    calls = []

    def draw(system: Any, requests: Sequence[Request], seeds: range, processes: Any) -> Tensor:
        calls.append((max(len(getattr(request, "turns", ())) for request in requests), seeds))
        return painted(requests)

    monkeypatch.setattr(dialogues, "draw", draw)
    monkeypatch.setattr(dialogues, "resized", lambda images, size: images)
    return calls


def figures(requests: Sequence[Request], features: Tensor) -> tuple[dict[str, Figure], dict[str, Any]]:
    details: dict[str, Any] = {}
    return dialogues.dialogue_figures(held_out(), PAINTER, requests, features, details), details


def test_the_true_scene_answers_all_and_that_of_another_request_does_not(drawn: list[Any]) -> None:
    found, _ = figures(REQUESTS, numbers(SCENES))
    answered = found["answered"]
    assert answered.value == answered.real == 1 and answered.floor is not None and answered.floor < 0.5
    assert answered.low is not None and answered.low < 1
    assert found["objects"].value == found["nothing added"].value == 1
    empty, _ = figures(REQUESTS, numbers([()] * COUNT))
    assert empty["answered"].value < 0.5 and empty["answered"].real == 1
    assert empty["objects"].value == 0 and empty["nothing added"].value == 1


def test_the_ceiling_is_of_real_pictures_as_sharp_as_the_drawings(
    drawn: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a system draws at half the side, real pictures are reduced to it first; here nothing is left of them."""
    monkeypatch.setattr(dialogues, "resized", lambda images, size: numbers([()] * len(images)) if size == 2 else images)
    small: Any = SimpleNamespace(config=SimpleNamespace(size=2))
    data = held_out(real=numbers(SCENES))
    found = dialogues.dialogue_figures(data, small, REQUESTS, numbers(SCENES), {})
    assert found["answered"].value == 1 and found["answered"].real is not None and found["answered"].real < 0.5
    assert found["objects"].real == 0


def test_more_turns_said_are_more_answered_where_the_painter_listens(drawn: list[Any]) -> None:
    _, details = figures(REQUESTS, painted(REQUESTS))
    by_turns = details["answered by turns said"]
    assert list(by_turns) == ["0", "1", "2", "5", "10"] and set(
        details["answered by turns said" + OF_REAL].values()
    ) == {1}
    assert by_turns["0"] < by_turns["1"] < by_turns["2"] < by_turns["5"] == by_turns["10"] == 1
    assert list(details["answered of what is said"]) == ["1", "2", "5", "10"]
    assert list(details["answered of what is withheld"]) == ["0", "1", "2", "5"]
    withheld, control = details["answered of what is withheld"], details["the same by the caption alone"]
    assert withheld["0"] == control["0"] == by_turns["0"] and list(control) == list(withheld)
    assert all(withheld[level] > control[level] for level in ("1", "2", "5"))  # its painter guesses what is withheld
    assert [turns for turns, _ in drawn] == [0, 1, 2, 5] and {seeds for _, seeds in drawn} == {range(5, 5 + COUNT)}


def test_what_is_withheld_is_counted_apart_from_what_is_said(drawn: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question is answered rightly and no other: what is said is right at first, what is withheld is not."""
    monkeypatch.setattr(
        dialogues, "answer", lambda question, scene: next((r for q, r in FIRST.items() if q == question), None)
    )
    FIRST = {"first": "yes"}
    requests = [
        Dialogue(f"scene {k}", (("first", "yes"), *((f"{n}", "no") for n in range(TURNS - 1)))) for k in range(COUNT)
    ]
    _, details = figures(requests, numbers(SCENES))
    assert details["answered of what is said"] == {"1": 1, "2": 0.5, "5": 0.2, "10": 0.1}
    assert details["answered of what is withheld"] == {"0": 0.1, "1": 0, "2": 0, "5": 0}


def test_without_questions_that_can_be_answered_there_are_no_figures(drawn: list[Any]) -> None:
    assert figures([Caption(request.sentence()) for request in REQUESTS], numbers(SCENES)) == ({}, {})
    assert figures([dataclasses.replace(request, turns=()) for request in REQUESTS], numbers(SCENES)) == ({}, {})
    judge = SimpleNamespace(network=SimpleNamespace(values={"hair": ("red",)}))
    for other in (held_out(judge=judge), held_out(stories=True)):
        assert dialogues.dialogue_figures(other, PAINTER, REQUESTS, numbers(SCENES), {}) == {}
    assert not drawn
