"""The captioner: what it says of a text is a probability, and it learns to end."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.captioner import END, SAID, Captioner, SmallEye
from limner.data.schema import Lexicon

LEXICON = Lexicon.of(["a red ball", "a blue ball", "sand"])
TEXTS = ["a red ball", "sand"]


class Eye(nn.Module):
    """Sees as many numbers as a ResNet-152."""

    width = 2048

    def learns(self) -> list[nn.Module]:
        return []


def made() -> Captioner:
    torch.manual_seed(0)
    return Captioner(LEXICON, SmallEye(16, base=4), embedding=12, hidden=24)


def test_has_the_published_size() -> None:
    captioner = Captioner(Lexicon(tuple(map(str, range(5_448)))), Eye())
    head = sum(p.numel() for p in captioner.see.parameters())
    assert head == 525_056
    assert sum(p.numel() for p in captioner.parameters()) - head == 5_768_010


def test_one_that_knows_nothing_is_as_surprised_by_every_word() -> None:
    captioner = made()
    nn.init.zeros_(captioner.say.weight), nn.init.zeros_(captioner.say.bias)
    images = torch.randn(2, 3, 16, 16)
    even = math.log(len(LEXICON))
    assert captioner.surprise(images, TEXTS).item() == pytest.approx(even)
    assert_close(captioner.likelihood(images, TEXTS), torch.full((2,), -even))


def test_probabilities_of_all_next_words_add_up_to_one() -> None:
    captioner, images = made().eval(), torch.randn(1, 3, 16, 16)
    logs = [captioner(images, [text])[0][0] for text in ("a", "red", "blue", "ball", "sand")]
    firsts = torch.stack([log[0] for log in logs]).exp().sum()
    given = captioner.recur(captioner.see(captioner.eye(images))[:, None])[0]
    rest = captioner.say(given)[0, 0].softmax(dim=0)[:2].sum()  # the end, and unknown words
    assert_close(firsts + rest, torch.tensor(1.0))


def test_its_end_is_a_word_and_padding_is_not() -> None:
    captioner, images = made().eval(), torch.randn(2, 3, 16, 16)
    logs, real = captioner(images, TEXTS)
    assert real.tolist() == [[True] * 4, [True, True, False, False]]
    assert (logs[1, 2:] == 0).all() and (logs[real] < 0).all()
    alone, _ = captioner(images[1:], TEXTS[1:])
    assert_close(alone[0], logs[1, :2])
    assert_close(captioner.surprise(images, TEXTS), -logs.sum() / 6)


def test_it_learns_to_say_what_it_sees_and_to_stop() -> None:
    captioner, images = made(), torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 3, 16, 16)
    steps = torch.optim.Adam(captioner.parameters(), lr=1e-2)
    for _ in range(60):
        steps.zero_grad()
        captioner.surprise(images, TEXTS).backward()
        steps.step()
    captioner.eval()
    assert captioner.describe(images) == TEXTS


def test_what_does_not_end_is_cut_and_unknown_is_never_said() -> None:
    captioner = made().eval()
    with torch.no_grad():
        captioner.say.bias[END] = -100
        captioner.say.bias[1] = 100
    (said,) = captioner.describe(torch.zeros(1, 3, 16, 16))
    assert len(said.split()) == SAID and set(said.split()) <= set(LEXICON.words)
