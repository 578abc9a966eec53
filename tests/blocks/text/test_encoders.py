import pytest
import torch
from torch.testing import assert_close

from limner.blocks.text.encoders import LONGEST, WordEncoder, mend, unknown_words
from limner.data.schema import PAD, UNKNOWN, Lexicon
from limner.requests import Blend, Caption, Nothing, shares

LEXICON = Lexicon.of(["a woman with curly red hair", "a man with round glasses", "blue hoodie"])
TEXTS = ["a woman with curly red hair", "red hair", "zzz qqq", "", "\N{ROLLING ON THE FLOOR LAUGHING}"]


@pytest.fixture
def encoder() -> WordEncoder:
    torch.manual_seed(0)
    return WordEncoder(LEXICON, width=12, embedding=8, hidden=6).eval()


def test_shapes_and_padding(encoder: WordEncoder) -> None:
    text = encoder(TEXTS)
    assert text.sentence.shape == (5, 12) and text.words.shape == (5, 6, 12) and text.mask.shape == (5, 6)
    assert text.mask.sum(1).tolist() == [6, 2, 2, 1, 1]
    assert not text.words[~text.mask].any()
    assert text.sentence.isfinite().all()
    assert text.sentence.shape[1] == encoder.width


def test_a_row_alone_equals_the_row_in_a_batch(encoder: WordEncoder) -> None:
    together = encoder.sentence(TEXTS)
    for row, text in zip(together, TEXTS, strict=True):
        assert_close(encoder.sentence([text])[0], row)
    assert not torch.allclose(together[0], together[1])


def test_word_order_counts(encoder: WordEncoder) -> None:
    a, b = encoder.sentence(["red hair blue hoodie", "blue hair red hoodie"])
    assert not torch.allclose(a, b)


def test_misspelt_words_read_as_the_nearest_and_others_as_unknown(encoder: WordEncoder) -> None:
    right, wrong = encoder.sentence(["curly red hair", "Curlly RED hair!"])
    assert_close(right, wrong)
    ids, lengths = encoder.tokens(["a xylophone", "glasses"])
    assert ids[0, 1] == UNKNOWN and ids[1, 1] == PAD and lengths.tolist() == [2, 1]


def test_a_pasted_novel_is_cut(encoder: WordEncoder) -> None:
    assert encoder.tokens(["red " * 25_000])[1].item() == LONGEST


def test_words_drop_to_unknown_in_training_only(encoder: WordEncoder) -> None:
    texts = ["red hair"] * 50
    assert_close(encoder.sentence(texts)[0], encoder.sentence(texts)[-1])
    torch.manual_seed(0)
    different = encoder.train().sentence(texts).unique(dim=0)
    assert 2 <= len(different) <= 4  # both kept, either lost, both lost


def test_padding_learns_nothing_and_unknown_learns(encoder: WordEncoder) -> None:
    encoder.sentence(["red hair", "zzz"]).sum().backward()
    gradient = encoder.embed.weight.grad
    assert gradient is not None
    assert not gradient[PAD].any() and gradient[UNKNOWN].any()


def test_unknown_words_are_named_through_blends() -> None:
    requests = [Caption("curlly hair"), Blend(Caption("xylophone"), Caption("red hair"), 0.5), Nothing()]
    assert unknown_words(LEXICON, requests) == {"curlly": "curly", "xylophone": None}


def test_a_blend_of_blends_has_its_parts_by_their_shares() -> None:
    a, b, c = map(Caption, "abc")
    assert shares(Blend(Blend(a, b, 0.25), Blend(c, a, 0.5), 0.5)) == [(a, 0.375), (b, 0.125), (c, 0.25), (a, 0.25)]
    assert shares(a) == [(a, 1.0)]


def test_letters_are_mended() -> None:
    assert mend(LEXICON, "Curlly, reed xylophone") == "curly, red xylophone"
