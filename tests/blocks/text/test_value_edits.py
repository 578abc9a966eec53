"""Edited sentences are likely, and wrong."""

from __future__ import annotations

import random

import pytest
import torch

from limner.blocks.text.value_edits import ValueEdits
from limner.data.schema import Lexicon, Schema, words_of
from limner.worlds.clevr import scenes


def schema(texts: tuple[str, ...], **attributes: tuple[str, ...]) -> Schema:
    named = {name.replace("_", " "): values for name, values in attributes.items()}
    return Schema(size=16, lexicon=Lexicon.of(texts), attributes=named)


@pytest.fixture
def clevr() -> ValueEdits:
    values = {
        "colour": tuple(scenes.COLOURS),
        "material": scenes.MATERIALS,
        "shape": scenes.SHAPES,
        "size": tuple(scenes.SIZES),
    }
    attributes = {
        f"{column} {row} {kind}": tuple(sorted((*known, scenes.NOTHING)))
        for column, row in scenes.PLACES
        for kind, known in values.items()
    }
    words = [word for known in values.values() for word in known]
    return ValueEdits(Schema(size=16, lexicon=Lexicon.of(["far left in the middle", *words]), attributes=attributes))


def test_an_edit_is_never_true_of_the_scene(clevr: ValueEdits) -> None:
    """One property of the thing at the named place becomes another, and no other thing stands there."""
    torch.manual_seed(0)
    edited = 0
    for number in range(60):
        for thing in scenes.propose(0, number, 0):
            for text in scenes.sentences(thing, random.Random(number)):
                if (wrong := clevr.edit(text)) is None:
                    continue
                before, after = words_of(text), words_of(wrong)
                (place,) = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
                kind = next(kind for kind in scenes.PROPERTIES if getattr(thing, kind) == before[place])
                values = {"colour": scenes.COLOURS, "material": scenes.MATERIALS, "shape": scenes.SHAPES}
                assert after[place] in values.get(kind, scenes.SIZES) and after[place] != getattr(thing, kind)
                assert thing.location in wrong.replace(wrong, text), "words of place stay"
                edited += 1
    assert edited > 700


def test_every_word_of_a_kind_comes_and_no_other() -> None:
    torch.manual_seed(0)
    edits = ValueEdits(schema(("a red ball", "a blue or green ball"), ball_colour=("blue", "green", "nothing", "red")))
    assert {edits.edit("a Red ball, redder") for _ in range(50)} == {"a blue ball, redder", "a green ball, redder"}
    assert edits.edit("a ball") is None and edits.edit_one(("a ball", "")) is None


def test_a_word_of_two_kinds_is_replaced_by_what_both_have() -> None:
    """ "an orange hat" may speak of a colour or of a fruit: what is no fruit might be true of the fruit's colour."""
    known = schema(("orange red apple",), hat_colour=("orange", "red"), hat_fruit=("apple", "orange"))
    edits = ValueEdits(known)
    assert edits.edit("an orange hat") is None and edits.edit("a red hat") == "a orange hat"


def test_one_line_of_several_is_edited() -> None:
    torch.manual_seed(0)
    edits = ValueEdits(schema(("red blue",), ball_colour=("blue", "red")))
    lines = ("a red ball", "a ball", "a blue ball")
    assert {edits.edit_one(lines) for _ in range(30)} == {
        ("a blue ball", "a ball", "a blue ball"),
        ("a red ball", "a ball", "a red ball"),
    }


def test_without_attributes_nothing_is_edited() -> None:
    assert ValueEdits(Schema(size=16, lexicon=Lexicon.of(("a red ball",)))).edit("a red ball") is None
    characters = schema(("yes no",), loopy=("no", "yes"))
    assert ValueEdits(characters).edit("yes") is None
