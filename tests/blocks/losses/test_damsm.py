"""DAMSM: against loops written out, with padding, and with answers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from limner.blocks.losses.damsm import (
    GAMMA_1,
    GAMMA_2,
    SmallRegions,
    cosine,
    matching_cross_entropy,
    matching_losses,
    word_region_score,
)
from limner.blocks.text.encoders import BiLstmEncoder, Text
from limner.blocks.text.subsample import subsample_words
from limner.data.schema import Lexicon

LEXICON = Lexicon.of(["a red bird with a long tail", "blue", "two birds"])
TEXTS = ["a red bird with a long tail", "blue", "two birds"]


def by_loops(places: Tensor, words: Tensor, length: int) -> float:
    """Equations 7 to 10 for one picture and one text, a word and a place at a time."""
    v = places.flatten(1)  # (E, R)
    s = torch.tensor([[float(words[t] @ v[:, r]) for r in range(v.shape[1])] for t in range(length)])
    s = s.exp() / s.exp().sum(dim=0)
    total = 0.0
    for t in range(length):
        weights = (GAMMA_1 * s[t]).exp()
        context = (v * (weights / weights.sum())).sum(dim=1)
        total += math.exp(GAMMA_2 * float(F.cosine_similarity(context, words[t], dim=0)))
    return math.log(total ** (1 / GAMMA_2))


def test_the_word_region_score_is_the_papers_equations() -> None:
    torch.manual_seed(0)
    places, words = torch.randn(2, 5, 3, 3), torch.randn(3, 4, 5)
    lengths = [4, 2, 1]
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    words = words * mask[..., None]
    expected = [[by_loops(places[j], words[i], lengths[i]) for i in range(3)] for j in range(2)]
    assert_close(word_region_score(places, words, mask), torch.tensor(expected))


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    places, words, mask = torch.randn(2, 5, 3, 3), torch.randn(2, 4, 5), torch.ones(2, 4, dtype=torch.bool)
    more, longer = F.pad(words, (0, 0, 0, 3)), F.pad(mask, (0, 3))
    assert_close(word_region_score(places, words, mask), word_region_score(places, more, longer))


def test_scores_that_are_all_alike_cost_twice_log_b() -> None:
    same = torch.eye(4, dtype=torch.bool)
    assert matching_cross_entropy(torch.ones(4, 4), same).item() == pytest.approx(2 * math.log(4))
    orthonormal = torch.eye(4)
    expected = 2 * math.log(1 + 3 * math.exp(-10))
    assert matching_cross_entropy(cosine(orthonormal, 3 * orthonormal), same).item() == pytest.approx(
        expected, abs=1e-6
    )


def test_rows_of_one_meaning_are_no_negatives_of_each_other() -> None:
    same = torch.eye(3, dtype=torch.bool)
    same[0, 1] = same[1, 0] = True
    scores = torch.zeros(3, 3)
    per_row = (math.log(2) + math.log(2) + math.log(3)) / 3  # the first two rows have one negative, the third has two
    assert matching_cross_entropy(scores, same).item() == pytest.approx(2 * per_row)


def test_frozen_encoders_pass_the_gradient_on_to_the_picture() -> None:
    torch.manual_seed(0)
    vision, text = SmallRegions(32, 16, base=8), BiLstmEncoder(LEXICON, 16, 12)
    for net in (vision, text):
        net.eval().requires_grad_(False)
    images = torch.randn(3, 3, 32, 32, requires_grad=True)
    words, sentences = matching_losses(vision(images), text(TEXTS), torch.eye(3, dtype=torch.bool))
    (words + sentences).backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert all(p.grad is None for net in (vision, text) for p in net.parameters())


@pytest.mark.parametrize(("size", "side"), [(16, 8), (32, 8), (64, 8), (128, 16)])
def test_small_regions(size: int, side: int) -> None:
    places, whole = SmallRegions(size, 12, base=4)(torch.zeros(2, 3, size, size))
    assert places.shape == (2, 12, side, side) and whole.shape == (2, 12)


def encode(texts: list[str]) -> Text:
    torch.manual_seed(0)
    return BiLstmEncoder(LEXICON, 8, 6).eval()(texts)


def test_a_sentence_is_the_last_state_of_each_direction() -> None:
    text = encode(TEXTS)
    for row, length in enumerate((7, 1, 2)):
        ends = torch.cat([text.words[row, length - 1, :4], text.words[row, 0, 4:]])
        assert_close(text.sentence[row], ends)
        assert text.words[row, length:].abs().sum() == 0


def test_of_a_long_text_some_words_are_chosen_in_their_order() -> None:
    torch.manual_seed(0)
    text = "one two three four five six"
    assert subsample_words(text, 6) == text
    chosen = {subsample_words(text, 3) for _ in range(50)}
    assert len(chosen) > 5
    for short in chosen:
        places = [text.split().index(word) for word in short.split()]
        assert len(places) == 3 and places == sorted(places)
