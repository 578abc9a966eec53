"""A scene answers its own dialogue; what a question takes for granted and is not so has no answer."""

from __future__ import annotations

import random

import pytest

from limner.worlds.clevr.answers import ATTRIBUTES, answer, scene_of
from limner.worlds.clevr.dialogue import TURNS, dialogue
from limner.worlds.clevr.scenes import NOTHING, attributes, propose

SCENES = [propose(7, story, 0)[: 1 + story % 4] for story in range(200)]


def test_a_true_scene_answers_its_own_dialogue() -> None:
    right = total = 0
    for number, things in enumerate(SCENES):
        scene = scene_of(attributes(things))
        for question, reply in dialogue(things, random.Random(number)):
            right += answer(question, scene) == reply
            total += 1
    assert total == TURNS * len(SCENES) and right / total >= 0.99


def test_another_scene_answers_otherwise() -> None:
    fours = [things for things in SCENES if len(things) == 4]
    wrong = total = 0
    for number, (things, others) in enumerate(zip(fours, [*fours[1:], fours[0]], strict=True)):
        scene = scene_of(attributes(others))
        wrong += sum(answer(question, scene) != reply for question, reply in dialogue(things, random.Random(number)))
        total += TURNS
    assert wrong / total > 0.5


def scene(*things: tuple[str, str]) -> dict[str, str]:
    """A place and "size colour material shape" of each thing, as attributes."""
    named = dict.fromkeys(ATTRIBUTES, NOTHING)
    for place, words in things:
        named |= dict(
            zip((f"{place} {kind}" for kind in ("size", "colour", "material", "shape")), words.split(), strict=True)
        )
    return named


TWO = scene(("left back", "large red metal cube"), ("far right front", "small cyan rubber cube"))


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("how many things are there", "two"),
        ("How many things are there?", "two"),
        ("how many red things are there", "one"),
        ("how many cubes are there", "two"),
        ("how many spheres are there", "none"),
        ("how many things are made of rubber", "one"),
        ("is there a red cube", "yes"),
        ("is there a cyan sphere", "no"),
        ("is anything small", "yes"),
        ("what colour is the cube", None),  # there are two
        ("what colour is the sphere", None),  # there is none
        ("what shape is the cyan thing", "cube"),
        ("what is the red thing made of", "metal"),
        ("what size is the thing left at the back", "large"),
        ("what size is the thing far left at the back", None),
        ("does anything stand far right in front", "yes"),
        ("does anything stand centre in the middle", "no"),
        ("is the large red metal cube to the left of the small cyan rubber cube", "yes"),
        ("is the large red metal cube in front of the small cyan rubber cube", "no"),
        ("is the large red metal cube behind the small blue rubber cube", None),
        ("does the large red metal cube have the same shape as the small cyan rubber cube", "yes"),
        ("does the large red metal cube have the same colour as the small cyan rubber cube", "no"),
        ("who is there", None),
    ],
)
def test_each_form_by_hand(question: str, reply: str | None) -> None:
    assert answer(question, scene_of(TWO)) == reply


def test_a_thing_of_which_half_is_nothing_is_not_there_and_of_which_less_is_there() -> None:
    half = TWO | {"left back size": NOTHING, "left back colour": NOTHING}
    assert answer("how many things are there", scene_of(half)) == "one"
    most = TWO | {"left back colour": NOTHING}
    assert answer("how many things are there", scene_of(most)) == "two"
    assert answer("what colour is the thing left at the back", scene_of(most)) == NOTHING


def test_more_things_than_the_world_has_are_counted() -> None:
    crowd = scene(
        *((f"{column} back", "large red metal cube") for column in ("far left", "left", "centre", "right", "far right"))
    )
    assert answer("how many things are there", scene_of(crowd)) == "5"
    assert answer("how many red things are there", scene_of(crowd)) == "5"
