from __future__ import annotations

import json

import pytest

from limner.data.schema import PAD, UNKNOWN, Lexicon, Schema, words_of


def test_words() -> None:
    assert words_of("A man's RED-hat, 🎩 und Bär_2!") == ["a", "man's", "red", "hat", "und", "bär", "2"]
    assert words_of("") == words_of("🎩 ...") == []


def test_the_most_frequent_words_come_first() -> None:
    lexicon = Lexicon.of(["b a", "b c", "b a"])
    assert lexicon.words == ("b", "a", "c") and len(lexicon) == 5
    assert lexicon.ids("b a c") == [2, 3, 4] and PAD not in lexicon.ids("b a c")
    assert Lexicon.of(["b a", "b c", "b a"], at_most=1).words == ("b",)


@pytest.mark.parametrize(
    ("word", "near"),
    [("hair", "hair"), ("hiar", "hair"), ("glases", "glasses"), ("zebra", None), ("x" * 65, None), ("", None)],
)
def test_typos(word: str, near: str | None) -> None:
    lexicon = Lexicon(("hair", "chair", "glasses", "hat"))
    assert lexicon.nearest(word) == near
    assert lexicon.ids(word) == ([lexicon.words.index(near) + 2] if near else [UNKNOWN] if word else [])


def test_the_more_frequent_of_two_alike_is_taken() -> None:
    assert Lexicon(("cart", "card")).nearest("carx") == "cart"
    assert Lexicon(("card", "cart")).nearest("carx") == "card"


def test_unknown_words_are_named_with_the_nearest() -> None:
    assert Lexicon(("red", "hair")).unknown("red hiar quokka") == {"hiar": "hair", "quokka": None}


def test_lookups_are_remembered_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.data.spelling.MEMORY", 3)
    lexicon = Lexicon(("hair",))
    for k in range(10):
        assert lexicon.nearest(f"hair{k}") == "hair"
    assert len(lexicon._spelling._found) <= 3


def test_looking_up_changes_nothing() -> None:
    lexicon, other = Lexicon(("hair",)), Lexicon(("hair",))
    lexicon.ids("hiar hair")
    assert lexicon == other and hash(lexicon) == hash(other)


def test_round_trip() -> None:
    schema = Schema(
        64, Lexicon(("red", "hat")), {"hair": ("blue", "red")}, ("cat",), 5, 7, story=4, examples=("a red hat",)
    )
    body = json.loads(json.dumps(schema.to_json()))
    assert Schema.from_json(body) == schema
    assert not {"things", "points", "masks"} & body.keys()  # written as it was before there were any
    full = Schema(64, things=("cup",), points=("beak", "left wing", "right wing"), masks=("foreground",))
    assert Schema.from_json(json.loads(json.dumps(full.to_json()))) == full


def test_key_points_that_change_places_in_a_mirror() -> None:
    points = ("back", "left eye", "left wing", "right eye", "right tail", "right wing", "the left", "the right")
    assert Schema(64, points=points).mirrored == ((1, 3), (2, 5), (6, 7))
    assert Schema(64, points=("leftover", "rightover")).mirrored == ()
