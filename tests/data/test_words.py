"""Words of many scripts: whole, and the same in Python and on the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from limner.blocks.text.encoders import mend
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, words_of
from limner.data.words import places_of
from nodes import node

SPLIT = {
    "नीला गेंद, हरी चिड़िया": ["नीला", "गेंद", "हरी", unicodedata.normalize("NFC", "चिड़िया")],
    "বাংলা தமிழ் తెలుగు": ["বাংলা", "தமிழ்", "తెలుగు"],
    "كِتَاب أحمر، می\u200cخواهم": ["كِتَاب", "أحمر", "میخواهم"],
    "שָׁלוֹם צה״ל": [unicodedata.normalize("NFC", "שָׁלוֹם"), "צה״ל"],
    "一只红色的鸟 3只": [*"一只红色的鸟", "3", "只"],
    "赤いボール": [*"赤いボール"],
    "น้ำที่นี่": ["น้", "ำ", "ที่", "นี่"],
    "ក្រហម": ["ក្", "រ", "ហ", "ម"],
    "빨간 공": ["빨간", "공"],
    "L’homme d'été, e\u0301te\u0301": ["l'homme", "d'été", "été"],
    "a red-haired woman's hat_3 3½": ["a", "red", "haired", "woman's", "hat", "3", "3½"],
    "цветы ёж": ["цветы", "ёж"],
    "col·lecció so\u00adft": ["col·lecció", "soft"],
    "👩\u200d🦰 🙂": [],
}


@pytest.mark.parametrize(("text", "words"), SPLIT.items(), ids=[f"{n}" for n in range(len(SPLIT))])
def test_words_are_whole(text: str, words: list[str]) -> None:
    assert words_of(text) == words
    assert words_of(unicodedata.normalize("NFD", text)) == words  # macOS and some editors decompose


def test_the_page_splits_alike() -> None:
    texts = [*SPLIT, *(unicodedata.normalize("NFD", text) for text in SPLIT), *(text.upper() for text in SPLIT)]
    program = """
    const { wordsOf, wordPlaces } = await import(`${page}/words/words.js`);
    const cut = (text) => wordPlaces(text).map((one) => [one.word, text.slice(one.start, one.end)]);
    return given.map((text) => [wordsOf(text), cut(text)]);
    """
    told = node(program, texts)
    assert [words for words, _ in told] == [words_of(text) for text in texts]
    assert [places for _, places in told] == [[[w, t[a:b]] for w, a, b in places_of(t)] for t in texts]


def test_every_word_splits_into_itself() -> None:
    """So that a lexicon can be read back, and what was split once stays as it is."""
    for words in SPLIT.values():
        assert [words_of(word) for word in words] == [[word] for word in words]


def test_hindi_captions_give_a_lexicon_of_whole_words(folder: Callable[..., Path]) -> None:
    texts = ["लाल टोपी", "नीला गेंद", "हरी चिड़िया", "पीला फूल"] * 3
    rows: list[Any] = [{"file_name": f"{k}.png", "text": text} for k, text in enumerate(texts)]
    data = Dataset.open(folder(rows), size=8, held_out=0)
    assert set(data.schema.lexicon.words) == {word for text in texts for word in words_of(text)}
    assert len(data.schema.lexicon.words) == 8 and data.schema.longest == 2


def test_misspelt_words_of_any_script_are_mended_whole_and_letters_are_no_misspelt_words() -> None:
    lexicon = Lexicon.of(["टोपी लाल", "red flowers", "ที่นี่"])
    assert mend(lexicon, "टोपि, a rde flowrs") == "टोपी, a rde flowers"
    assert mend(lexicon, "लाली flowrs’") == "लाल flowers'"
    assert lexicon.unknown("ที") == {"ที": None}
