"""Russian captions of characters: nouns and adjectives agree, and stand in the case that their place asks for."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from limner.worlds.characters.russian import INSTRUMENTAL, NOMINATIVE, PREPOSITIONAL, adjective
from limner.worlds.characters.words_ru import (
    CLOTHES,
    COLOURS,
    DROOPY,
    EYE_SHAPES,
    FRINGES,
    HAIR,
    HEADWEAR,
    MOODS,
    NECKWEAR,
    PATTERNS,
    PEOPLE,
    STATES,
    TABLES,
    Phrases,
)

if TYPE_CHECKING:
    from limner.worlds.characters.captions import Thing

_OPENINGS = ("", "", "", "", "портрет: ", "рисунок: ", "аниме-персонаж: ")
_HAS = {"девочка": "у неё", "девушка": "у неё", "мальчик": "у него", "парень": "у него", "юноша": "у него",
        "персонаж": "у него", "человек": "у него"}  # fmt: skip
_WORN = ("headwear", "neckwear", "glasses", "earrings")


def write(style: str, person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    """Return a caption that says all of `person` and `things`, and nothing else."""
    if style == "list" or (style == "short" and rng.random() < 0.3):
        return _list(person, things, rng)
    if style == "two sentences" and len(things) > 1:
        return _two(person, things, rng)
    return _sentence(person, things, rng)


def _colour(name: str | None, gender: str, case: int, rng: random.Random) -> str:
    return adjective(rng.choice(COLOURS[name]), gender, case) + " " if name else ""


def _coloured(phrases: Phrases, value: str, colour: str | None, case: int, rng: random.Random) -> str:
    phrase = rng.choice(phrases[value])
    text = phrase.case(case).replace("{c}", _colour(colour, phrase.gender, case, rng))
    return text.replace("{i}", _colour(colour, "f", INSTRUMENTAL, rng))


def _hair(values: Mapping[str, str], case: int, rng: random.Random) -> str:
    colour, second = values.get("hair_colour"), values.get("second_hair_colour")
    phrase = rng.choice([one for one in HAIR[values.get("hair_style", "")] if not colour or "{c}" in one.nominative])
    named = _colour(colour, phrase.gender, case, rng)
    more = []
    if second and values.get("hair_dye") == "halves":
        more.append(f"наполовину {adjective(rng.choice(COLOURS[second]), phrase.gender, case)}")
    elif second:
        more.append(f"с {_colour(second, 'p', INSTRUMENTAL, rng)}{rng.choice(('кончиками', 'концами'))}")
    if "fringe" in values:
        fringe = rng.choice(FRINGES[values["fringe"]])
        more.append(("и " if more else "") + f"с {fringe.instrumental}")
    return " ".join([phrase.case(case).replace("{c}", named), *more])


def _eyes(values: Mapping[str, str], case: int, rng: random.Random) -> str:
    colour = _colour(values.get("eye_colour"), "p", case, rng)
    named = values.get("eye_shape")
    shape = adjective(rng.choice(EYE_SHAPES[named]), "p", case) + " " if named in EYE_SHAPES else ""
    corners = DROOPY if named == "droopy" else ""
    if "eyes" not in values:
        return shape + colour + ("глаза", "глазами")[case] + corners
    options = [one for one in STATES[values["eyes"]] if not colour or "{c}" in one.nominative]
    phrase = rng.choice(options)
    one = _colour(values.get("eye_colour"), phrase.gender, case, rng)
    return shape + phrase.case(case).replace("{c}", one) + corners


def _ground(values: Mapping[str, str], case: int, rng: random.Random) -> str:
    """Return "розовый фон в горошек", or the same in the prepositional."""
    colour = _colour(values.get("background"), "m", case, rng)
    noun = "фоне" if case == PREPOSITIONAL else "фон"
    if values.get("pattern") == "plain":
        return f"{adjective('однотонный', 'm', case)} {colour}{noun}"
    more = " " + rng.choice(PATTERNS[values["pattern"]]) if "pattern" in values else ""
    return f"{colour}{noun}{more}"


def _phrase(thing: Thing, case: int, rng: random.Random) -> str:
    values = thing.values
    if thing.name == "hair":
        return _hair(values, case, rng)
    if thing.name == "eyes":
        return _eyes(values, case, rng)
    if thing.name == "background":
        return _ground(values, case, rng)
    if thing.name == "clothing":
        return _coloured(CLOTHES, values["clothing"], values.get("clothing_colour"), case, rng)
    if thing.name == "headwear":
        return _coloured(HEADWEAR, values["headwear"], values.get("headwear_colour"), case, rng)
    if thing.name == "neckwear":
        return _coloured(NECKWEAR, values["neckwear"], values.get("scarf_colour"), case, rng)
    return rng.choice(TABLES[thing.name][next(iter(values.values()))]).case(case)


def _join(phrases: Sequence[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " и " + phrases[-1]


def _subject(person: Mapping[str, str], mood: str, rng: random.Random) -> tuple[str, str]:
    """Return the person with an adjective, and the noun alone."""
    noun, gender = rng.choice(PEOPLE[person.get("presentation", "")])
    return (adjective(mood, gender, NOMINATIVE) + " " if mood else "") + noun, noun


def _mood(things: list[Thing], rng: random.Random) -> str:
    """Take the mouth out of the things where an adjective says it."""
    for thing in things:
        if thing.name == "mouth" and thing.values["mouth"] in MOODS and len(things) > 1 and rng.random() < 0.7:
            things.remove(thing)
            return rng.choice(MOODS[thing.values["mouth"]])
    return ""


def _with(phrase: str) -> str:
    return ("со " if phrase.startswith(("св", "сл", "сп", "ст", "см", "зв", "вс")) else "с ") + phrase


def _in(phrase: str) -> str:
    return ("во " if phrase.startswith(("вс", "фр")) else "в ") + phrase


def _clauses(things: Sequence[Thing], rng: random.Random) -> list[str]:
    """Return "с розовыми волосами и голубыми глазами", "в синем кимоно", "на жёлтом фоне"."""
    had = [_phrase(thing, INSTRUMENTAL, rng) for thing in things if thing.name not in ("clothing", "background")]
    dressed = [_in(_phrase(thing, PREPOSITIONAL, rng)) for thing in things if thing.name == "clothing"]
    grounds = ["на " + _phrase(thing, PREPOSITIONAL, rng) for thing in things if thing.name == "background"]
    clauses = ([_with(_join(had))] if had else []) + dressed
    if len(clauses) > 1 and rng.random() < 0.35:
        clauses.reverse()
    return clauses + grounds


def _sentence(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    left = list(things)
    subject, _ = _subject(person, _mood(left, rng), rng)
    clauses = _clauses(left, rng)
    text = rng.choice(_OPENINGS) + subject + (" " + ", ".join(clauses) if clauses else "")
    return text[0].upper() + text[1:] + "." if rng.random() < 0.2 else text


def _two(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    left = [thing for thing in things if thing.name not in ("background", "clothing")]
    rest = [thing for thing in things if thing.name in ("background", "clothing")]
    if len(left) < 2:
        return _sentence(person, things, rng)
    cut = rng.randint(1, len(left) - 1)
    subject, noun = _subject(person, "", rng)
    first = subject + " " + ", ".join(_clauses([*left[:cut], *rest], rng))
    second = _HAS[noun] + " " + _join([_phrase(thing, NOMINATIVE, rng) for thing in left[cut:]])
    return f"{first[0].upper()}{first[1:]}. {second[0].upper()}{second[1:]}."


def _list(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    left = list(things)
    mood = _mood(left, rng) if person else ""
    items = [_subject(person, mood, rng)[0]] if person or rng.random() < 0.2 else []
    return ", ".join([*items, *(_phrase(thing, NOMINATIVE, rng) for thing in left)])
