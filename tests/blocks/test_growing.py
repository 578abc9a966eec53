"""Layers with equalised learning rate worked by hand, schedules of growth, real pictures at a depth, and drawing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from limner.blocks.growing import GrowthSchedule, Stage, coarse_to_fine, doubled, real_at
from limner.blocks.layers.equalised import (
    EqualConv,
    EqualDown,
    EqualLinear,
    EqualUp,
    append_minibatch_deviation,
    pixel_norm,
)
from limner.errors import UserError


def test_an_equalised_layer_scales_by_its_fan_in() -> None:
    layer = EqualLinear(8, 1)  # sqrt(2) / sqrt(8) = 1/2
    nn.init.ones_(layer.weight)
    assert layer(torch.ones(1, 8)).item() == pytest.approx(4.0)
    convolution = EqualConv(2, 1, 3)  # sqrt(2) / sqrt(18) = 1/3, and 18 weights meet the middle
    nn.init.ones_(convolution.weight)
    assert convolution(torch.ones(1, 2, 3, 3))[0, 0, 1, 1].item() == pytest.approx(6.0)
    assert EqualLinear(4, 1, gain=1).scale == 0.5


def test_equalised_weights_are_stored_at_unit_spread_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    layer = EqualConv(64, 64, 3)
    assert layer.weight.std().item() == pytest.approx(1.0, abs=0.02)
    assert not layer.bias.any()  # type: ignore[union-attr]


def test_doubling_and_convolving_are_taken_as_one() -> None:
    torch.manual_seed(0)
    x, layer = torch.randn(2, 3, 5, 5), EqualUp(3, 4)
    expected = F.conv2d(doubled(x), layer.weight * layer.scale, layer.bias, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_convolving_and_halving_are_taken_as_one() -> None:
    torch.manual_seed(0)
    x, layer = torch.randn(2, 3, 6, 6), EqualDown(3, 4)
    expected = F.avg_pool2d(F.conv2d(x, layer.weight * layer.scale, layer.bias, padding=1), 2)
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_pixel_norm_brings_each_place_to_mean_square_one() -> None:
    x = torch.tensor([[3.0, 0.0], [4.0, 0.0]])[None, :, :, None]  # (1, 2, 2, 1): channels (3, 4) and (0, 0)
    y = pixel_norm(x)
    assert torch.allclose(y[0, :, 0, 0], torch.tensor([3.0, 4.0]) / math.sqrt(12.5))
    assert not y[0, :, 1, 0].any()


def test_minibatch_deviation_by_hand() -> None:
    x = torch.zeros(8, 1, 1, 2)
    x[:4, 0, 0, 0] = torch.tensor([1.0, 1.0, 3.0, 3.0])  # spread 1 at one of two places: mean 1/2
    y = append_minibatch_deviation(x)
    assert y.shape == (8, 2, 1, 2)
    assert torch.allclose(y[:4, 1], torch.tensor(0.5), atol=1e-3)
    assert torch.allclose(y[4:, 1], torch.tensor(0.0), atol=1e-3)
    assert torch.equal(y[:, :1], x)


@pytest.mark.parametrize(("batch", "group"), [(1, 1), (2, 2), (3, 3), (6, 3), (14, 2)])
def test_minibatch_deviation_of_other_batches(batch: int, group: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(batch, 3, 4, 4)
    first = x[:group].var(dim=0, correction=0).sqrt().mean() if group > 1 else torch.tensor(0.0)
    assert append_minibatch_deviation(x)[0, 3, 0, 0].item() == pytest.approx(first.item(), abs=1e-3)


def test_real_pictures_fade_as_drawn_ones_do() -> None:
    x = torch.randn(2, 3, 16, 16)
    small, smaller = F.avg_pool2d(x, 2), F.avg_pool2d(x, 4)
    assert torch.allclose(real_at(x, 1, 0.0), doubled(smaller), atol=1e-6)
    assert torch.allclose(real_at(x, 1, 1.0), small, atol=1e-6)
    assert torch.allclose(real_at(x, 1, 0.5), (small + doubled(smaller)) / 2, atol=1e-6)
    assert torch.allclose(real_at(x, 0, 0.0), smaller, atol=1e-6)


def test_alpha_rises_over_the_share_of_a_stage_and_the_first_has_none() -> None:
    stage = Stage(8, 1, 16, 0.8)
    assert [stage.alpha(p) for p in (0.0, 0.4, 0.8, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert Stage(8, 1, 16, 0).alpha(0.0) == 1
    assert Stage(4, 1, 16, 0.8).alpha(0.0) == 1


def test_a_budget_is_parted_by_shares_and_stages_above_the_size_are_left_out() -> None:
    stages = (Stage(4, 1, 8, 0), Stage(8, 3, 8, 0.5), Stage(16, 4, 8, 0.5))
    assert GrowthSchedule.of(stages, (3, 2, 1), 16, 800).budgets == (100, 300, 400)
    assert GrowthSchedule.of(stages, (3, 2, 1), 16, 80).budgets == (10, 30, 40)
    smaller = GrowthSchedule.of(stages, (3, 2, 1), 8, 800)
    assert (smaller.budgets, smaller.widths, smaller.last) == ((200, 600), (3, 2), 1)


def test_a_schedule_may_begin_at_any_side_and_its_first_stage_never_fades() -> None:
    stages = (Stage(8, 1, 8, 0.5), Stage(16, 3, 8, 0.5))
    schedule = GrowthSchedule.of(stages, (4, 3, 2), 16, 400)
    assert (schedule.first, schedule.last, schedule.widths) == (1, 2, (4, 3, 2))
    assert list(schedule.parts()) == [(1, Stage(8, 1, 8, 0.0), 100), (2, Stage(16, 3, 8, 0.5), 300)]
    assert (schedule.at(1).alpha(0.0), schedule.at(2).alpha(0.0)) == (1.0, 0.0)
    drawn = [
        draft.note for draft in coarse_to_fine(
            lambda z, depth, alpha: torch.zeros(1, 3, 4 << depth, 4 << depth), torch.zeros(1, 2), 2, 1.0, 16, first=1
        )
    ]  # fmt: skip
    assert drawn == ["8 x 8", "16 x 16"]
    with pytest.raises(UserError, match="3 stages need 3 widths, not 2"):
        GrowthSchedule.of(stages, (4, 3), 16, 400)


@pytest.mark.parametrize(
    ("stages", "size", "says"),
    [
        ((Stage(4, 1, 8, 0), Stage(16, 1, 8, 0)), 16, "double from 4, 8, ... to size=16; they are 4, 16"),
        ((Stage(4, 1, 8, 0), Stage(8, 1, 8, 0)), 16, "double from 4"),
        ((Stage(12, 1, 8, 0),), 12, "double from 4"),
        ((), 8, "they are none"),
        ((Stage(4, 0, 8, 0),), 4, "stage of 4 pixels: share above 0"),
        ((Stage(4, 1, 0, 0),), 4, "batch from 1"),
        ((Stage(4, 1, 8, 1.5),), 4, "fade from 0 to 1"),
    ],
    ids=["gap", "short", "no power of two", "none", "share", "batch", "fade"],
)
def test_a_schedule_that_makes_no_sense_is_refused(stages: tuple[Stage, ...], size: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        GrowthSchedule.of(stages, (8, 8, 8), size, 100)


def test_drafts_grow_and_the_last_is_of_full_size_whatever_depth_was_reached() -> None:
    def generator(latent: torch.Tensor, depth: int, alpha: float) -> torch.Tensor:
        return torch.full((len(latent), 3, 4 * 2**depth, 4 * 2**depth), 10 * alpha - depth)

    drafts = list(coarse_to_fine(generator, torch.zeros(2, 5), depth=1, alpha=0.05, size=16))
    images = [draft.images for draft in drafts if draft.images is not None]
    assert [tuple(image.shape) for image in images] == [(2, 3, 4, 4), (2, 3, 16, 16)]
    assert [draft.note for draft in drafts] == ["4 x 4", "8 x 8"]
    assert [draft.progress for draft in drafts] == [0.5, 1.0]
    assert [image.unique().tolist() for image in images] == [[1.0], [-0.5]]
