"""A caption's attributes are found again exactly as they were put in."""

from __future__ import annotations

import random

import pytest

from limner.worlds.avatars import captions, sample
from limner.worlds.avatars.mentioned import mentioned


def test_finds_what_the_writer_chose_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: set[str] = set()
    phrase, background, subject = captions._phrase, captions._background, captions._subject

    def spy_phrase(attributes, name, rng):
        spoken.add(name)
        return phrase(attributes, name, rng)

    def spy_background(attributes, rng, form):
        spoken.add("background")
        return background(attributes, rng, form)

    def spy_subject(attributes, rng, names):
        before = set(names)
        text = subject(attributes, rng, names)
        spoken.update(before - set(names))
        return text

    monkeypatch.setattr(captions, "_phrase", spy_phrase)
    monkeypatch.setattr(captions, "_background", spy_background)
    monkeypatch.setattr(captions, "_subject", spy_subject)
    free = {"presentation", "hair_colour", "clothing_colour", "facial_hair_colour", "hat_colour"}
    mouths = {word for words in captions._MOUTH_ADJECTIVES.values() for word in words}
    for index in range(400):
        attributes, rng = sample(3, index).attributes, random.Random(index)
        write = random.Random(index).choice(
            [
                lambda a, r: captions._sentence(a, r, captions._choose(a, r, 0.7)),
                lambda a, r: captions._comma_list(a, r, captions._choose(a, r, 0.7)),
                captions._short,
                captions._two_sentences,
            ]
        )
        spoken.clear()
        caption = write(attributes, rng)
        found = set(mentioned(caption, attributes)) - free
        expected = set(spoken)
        if set(caption.lower().split(", ")) & mouths:  # a comma list says a mouth by its adjective alone
            expected.add("mouth")
        if "clean-shaven" in caption:
            expected.add("facial_hair")
        assert found == expected, caption


def test_colours_and_people_count_only_where_they_are_spoken() -> None:
    attributes = {
        "presentation": "woman", "hair_style": "bob", "hair_colour": "ginger", "skin_tone": "tan", "eyes": "happy",
        "eyebrows": "flat", "mouth": "smiling", "facial_hair": "none", "facial_hair_colour": None, "glasses": "round",
        "clothing": "hoodie", "clothing_colour": "grey", "hat": "none", "hat_colour": None, "background": "grey",
    }  # fmt: skip
    assert mentioned("a person with an orange bob", attributes) == ["hair_style", "hair_colour"]
    assert mentioned("a person with a bob and happy eyes", attributes) == ["hair_style", "eyes"]
    assert mentioned("a happy lady in front of a gray wall", attributes) == ["presentation", "mouth", "background"]
    assert mentioned("hoodie, grey background", attributes) == ["clothing", "background"]
