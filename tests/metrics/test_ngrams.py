"""n-grams, BLEU against common references, self-BLEU and novelty: values worked by hand, and torchmetrics' own."""

from __future__ import annotations

import math

import pytest

from limner import metrics
from limner.metrics.ngrams import counted


def test_letters_of_a_string_and_words_of_a_list_are_counted_within_sentences() -> None:
    assert counted(["aba", "ab"], 2) == {("a", "b"): 2, ("b", "a"): 1}  # none from one sentence into the next
    assert counted([["a", "red", "hat"]], 2) == {("a", "red"): 1, ("red", "hat"): 1}
    assert counted(["ab"], 3) == {}


def test_jensen_shannon_by_hand() -> None:
    # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4)
    by_hand = (math.log(2 / 3) / 2 + math.log(2) / 2 + math.log(4 / 3)) / 2 / math.log(2)
    assert metrics.jensen_shannon(["ab"], ["aa"], 1) == pytest.approx(by_hand) == pytest.approx(0.31128, abs=1e-5)
    assert metrics.jensen_shannon(["ab"], ["cd"], 1) == pytest.approx(1)  # in bits, so nothing in common is 1
    assert metrics.jensen_shannon(["ab", "ba"], ["ba", "ab"], 2) == 0
    assert metrics.jensen_shannon(["ab"], ["ba"], 1) == 0 < metrics.jensen_shannon(["ab"], ["ba"], 2)
    assert metrics.jensen_shannon(["ab"], ["a"], 2) == 1 and metrics.jensen_shannon(["a"], ["b"], 2) == 0


def test_bleu_takes_the_longest_run_and_agrees_where_references_are_common() -> None:
    pytest.importorskip("torchmetrics")
    candidates = ["a red hat on a cat", "a dog sits on the old red mat", "the the cat"]
    references = ["a red hat on the cat today", "the dog sits on a mat", "cat"]
    for n in (1, 2, 3, 4):
        known = metrics.bleu(candidates, [references] * 3, n_gram=n)
        assert metrics.bleu_against(candidates, references, n) == pytest.approx(known, abs=1e-6)
    assert metrics.bleu_against(candidates, references, 2) > metrics.bleu_against(candidates, references, 4) > 0
    assert metrics.bleu_against(["b a"], ["a b"], 2) == 0 and metrics.bleu_against([""], ["a"], 1) == 0
    # two words of two, one reference of four words: brevity exp(1 - 4 / 2)
    assert metrics.bleu_against(["a b"], ["a b c d"], 2) == pytest.approx(math.exp(-1))


def test_a_smoothed_sentence_has_a_score_where_no_long_run_is_right() -> None:
    # runs of one word: 2 of 3; of two: 1 of 2; of three: 0 of 1; of four: 0 of 0; one more each but the first
    by_hand = (2 / 3 * 2 / 3 * 1 / 2 * 1) ** 0.25
    assert metrics.sentence_bleu("a red cat", ["a red hat"]) == pytest.approx(by_hand)
    assert metrics.sentence_bleu("a red cat", ["a red hat"], n_gram=1) == pytest.approx(2 / 3)
    assert metrics.sentence_bleu("a red hat", ["the hat", "a red hat"]) == 1
    assert metrics.sentence_bleu("dog", ["a red hat"]) == 0 == metrics.sentence_bleu("", ["a red hat"])


def test_self_bleu_leaves_each_sentence_out_of_its_own_references() -> None:
    assert metrics.self_bleu(["a b c d", "a b c d"]) == pytest.approx(1)
    assert metrics.self_bleu(["a b c d", "e f g h"]) == 0
    # each: 2 of 3 words and 1 of 2 runs of two are in the other; were it its own reference, all would be
    assert metrics.self_bleu(["a b c", "a b d"], 2) == pytest.approx((2 / 3 * 1 / 2) ** 0.5)
    # "a" stands twice in the first alone, so one of its two is a hit, and that of the second: 2 of 3
    assert metrics.self_bleu(["a a", "a"], 1) == pytest.approx(2 / 3)


def test_novelty_is_the_share_that_nobody_wrote() -> None:
    assert metrics.novelty(["a b", "c", "c", "d"], {"c", "e"}) == 0.5
