"""The lines of stories as vectors."""

from __future__ import annotations

import torch

from limner.blocks.text.lines import forget_earlier, repeat_earlier


def test_forgotten_are_the_earlier_lines() -> None:
    torch.manual_seed(0)
    sentences = repeat_earlier(torch.ones(400, 3, 1))
    left = forget_earlier(sentences, 0.5)
    kinds = {tuple(map(tuple, one)) for one in left.int().tolist()}
    assert kinds == {
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((1, 0, 0), (1, 1, 0), (0, 1, 1)),
        ((1, 0, 0), (1, 1, 0), (1, 1, 1)),
    }
    assert 0.55 < (left == sentences).flatten(1).all(dim=1).float().mean() < 0.8
    assert torch.equal(forget_earlier(sentences, 0), sentences)
