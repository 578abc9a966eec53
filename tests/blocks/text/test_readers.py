"""The convolutional encoder: padding changes nothing, and order of words can be told."""

from __future__ import annotations

import torch

from limner.blocks.text.encoders import LONGEST
from limner.blocks.text.readers import ConvolutionalEncoder
from limner.data.schema import Lexicon

WORDS = Lexicon(("red", "hat", "blue", "shirt", "and", "a"))


def encoder(**options: float) -> ConvolutionalEncoder:
    torch.manual_seed(0)
    return ConvolutionalEncoder(WORDS, width=8, embedding=8, hidden=16, **options).eval()  # type: ignore[arg-type]


def test_a_sentence_is_the_same_among_longer_ones() -> None:
    made = encoder()
    alone, among = made.sentence(["red hat"]), made.sentence(["red hat", "a red hat and a blue shirt and a hat"])
    assert torch.allclose(alone[0], among[0], atol=1e-6)


def test_numbers_and_texts_agree() -> None:
    made = encoder()
    numbers, _ = made.tokens(["red hat and blue shirt"])
    assert torch.allclose(made.numbered(numbers), made.sentence(["red hat and blue shirt"]), atol=1e-6)


def test_which_word_stands_beside_which_is_told() -> None:
    codes = encoder().sentence(["red hat and blue shirt", "blue hat and red shirt"])
    assert (codes[0] - codes[1]).abs().max() > 1e-3


def test_words_are_dropped_while_it_learns_only() -> None:
    made = encoder(dropout=1.0)
    assert not torch.allclose(made.sentence(["red hat"]), made.sentence(["blue shirt"]))
    made.train()
    assert torch.allclose(made.sentence(["red hat"]), made.sentence(["blue shirt"]))  # two unknown words each


def test_a_text_without_words_and_a_novel_are_encoded() -> None:
    codes = encoder().sentence(["", "red " * (2 * LONGEST)])
    assert codes.isfinite().all()
