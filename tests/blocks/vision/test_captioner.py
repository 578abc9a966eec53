"""The captioner: what it says of a text is a probability, and it learns to end."""

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


def made() -> Captioner:
    torch.manual_seed(0)
    return Captioner(LEXICON, 6, embedding=12, hidden=24)


def test_has_the_published_size() -> None:
    captioner = Captioner(Lexicon(tuple(map(str, range(5_448)))), 2048)
    head = sum(p.numel() for p in captioner.see.parameters())
    assert head == 525_056
    assert sum(p.numel() for p in captioner.parameters()) - head == 5_768_010


def test_one_that_knows_nothing_is_as_surprised_by_every_word() -> None:
    captioner = made()
    nn.init.zeros_(captioner.say.weight), nn.init.zeros_(captioner.say.bias)
    seen = torch.randn(2, 6)
    even = math.log(len(LEXICON))
    assert captioner.cross_entropy(seen, TEXTS).item() == pytest.approx(even)
    assert_close(captioner.log_likelihood(seen, TEXTS), torch.full((2,), -even))


def test_probabilities_of_all_next_words_add_up_to_one() -> None:
    captioner, seen = made().eval(), torch.randn(1, 6)
    logs = [captioner(seen, [text])[0][0] for text in ("a", "red", "blue", "ball", "sand")]
    firsts = torch.stack([log[0] for log in logs]).exp().sum()
    given = captioner.recur(captioner.see(seen)[:, None])[0]
    rest = captioner.say(given)[0, 0].softmax(dim=0)[:2].sum()  # the end, and unknown words
    assert_close(firsts + rest, torch.tensor(1.0))


def test_its_end_is_a_word_and_padding_is_not() -> None:
    captioner, seen = made().eval(), torch.randn(2, 6)
    logs, real = captioner(seen, TEXTS)
    assert real.tolist() == [[True] * 4, [True, True, False, False]]
    assert (logs[1, 2:] == 0).all() and (logs[real] < 0).all()
    alone, _ = captioner(seen[1:], TEXTS[1:])
    assert_close(alone[0], logs[1, :2])
    assert_close(captioner.cross_entropy(seen, TEXTS), -logs.sum() / 6)


def test_it_learns_to_say_what_it_sees_and_to_stop() -> None:
    captioner, seen = made(), torch.tensor([-1.0, 1.0])[:, None].expand(2, 6)
    steps = torch.optim.Adam(captioner.parameters(), lr=1e-2)
    for _ in range(60):
        steps.zero_grad()
        captioner.cross_entropy(seen, TEXTS).backward()
        steps.step()
    captioner.eval()
    assert captioner.describe(seen) == TEXTS


def test_what_does_not_end_is_cut_and_unknown_is_never_said() -> None:
    captioner = made().eval()
    with torch.no_grad():
        captioner.say.bias[END] = -100
        captioner.say.bias[1] = 100
    (said,) = captioner.describe(torch.zeros(1, 6))
    assert len(said.split()) == CUT and set(said.split()) <= set(LEXICON.words)


def test_what_is_seen_stands_beside_every_word() -> None:
    captioner = made().eval()
    same, other = torch.zeros(1, 6), torch.ones(1, 6)
    picture, then = (captioner.see(seen)[:, None] for seen in (same, other))
    held = captioner.recur(picture)[1]
    word = captioner.embed(torch.tensor([[LEXICON.ids("a")[0]]]))
    told = captioner.say(captioner.recur(picture + word, held)[0])[0, 0].log_softmax(dim=0)
    logs, _ = captioner(same, ["a red"])
    assert_close(logs[0, 1], told[LEXICON.ids("red")[0]])
    assert not torch.allclose(captioner.recur(then + word, held)[0], captioner.recur(picture + word, held)[0])
