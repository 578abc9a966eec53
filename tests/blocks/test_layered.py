"""The nets of a picture in two layers: the authors' sizes, any side, and how layers are mixed and gates are taught."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.layered import (
    FigureDecoder,
    FigureEncoder,
    GroundDecoder,
    GroundEncoder,
    Layers,
    area_loss,
    gate_loss,
)


def test_the_nets_are_the_authors_to_the_parameter() -> None:
    def count(net: nn.Module) -> int:
        return sum(p.numel() for p in net.parameters())

    assert count(FigureEncoder(64, 73, 64, 256)) == 6_950_528
    assert count(FigureDecoder(64, 73, 64, 256, 3)) == 7_709_382
    four = FigureEncoder(64, 73, 64, 192), GroundEncoder(64, 73 + 192, 64, 64)
    assert [count(net) for net in four] == [6_785_920, 676_288]
    assert [count(FigureDecoder(64, 73, 64, 192, 3)), count(GroundDecoder(64, 64, 64))] == [7_650_758, 748_483]


def test_the_picture_is_mixed_and_not_added() -> None:
    """The authors' code adds, with a figure of -1 off its mask: a light ground was out of reach."""
    figure, ground = -torch.ones(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.9)
    assert_close(Layers(figure, torch.full((1, 1, 4, 4), 40.0), ground).compose(), ground)
    assert_close(Layers(figure, torch.full((1, 3, 4, 4), -40.0), ground).compose(), figure)
    assert_close(Layers(figure, torch.zeros(1, 1, 4, 4), ground).compose(), (figure + ground) / 2)


def test_sides() -> None:
    for size in (16, 32, 64, 128):
        x = torch.randn(2, 3, size, size)
        encoder, ground = FigureEncoder(size, 5, 4, 6), GroundEncoder(size, 11, 4, 3)
        assert encoder.posterior(encoder.look(x), torch.zeros(2, 5)).mean.shape == (2, 6)
        assert ground(x, torch.zeros(2, 11)).mean.shape == (2, 3)
        figure = FigureDecoder(size, 5, 4, 6, 1)(torch.randn(2, 6), torch.zeros(2, 5))
        assert figure.picture.shape == x.shape and figure.second.shape == (2, 1, size, size)
        assert GroundDecoder(size, 4, 3)(torch.randn(2, 3)).shape == x.shape


def test_the_gate_is_taught_where_a_mask_is_known() -> None:
    logits, masks = torch.full((2, 3, 2, 2), math.log(3)), torch.tensor([[[[1.0, 0.5], [0, 0]]]]).repeat(2, 1, 1, 1)
    one = -(math.log(0.25) + 0.5 * math.log(0.25) + 2.5 * math.log(0.75))
    assert gate_loss(logits, masks, torch.tensor([True, False])).tolist() == pytest.approx([3 * one, 0])


def test_without_masks_neither_layer_draws_everything() -> None:
    logits = torch.logit(torch.tensor([0.05, 0.5, 0.9, 0.9]))[:, None, None, None].expand(-1, 1, 4, 4)
    known = torch.tensor([False, False, False, True])
    assert_close(area_loss(logits, known, 0.2, 0.8), torch.tensor([16 * 0.15, 0, 16 * 0.1, 0]))
