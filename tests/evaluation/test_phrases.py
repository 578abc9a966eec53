"""Phrases that name things, and attention on them."""

from __future__ import annotations

import pytest
import torch

from limner.evaluation.phrases import own_phrase, phrases, share_on_phrases

TEXT = "A man with a short blue beard, square glasses and a red hat against a grey background."


def test_phrases_lie_between_marks_and_small_words() -> None:
    words = TEXT.lower().replace(",", "").replace(".", "").split()
    said = [" ".join(words[place] for place in phrase) for phrase in phrases(TEXT)]
    assert said == ["man", "short blue beard", "square glasses", "red hat", "grey background"]


@pytest.mark.parametrize(
    ("label", "says"), [("hat", "red hat"), ("glasses", "square glasses"), ("facial hair", ""), ("red hat", "red hat")]
)
def test_the_own_phrase_names_the_label(label: str, says: str) -> None:
    words = TEXT.lower().replace(",", "").replace(".", "").split()
    assert " ".join(words[place] for place in own_phrase(TEXT, label)) == says


def test_two_phrases_of_one_label_are_nobodys_own() -> None:
    assert own_phrase("a red cube and a blue cube", "cube") == []
    assert own_phrase("a red cube and a blue cube", "blue cube") == [5, 6]


def test_the_share_by_hand() -> None:
    attention = torch.zeros(1, 3, 6)
    attention[0, 0] = torch.tensor([0.1, 0.3, 0.4, 0.0, 0.1, 0.1])
    attention[0, 1, 5] = 1
    found = share_on_phrases(["a red hat and square glasses"], [["hat", "glasses", "mouth"]], attention)
    assert found.attention == pytest.approx((0.7 + 1) / 2) and found.even == pytest.approx(2 / 6) and found.things == 2
    assert share_on_phrases(["nothing"], [["hat"]], attention).things == 0
