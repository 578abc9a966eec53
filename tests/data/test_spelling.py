"""A misspelt word is read as the known one that is most alike, and strangers' words cost little."""

from __future__ import annotations

import difflib
import random
import time

import pytest

from limner.data import spelling
from limner.data.schema import UNKNOWN, Lexicon
from nodes import node

SYLLABLES = ("ba", "re", "li", "no", "ta", "mi", "ing", "ed", "st", "ch", "o", "a", "er", "un", "qu", "tion", "é", "漢")


def made_up(number: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    words = ("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(3 * number))
    return list(dict.fromkeys(words))[:number]


def mistyped(word: str, rng: random.Random) -> str:
    letters = list(word)
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(letters))
        letters[place : place + rng.randint(0, 1)] = rng.choice(["", "x", "a", "tt", "é"])
        letters = letters or ["a"]
    return "".join(letters)


def compared_with_all(words: list[str], word: str) -> str | None:
    """Search as it was done before there was an index."""
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(word)
    best, score = None, spelling.ALIKE
    for known in words:
        matcher.set_seq1(known)
        ratio = matcher.ratio()
        if ratio > score or (best is None and ratio == score):
            best, score = known, ratio
    return best


def test_the_index_finds_what_a_search_of_all_words_finds() -> None:
    words, rng = made_up(1_500, 0), random.Random(1)
    typed = [mistyped(rng.choice(words), rng) for _ in range(60)]
    found = {word: spelling.Spelling(words).nearest(word) for word in typed}
    assert found == {word: compared_with_all(words, word) for word in typed}
    assert sum(known is not None for known in found.values()) > 30 and None in found.values()
    assert spelling.Spelling([]).nearest("hat") is None


@pytest.mark.parametrize("length", [6, 64])
def test_many_words_of_the_same_letters_take_no_long_search(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may be the nearest as far as an index of letters tells."""
    rng = random.Random(0)
    words = list(dict.fromkeys("".join(rng.sample("abcdefgh" * 8, length)) for _ in range(6_000)))
    compared = 0
    ratio = difflib.SequenceMatcher.ratio

    def counted(self: difflib.SequenceMatcher[str]) -> float:
        nonlocal compared
        compared += 1
        return ratio(self)

    monkeypatch.setattr(difflib.SequenceMatcher, "ratio", counted)
    spelling.Spelling(words).nearest("".join(rng.sample("abcdefgh" * 8, length)))
    assert 0 < compared <= spelling.WORK // length**2 + 1


def test_a_text_of_many_unknown_words_does_not_keep_an_artist_from_others() -> None:
    """111 such words took 2.9 s, and a batch of them 26 s, in which nobody else was served."""
    lexicon = Lexicon(tuple(made_up(20_000, 2)))
    lexicon.unknown("warm")
    rng = random.Random(3)
    texts = [" ".join(mistyped(rng.choice(lexicon.words), rng) for _ in range(110)) for _ in range(4)]
    began = time.process_time()
    for text in texts:
        lexicon.ids(text)
    assert time.process_time() - began < 4


def test_only_the_first_unknown_words_of_a_text_are_looked_up_whatever_was_before() -> None:
    lexicon = Lexicon(("hat", *(f"word{i:03}x" for i in range(100))))
    typed = [f"word{i:03}" for i in range(100)]
    lexicon.nearest(typed[90])
    for one in (lexicon, Lexicon(lexicon.words)):
        found = one.unknown(" ".join([*typed, "hat"]))
        assert [found[word] for word in typed] == [f"{word}x" for word in typed[:64]] + [None] * 36
        ids = one.ids(" ".join([*typed, "hat"]))
        assert ids == [*range(3, 67), *[UNKNOWN] * 36, 2]


def test_an_exported_page_reads_the_same() -> None:
    rng = random.Random(5)
    alike = list(dict.fromkeys("".join(rng.sample("abcdefgh" * 2, 12)) for _ in range(2_000)))
    lexicons = [made_up(800, 4), alike]
    texts = [" ".join(mistyped(rng.choice(words), rng) for _ in range(80)) for words in lexicons]
    program = """
    const { Lexicon } = await import(`${page}/browser/lexicon.js`);
    return given.map(([words, text]) => [new Lexicon(words).ids(text), new Lexicon(words).unknown(text)]);
    """
    told = node(program, [[words, text] for words, text in zip(lexicons, texts, strict=True)])
    for words, text, (ids, unknown) in zip(lexicons, texts, told, strict=True):
        lexicon = Lexicon(tuple(words))
        assert ids == lexicon.ids(text) and unknown == lexicon.unknown(text)
