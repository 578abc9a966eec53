"""A misspelt word is read as the known one that is most alike, and strangers' words cost little."""

from __future__ import annotations

import random
import time

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


def common(a: str, b: str) -> int:
    """Return the letters of the longest common subsequence, by its definition."""
    row = [0] * (len(b) + 1)
    for letter in a:
        above, row = row, [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if letter == other else max(above[j + 1], row[j]))
    return row[-1]


def by_definition(words: list[str], word: str) -> str | None:
    alike = [1 - (len(known) + len(word) - 2 * common(known, word)) / (len(known) + len(word)) for known in words]
    best = max(alike, default=0.0)
    return words[alike.index(best)] if best >= spelling.ALIKE else None


def test_the_nearest_word_is_that_of_the_definition_and_of_several_the_first() -> None:
    words, rng = made_up(300, 0), random.Random(1)
    typed = [mistyped(rng.choice(words), rng) for _ in range(40)]
    found = {word: spelling.Spelling(words).nearest(word) for word in typed}
    assert found == {word: by_definition(words, word) for word in typed}
    assert sum(known is not None for known in found.values()) > 20 and None in found.values()
    assert spelling.Spelling([]).nearest("hat") is None
    assert spelling.Spelling(["cart", "card", "carp"]).nearest("carx") == "cart"
    assert spelling.Spelling(["abcd"]).nearest("abcx") == "abcd" and spelling.Spelling(["abcd"]).nearest("abxy") is None


def test_words_of_the_same_letters_are_searched_as_quickly() -> None:
    """An index by letters tells nothing of them: each may be the nearest."""
    rng = random.Random(0)
    words = list(dict.fromkeys("".join(rng.sample("abcdefgh" * 3, 12)) for _ in range(6_000)))
    known = spelling.Spelling(words)
    known.nearest("warm")
    began = time.process_time()
    for _ in range(20):
        known.nearest("".join(rng.sample("abcdefgh" * 3, 12)))
    assert time.process_time() - began < 1


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
