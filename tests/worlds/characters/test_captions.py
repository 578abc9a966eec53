"""Captions of characters in three languages: true, and what they say is known exactly."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

pytest.importorskip("resvg_py")

from limner.worlds import characters
from limner.worlds.characters import ATTRIBUTES, captions, grammar_en, grammar_ru, grammar_zh, words_ru
from limner.worlds.characters.russian import INSTRUMENTAL, NOMINATIVE, PREPOSITIONAL, adjective

PEOPLE = [characters.sample(11, index).attributes for index in range(700)]
TOLD = {
    language: [
        (seen, text, said)
        for index, seen in enumerate(PEOPLE)
        for text, said in captions.describe(seen, random.Random(index), language)
    ]
    for language in characters.LANGUAGES
}


@pytest.mark.parametrize("language", characters.LANGUAGES)
def test_captions_speak_of_what_can_be_seen_alone(language: str) -> None:
    for seen, text, said in TOLD[language]:
        assert said and text.strip() == text and "{" not in text and "  " not in text, text
        assert [name for name in ATTRIBUTES if name in said] == said
        assert all(seen[name] not in (None, "none") for name in said), (text, said)


@pytest.mark.parametrize("language", characters.LANGUAGES)
def test_every_visible_attribute_is_spoken_of_and_captions_vary(language: str) -> None:
    counts = Counter(name for _, _, said in TOLD[language] for name in said)
    assert set(counts) == set(ATTRIBUTES)
    assert len({text for _, text, _ in TOLD[language]}) > 0.9 * len(TOLD[language])
    assert len({len(said) for _, _, said in TOLD[language]}) > 8  # omissions


WORDS = {
    "en": {
        "eye_colour": {"blue": r"\bblue eyes?\b", "green": r"\bgreen eyes?\b", "red": r"\bred eyes?\b"},
        "headwear": {"cat ears": r"\bcat ears\b", "rabbit ears": r"\b(rabbit|bunny) ears\b", "crown": r"\bcrown\b"},
        "hair_style": {"twin tails": r"\btwin tails\b", "afro": r"\bafro\b(?! puffs)", "mohawk": r"\bmohawk\b"},
        "clothing": {"kimono": r"\bkimono\b", "hoodie": r"\b(hoodie|hooded)\b", "dress": r"\bdress\b"},
        "mouth": {"tongue out": r"\btongue\b", "cat-like": r"\bcat(-like mouth| smile)"},
        "cheeks": {"freckles": r"\bfreckle", "blush": r"\b(blush|rosy)"},
        "presentation": {"girl": r"\b(girl|young lady|[Ss]he)\b", "boy": r"\b(boy|young man|[Hh]e)\b"},
    },
    "zh": {
        "eye_colour": {"blue": "蓝色的?眼睛", "green": "绿色的?眼睛", "red": "(?<!粉)红色的?眼睛"},
        "headwear": {"cat ears": "猫耳", "rabbit ears": "兔耳", "crown": "王冠|皇冠"},
        "hair_style": {"twin tails": "(?<!低)双马尾", "mohawk": "莫西干", "bun": "(?<!双)丸子头"},
        "clothing": {"kimono": "和服", "hoodie": "连帽衫|卫衣", "dress": "连衣裙"},
        "mouth": {"tongue out": "舌头", "cat-like": "猫嘴|猫一样的嘴"},
        "cheeks": {"freckles": "雀斑", "blush": "腮红|泛红"},
        "presentation": {"girl": "女孩|少女|她", "boy": "男孩|少年|他"},
    },
    "ru": {
        "eye_colour": {"green": r"зелён\w+ глаз", "red": r"красн\w+ глаз", "pink": r"розов\w+ глаз"},
        "headwear": {"cat ears": "кошачьи(ми)? уш", "crown": "корон", "halo": "нимб"},
        "hair_style": {"mohawk": "ирокез", "bald": "(лыс|брит)", "dreadlocks": "дред"},
        "clothing": {"kimono": "кимоно", "dress": "плать", "armour": "доспех|лат(ы|ах)"},
        "mouth": {"tongue out": "язык", "cat-like": "кошач(ий рот|ьим ртом|ья улыб|ьей улыб)"},
        "cheeks": {"freckles": "веснушк", "blush": "румян"},
        "presentation": {"girl": "девочк|девушк|у неё", "boy": "мальчик|парень|юноша"},
    },
}


@pytest.mark.parametrize("language", characters.LANGUAGES)
def test_a_word_of_one_value_is_there_with_it_alone_and_said(language: str) -> None:
    for name, values in WORDS[language].items():
        for value, pattern in values.items():
            found = [(seen, said) for seen, text, said in TOLD[language] if re.search(pattern, text)]
            assert found, (name, value)
            for seen, said in found:
                assert seen[name] == value and name in said, (name, value, pattern)


@pytest.mark.parametrize(("language", "grammar"), [("en", grammar_en), ("zh", grammar_zh), ("ru", grammar_ru)])
def test_every_value_has_its_words(language: str, grammar: object) -> None:
    """A colour that is said to be told is told: the caption of a thing and its colour changes with the colour."""
    for thing, values, colour, colours in (
        ("clothing", ATTRIBUTES["clothing"], "clothing_colour", ("green", "pink")),
        ("headwear", [v for v in ATTRIBUTES["headwear"] if v not in ("none", "crown", "halo", "horns")],
         "headwear_colour", ("green", "pink")),
        ("neckwear", ["scarf"], "scarf_colour", ("green", "pink")),
        ("hair", [v for v in ATTRIBUTES["hair_style"] if v != "bald"], "hair_colour", ("green", "pink")),
        ("eyes", ["open", "winking", "wide", "starry", "tearful", "sleepy"], "eye_colour", ("green", "pink")),
    ):  # fmt: skip
        own = {"hair": "hair_style", "eyes": "eyes"}.get(thing, thing)
        for value in values:
            for seed in range(4):
                told = [
                    captions.GRAMMARS[language](
                        "list", {}, [captions.Thing(thing, {own: value, colour: one})], random.Random(seed)
                    )
                    for one in colours
                ]
                assert told[0] != told[1], (thing, value, told)
    for table in ("eyebrows", "mouth", "cheeks", "glasses", "earrings", "face"):
        tables = words_ru.TABLES if language == "ru" else grammar._TABLES  # type: ignore[attr-defined]
        known = set(ATTRIBUTES[table]) - {"none"}
        assert set(tables[table]) == known, table


def test_both_colours_of_hair_are_told() -> None:
    values = {"hair_style": "long straight", "hair_colour": "pink", "second_hair_colour": "blue"}
    for dye, english in (("tips", r"pink hair with blue (tips|ends)"), ("halves", r"half.pink,? (and )?half.blue")):
        thing = captions.Thing("hair", values | {"hair_dye": dye})
        texts = [captions.GRAMMARS["en"]("list", {}, [thing], random.Random(k)) for k in range(12)]
        assert any(re.search(english, text) for text in texts), texts
        for language, words in (("zh", ("粉", "蓝")), ("ru", ("розов", "син|голуб"))):
            text = captions.GRAMMARS[language]("list", {}, [thing], random.Random(0))
            assert all(re.search(word, text) for word in words), text


def test_english_articles_agree() -> None:
    for _, text, _ in TOLD["en"]:
        assert not re.search(r"\ba [aeio]", text.lower()), text
        assert not re.search(r"\ban [^aeio]", text.lower()), text


@pytest.mark.parametrize(
    ("word", "gender", "case", "expected"),
    [
        ("красный", "f", NOMINATIVE, "красная"),
        ("красный", "m", PREPOSITIONAL, "красном"),
        ("красный", "f", PREPOSITIONAL, "красной"),
        ("синий", "f", NOMINATIVE, "синяя"),
        ("синий", "n", PREPOSITIONAL, "синем"),
        ("синий", "p", INSTRUMENTAL, "синими"),
        ("рыжий", "p", NOMINATIVE, "рыжие"),
        ("рыжий", "f", NOMINATIVE, "рыжая"),
        ("рыжий", "n", NOMINATIVE, "рыжее"),
        ("голубой", "m", NOMINATIVE, "голубой"),
        ("голубой", "p", INSTRUMENTAL, "голубыми"),
        ("улыбающийся", "f", NOMINATIVE, "улыбающаяся"),
        ("смеющийся", "m", NOMINATIVE, "смеющийся"),
        ("хохочущий", "f", NOMINATIVE, "хохочущая"),
    ],
)
def test_russian_adjectives_agree(word: str, gender: str, case: int, expected: str) -> None:
    assert adjective(word, gender, case) == expected


def test_russian_nouns_stand_in_their_cases() -> None:
    girl = {"presentation": "girl"}
    things = [
        captions.Thing("hair", {"hair_style": "hime cut", "hair_colour": "ginger"}),
        captions.Thing("clothing", {"clothing": "kimono", "clothing_colour": "blue"}),
        captions.Thing("background", {"background": "yellow"}),
    ]
    texts = {grammar_ru.write("sentence", girl, things, random.Random(k)).rstrip(".") for k in range(60)}
    assert any(text.endswith("с рыжей стрижкой химэ, в синем кимоно, на жёлтом фоне") for text in texts), texts
    listed = {grammar_ru.write("list", girl, things, random.Random(k)) for k in range(30)}
    assert any("рыжая стрижка химэ, синее кимоно, жёлтый фон" in text for text in listed), listed


def test_chinese_has_no_blanks_and_no_latin_but_the_t_of_a_shirt() -> None:
    for _, text, _ in TOLD["zh"]:
        assert " " not in text and not re.search("[A-Za-z]", text.replace("T恤", "")), text
