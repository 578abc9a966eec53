"""What captions say of a character, in any language: which things, and which attributes of each; true always.

A caption is planned here and worded by a grammar of its language. The plan names exactly the attributes that are
spoken of, so what a caption says is known without reading it. What cannot be seen is in no plan.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from limner.worlds.characters import grammar_en, grammar_ru, grammar_zh
from limner.worlds.characters.sampler import ATTRIBUTES, NONE

Attributes = Mapping[str, str | None]
CAPTIONS = 5
"""Captions for each picture in each language."""
STYLES = ("sentence", "sentence", "list", "short")
"""How the first captions are worded; the last is in one of `LAST`."""
LAST = ("sentence", "list", "two sentences", "two sentences", "short")


class Thing(NamedTuple):
    """One thing that a caption speaks of, and what it says of it."""

    name: str
    values: Mapping[str, str]
    """The attributes spoken of, with their values."""


class Grammar(Protocol):
    """Words a plan."""

    def __call__(self, style: str, person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
        """Return a caption that says all of `person` and `things`, and nothing else."""
        ...


GRAMMARS: dict[str, Grammar] = {"en": grammar_en.write, "zh": grammar_zh.write, "ru": grammar_ru.write}
"""Every language that captions can be in."""
_RATES = {"list": 0.75, "two sentences": 0.7}
_WEIGHT = {"eyebrows": 0.5, "skin": 0.6, "face": 0.4, "background": 0.75}
_PLAIN = {"eyes": "open", "eyebrows": "relaxed", "pattern": "plain", "eye_shape": "round"}
"""Values that people hardly speak of."""
_SIMPLE = ("eyebrows", "mouth", "cheeks", "glasses", "earrings", "face")


def describe(attributes: Attributes, rng: random.Random, language: str = "en") -> list[tuple[str, list[str]]]:
    """Return `CAPTIONS` true captions in a language, each with the attributes that it speaks of, in their order."""
    written = []
    for number, style in enumerate((*STYLES, rng.choice(LAST))):
        rate = 0.9 if number == 0 else _RATES.get(style, 0.55)
        things = _plan(attributes, rng, rate)
        if style == "short":
            things = rng.sample(things, min(rng.choice((2, 3)), len(things)))
        elif rng.random() < 0.5:
            rng.shuffle(things)
        person = {"presentation": attributes["presentation"]} if rng.random() < 0.85 else {}
        spoken = {name: value for name, value in person.items() if value is not None}
        text = GRAMMARS[language](style, spoken, things, rng)
        said = spoken.keys() | {name for thing in things for name in thing.values}
        written.append((text, [name for name in ATTRIBUTES if name in said]))
    return written


def _plan(attributes: Attributes, rng: random.Random, rate: float) -> list[Thing]:
    """Return at least two things to speak of, each kept at about ``rate``."""
    possible = []
    for name, choose in _THINGS.items():
        values = choose(attributes, rng)
        if values:
            possible.append(Thing(name, values))
    kept = [thing for thing in possible if rng.random() < rate * _WEIGHT.get(thing.name, 1.0)]
    return kept if len(kept) >= 2 else rng.sample(possible, 2)


def _some(attributes: Attributes, rng: random.Random, odds: Mapping[str, float]) -> dict[str, str]:
    """Choose attributes with values to speak of, each with its own odds; plain values seldom."""
    found = {}
    for name, chance in odds.items():
        value = attributes[name]
        if value in (None, NONE):
            continue
        if rng.random() < chance * (0.12 if _PLAIN.get(name) == value else 1.0):
            found[name] = str(value)
    return found


def _hair(attributes: Attributes, rng: random.Random) -> dict[str, str]:
    found = _some(attributes, rng, {"hair_style": 0.86, "hair_colour": 0.92, "fringe": 0.3})
    if "hair_style" not in found and "hair_colour" not in found:
        found.pop("fringe", None)
        found |= _some(attributes, rng, {"hair_style": 1.0})
    dyed = attributes["hair_dye"] not in (None, NONE)
    if dyed and "hair_colour" in found and (attributes["hair_dye"] == "halves" or rng.random() < 0.8):
        found |= _some(attributes, rng, {"hair_dye": 1.0, "second_hair_colour": 1.0})
    return found


def _eyes(attributes: Attributes, rng: random.Random) -> dict[str, str]:
    found = _some(attributes, rng, {"eye_colour": 0.9, "eyes": 0.75})
    shape = _some(attributes, rng, {"eye_shape": 0.3})
    return found | shape if found.get("eyes") in (None, "open") else found


def _coloured(thing: str, colour: str) -> Choose:
    def choose(attributes: Attributes, rng: random.Random) -> dict[str, str]:
        found = _some(attributes, rng, {thing: 1.0})
        worn = found and attributes[colour] is not None
        return found | (_some(attributes, rng, {colour: 0.92}) if worn else {})

    return choose


def _background(attributes: Attributes, rng: random.Random) -> dict[str, str]:
    return _some(attributes, rng, {"background": 1.0, "pattern": 0.6})


def _simple(name: str) -> Choose:
    return lambda attributes, rng: _some(attributes, rng, {name: 1.0})


class Choose(Protocol):
    """Chooses what is said of a thing."""

    def __call__(self, attributes: Attributes, rng: random.Random, /) -> dict[str, str]:
        """Return attributes with their values; none where there is nothing to say."""
        ...


_THINGS: dict[str, Choose] = {
    "hair": _hair,
    "eyes": _eyes,
    **{name: _simple(name) for name in _SIMPLE},
    "skin": _simple("skin_tone"),
    "clothing": _coloured("clothing", "clothing_colour"),
    "headwear": _coloured("headwear", "headwear_colour"),
    "neckwear": _coloured("neckwear", "scarf_colour"),
    "background": _background,
}
