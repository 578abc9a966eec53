"""The captioner: its scores of texts are probabilities, and it learns to end."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.vision.captioner import CUT, END, Captioner
from limner.data.schema import Lexicon

LEXICON = Lexicon.of(["a red ball", "a blue ball", "sand"])
TEXTS = ["a red ball", "sand"]


def make() -> Captioner:
    torch.manual_seed(0)
    return Captioner(LEXICON, 6, embedding=12, hidden=24)


def test_has_the_published_size() -> None:
    captioner = Captioner(Lexicon(tuple(map(str, range(5_448)))), 2048)
    head = sum(p.numel() for p in captioner.see.parameters())
    assert head == 525_056
    assert sum(p.numel() for p in captioner.parameters()) - head == 5_768_010


def test_one_that_knows_nothing_gives_every_word_the_same_probability() -> None:
    captioner = make()
    nn.init.zeros_(captioner.say.weight), nn.init.zeros_(captioner.say.bias)
    features = torch.randn(2, 6)
    uniform = math.log(len(LEXICON))
    assert captioner.cross_entropy(features, TEXTS).item() == pytest.approx(uniform)
    assert_close(captioner.log_likelihood(features, TEXTS), torch.full((2,), -uniform))


def test_probabilities_of_all_next_words_add_up_to_one() -> None:
    captioner, features = make().eval(), torch.randn(1, 6)
    logs = [captioner(features, [text])[0][0] for text in ("a", "red", "blue", "ball", "sand")]
    firsts = torch.stack([log[0] for log in logs]).exp().sum()
    given = captioner.recur(captioner.see(features)[:, None])[0]
    rest = captioner.say(given)[0, 0].softmax(dim=0)[:2].sum()  # the end, and unknown words
    assert_close(firsts + rest, torch.tensor(1.0))


def test_its_end_is_a_word_and_padding_is_not() -> None:
    captioner, features = make().eval(), torch.randn(2, 6)
    logs, mask = captioner(features, TEXTS)
    assert mask.tolist() == [[True] * 4, [True, True, False, False]]
    assert (logs[1, 2:] == 0).all() and (logs[mask] < 0).all()
    alone, _ = captioner(features[1:], TEXTS[1:])
    assert_close(alone[0], logs[1, :2])
    assert_close(captioner.cross_entropy(features, TEXTS), -logs.sum() / 6)


def test_it_learns_to_describe_and_to_stop() -> None:
    captioner, features = make(), torch.tensor([-1.0, 1.0])[:, None].expand(2, 6)
    steps = torch.optim.Adam(captioner.parameters(), lr=1e-2)
    for _ in range(60):
        steps.zero_grad()
        captioner.cross_entropy(features, TEXTS).backward()
        steps.step()
    captioner.eval()
    assert captioner.describe(features) == TEXTS


def test_what_does_not_end_is_cut_and_unknown_is_never_chosen() -> None:
    captioner = make().eval()
    with torch.no_grad():
        captioner.say.bias[END] = -100
        captioner.say.bias[1] = 100
    (caption,) = captioner.describe(torch.zeros(1, 6))
    assert len(caption.split()) == CUT and set(caption.split()) <= set(LEXICON.words)


def test_the_features_are_added_to_every_word() -> None:
    captioner = make().eval()
    same, other = torch.zeros(1, 6), torch.ones(1, 6)
    picture, then = (captioner.see(features)[:, None] for features in (same, other))
    held = captioner.recur(picture)[1]
    word = captioner.embed(torch.tensor([[LEXICON.ids("a")[0]]]))
    expected = captioner.say(captioner.recur(picture + word, held)[0])[0, 0].log_softmax(dim=0)
    logs, _ = captioner(same, ["a red"])
    assert_close(logs[0, 1], expected[LEXICON.ids("red")[0]])
    assert not torch.allclose(captioner.recur(then + word, held)[0], captioner.recur(picture + word, held)[0])
