"""The losses of naming attributes, worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from limner.blocks.vision.placed_heads import attribute_loss, present_attribute_loss

VALUES = {
    "left colour": ("blue", "nothing", "red"),
    "left shape": ("cube", "nothing"),
    "right colour": ("blue", "nothing", "red"),
    "right shape": ("cube", "nothing"),
    "mood": ("calm", "wild"),
}


def losses(*truth: list[int]) -> float:
    logits = [torch.zeros(len(truth), len(known)) for known in VALUES.values()]
    return present_attribute_loss(logits, torch.tensor(truth), VALUES).item()


def test_what_is_there_is_summed_over_a_thing_and_averaged_over_things() -> None:
    thing = math.log(3) + math.log(2)
    assert losses([0, 0, 1, 1, -1]) == pytest.approx(thing), "one thing"
    assert losses([0, 0, 2, 0, -1]) == pytest.approx(thing), "two things"
    assert losses([0, 0, 1, 1, 1]) == pytest.approx((thing + math.log(2)) / 2), "a thing and a mood"
    assert losses([0, 0, 1, 1, -1], [1, 1, 1, 1, -1]) == pytest.approx(thing / 2), "an empty picture beside it"


def test_nothing_asks_for_nothing() -> None:
    """In the mean over all attributes, "nothing" is nearly all of it."""
    logits = [torch.zeros(1, len(known), requires_grad=True) for known in VALUES.values()]
    truth = torch.tensor([[0, 0, 1, 1, -1]])
    present_attribute_loss(logits, truth, VALUES).backward()
    moved = [one.grad is not None and one.grad.abs().sum().item() > 0 for one in logits]
    assert moved == [True, True, False, False, False]
    grads = torch.autograd.grad(attribute_loss(logits, truth).sum(), logits)
    assert [one.abs().sum().item() > 0 for one in grads] == [True, True, True, True, False]


def test_without_attributes_it_is_zero() -> None:
    assert present_attribute_loss([], torch.zeros(2, 0, dtype=torch.int64), {}).item() == 0
