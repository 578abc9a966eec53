"""Every world knows its own sentences from others: what it writes is accepted, and hardly anything else is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from limner.worlds import avatars, clevr, layouts, placed
from limner.worlds.build import RECORD, world_of
from limner.worlds.clevr import scenes


def of_avatars() -> Iterator[str]:
    for index in range(150):
        yield from avatars.describe(avatars.sample(0, index).attributes, random.Random(index))


def of_clevr() -> Iterator[str]:
    for index in range(60):
        for thing in scenes.propose(0, index, 0):
            yield from scenes.sentences(thing, random.Random(index))


def of_layouts() -> Iterator[str]:
    for index in range(150):
        yield from (
            text for text, _ in layouts.captions(layouts.counts_of(layouts.layout(0, index)), random.Random(index))
        )


WORLDS = [(avatars, of_avatars), (clevr, of_clevr), (layouts, of_layouts), (placed, of_avatars)]


@pytest.mark.parametrize(("world", "sentences"), WORLDS, ids=["avatars", "clevr", "layouts", "placed"])
def test_a_world_accepts_what_it_writes_and_no_jumble_of_it(world: ModuleType, sentences: object) -> None:
    own, chance = list(sentences()), random.Random(0)  # type: ignore[operator]
    refused = [text for text in own if not world.accepts(text)]
    assert not refused, refused[:3]
    longer = [text for text in own if len(text.split()) > 5]
    jumbled = [" ".join(chance.sample(words, len(words))) for words in map(str.split, longer)]
    assert sum(map(world.accepts, jumbled)) < 0.02 * len(jumbled)
    assert not any(world.accepts(" ".join(text.split()[:-1]).rstrip(".,") + " and") for text in longer)
    assert not world.accepts("") and not world.accepts("a whale with wings")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("A smiling woman with curly red hair, wearing a blue hoodie on a grey background.", True),
        ("a smiling woman with curly red hair and round glasses wearing a blue hoodie", True),
        ("man, black dreads, open eyes, violet background", True),
        ("A man with a smile. He has tan skin.", True),
        ("A man with a smile. She has tan skin.", False),  # another person
        ("a man with a smile and sad mouth", False),  # an article is missing
        ("a man with a smile and gritted teeth", False),  # two mouths
        ("a smiling man with a smile and tan skin", False),
        ("a woman with a afro", False),
        ("an woman with an afro", False),
        ("a woman with curly hair wearing tan skin", False),
        ("a woman", False),  # says nothing of her
        ("a woman with", False),
    ],
)
def test_avatars_by_hand(text: str, good: bool) -> None:
    assert avatars.accepts(text) is good


def test_layouts_by_hand() -> None:
    assert layouts.accepts("a table, two cups and a cat") and layouts.accepts("some cups and a cat")
    assert layouts.accepts("a picture with a cat and two cups") and not layouts.accepts("a cat and two cups")
    assert not layouts.accepts("two tables") and not layouts.accepts("a cup and two cups")
    assert not layouts.accepts("two cups and some plates") and not layouts.accepts("a picture with some cups")


def test_a_data_set_names_its_world(tmp_path: Path) -> None:
    assert world_of(tmp_path) is None
    (tmp_path / RECORD).write_text('{"name": "avatars"}')
    assert world_of(tmp_path) is avatars
    (tmp_path / RECORD).write_text('{"name": "nowhere"}')
    assert world_of(tmp_path) is None
