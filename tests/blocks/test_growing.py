"""The layers of ProGAN worked by hand, and nets that grow: what a fade shows at its ends, and across stages."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from limner.blocks.growing import (
    GrowingCritic,
    GrowingGenerator,
    Stage,
    doubled,
    faded,
    schedule,
    slope_penalty,
    wasserstein,
)
from limner.blocks.layers.equalised import EqualConv, EqualDown, EqualLinear, EqualUp, pixel_norm, with_deviation
from limner.errors import UserError

WIDTHS = (8, 6, 4)


@pytest.fixture
def generator() -> GrowingGenerator:
    torch.manual_seed(0)
    return GrowingGenerator(5, WIDTHS)


@pytest.fixture
def critic() -> GrowingCritic:
    torch.manual_seed(1)
    return GrowingCritic(WIDTHS)


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


def test_gains_are_less_at_the_ends(generator: GrowingGenerator, critic: GrowingCritic) -> None:
    assert generator.seed.scale == pytest.approx(math.sqrt(2) / 4 / math.sqrt(5))
    assert generator.colours[0].scale == pytest.approx(1 / math.sqrt(8))
    assert critic.score.scale == pytest.approx(1 / math.sqrt(8))
    assert generator.first.scale == pytest.approx(math.sqrt(2) / math.sqrt(8 * 9))


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
    y = with_deviation(x)
    assert y.shape == (8, 2, 1, 2)
    assert torch.allclose(y[:4, 1], torch.tensor(0.5), atol=1e-3)
    assert torch.allclose(y[4:, 1], torch.tensor(0.0), atol=1e-3)
    assert torch.equal(y[:, :1], x)


@pytest.mark.parametrize(("batch", "group"), [(1, 1), (2, 2), (3, 3), (6, 3), (14, 2)])
def test_minibatch_deviation_of_other_batches(batch: int, group: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(batch, 3, 4, 4)
    first = x[:group].var(dim=0, correction=0).sqrt().mean() if group > 1 else torch.tensor(0.0)
    assert with_deviation(x)[0, 3, 0, 0].item() == pytest.approx(first.item(), abs=1e-3)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_fade_goes_from_the_stage_before_to_the_new_one(generator: GrowingGenerator, depth: int) -> None:
    z = torch.randn(3, 5)
    before, after = generator(z, depth - 1), generator(z, depth)
    assert after.shape == (3, 3, 4 * 2**depth, 4 * 2**depth)
    assert torch.equal(generator(z, depth, 0.0), doubled(before))
    assert torch.equal(generator(z, depth, 1.0), after)
    assert torch.allclose(generator(z, depth, 0.25), 0.75 * doubled(before) + 0.25 * after, atol=1e-6)
    assert torch.equal(generator(z, 2), generator(z))


@pytest.mark.parametrize("depth", [1, 2])
def test_the_critic_fades_alike(critic: GrowingCritic, depth: int) -> None:
    x = torch.randn(4, 3, 4 * 2**depth, 4 * 2**depth)
    before, after = critic.features(F.avg_pool2d(x, 2), depth - 1, 1.0), critic.features(x, depth, 1.0)
    assert torch.allclose(critic.features(x, depth, 0.0), before, atol=1e-6)
    assert not torch.allclose(after, before, atol=1e-2)
    assert critic(x, depth, 0.5).shape == (4,)


def test_at_the_start_of_a_stage_nothing_of_it_is_heard(generator: GrowingGenerator, critic: GrowingCritic) -> None:
    z = torch.randn(4, 5)
    old = critic(generator(z, 0), 0, 1.0)
    assert torch.allclose(critic(generator(z, 1, 0.0), 1, 0.0), old, atol=1e-5)


def test_features_are_made_row_by_row_and_only_the_sum_sees_the_others(critic: GrowingCritic) -> None:
    x = torch.randn(4, 3, 8, 8)
    features = critic.features(x, 1, 1.0)
    assert torch.allclose(critic.features(x[:1], 1, 1.0), features[:1], atol=1e-5)
    assert not torch.allclose(critic.sum_up(features[:1]), critic.sum_up(features)[:1], atol=1e-3)


def test_the_critic_is_linear_at_its_end(critic: GrowingCritic) -> None:
    x = torch.randn(2, 3, 4, 4)
    score = critic(x, 0, 1.0)
    with torch.no_grad():
        critic.score.weight.neg_()
    assert torch.allclose(critic(x, 0, 1.0), -score, atol=1e-6)  # a leaky ReLU would shrink one of the two


def test_real_pictures_fade_as_drawn_ones_do() -> None:
    x = torch.randn(2, 3, 16, 16)
    small, smaller = F.avg_pool2d(x, 2), F.avg_pool2d(x, 4)
    assert torch.allclose(faded(x, 1, 0.0), doubled(smaller), atol=1e-6)
    assert torch.allclose(faded(x, 1, 1.0), small, atol=1e-6)
    assert torch.allclose(faded(x, 1, 0.5), (small + doubled(smaller)) / 2, atol=1e-6)
    assert torch.allclose(faded(x, 0, 0.0), smaller, atol=1e-6)


def test_wasserstein_by_hand() -> None:
    real, drawn, wrong = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0]), torch.tensor([0.0, -1.0])
    drift = 0.001 * (4 + 16) / 2
    assert wasserstein(real, drawn).item() == pytest.approx(1 - 3 + drift)
    assert wasserstein(real, drawn, wrong, weight=0.5).item() == pytest.approx(0.5 * (1 - 0.5) - 3 + drift)


def test_the_penalty_takes_the_norm_over_a_whole_picture() -> None:
    real, drawn = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    scale = torch.tensor([1.0, 3.0])  # norms sqrt(48) and 3 sqrt(48), not sqrt(3) at each of 16 places
    loss = slope_penalty(lambda x: scale * x.flatten(1).sum(dim=1), real, drawn)
    norms = scale * math.sqrt(48)
    assert loss.item() == pytest.approx(10 * (norms - 1).square().mean().item(), rel=1e-5)


def test_the_penalty_looks_between_real_and_drawn_pictures() -> None:
    seen = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(dim=1)

    slope_penalty(critic, torch.zeros(64, 3, 4, 4), torch.ones(64, 3, 4, 4))
    shares = seen[0].flatten(1)
    assert torch.equal(shares.amin(dim=1), shares.amax(dim=1))  # one share a picture
    assert shares.min() < 0.2 and shares.max() > 0.8


def test_alpha_rises_over_the_share_of_a_stage_and_the_first_has_none() -> None:
    stage = Stage(8, 1, 16, 0.8)
    assert [stage.alpha(p) for p in (0.0, 0.4, 0.8, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert Stage(8, 1, 16, 0).alpha(0.0) == 1
    assert Stage(4, 1, 16, 0.8).alpha(0.0) == 1


def test_a_budget_is_parted_by_shares_and_stages_above_the_size_are_left_out() -> None:
    stages = (Stage(4, 1, 8, 0), Stage(8, 3, 8, 0.5), Stage(16, 4, 8, 0.5))
    assert [images for _, images in schedule(stages, 16, 800)] == [100, 300, 400]
    assert [images for _, images in schedule(stages, 16, 80)] == [10, 30, 40]
    assert [images for _, images in schedule(stages, 8, 800)] == [200, 600]


@pytest.mark.parametrize(
    ("stages", "size", "says"),
    [
        ((Stage(4, 1, 8, 0), Stage(16, 1, 8, 0)), 16, "double from 4 to size=16; they are 4, 16"),
        ((Stage(4, 1, 8, 0), Stage(8, 1, 8, 0)), 16, "double from 4"),
        ((Stage(8, 1, 8, 0),), 8, "double from 4"),
        ((), 8, "they are none"),
        ((Stage(4, 0, 8, 0),), 4, "stage of 4 pixels: share above 0"),
        ((Stage(4, 1, 0, 0),), 4, "batch from 1"),
        ((Stage(4, 1, 8, 1.5),), 4, "fade from 0 to 1"),
    ],
    ids=["gap", "short", "late", "none", "share", "batch", "fade"],
)
def test_a_schedule_that_makes_no_sense_is_refused(stages: tuple[Stage, ...], size: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        schedule(stages, size, 100)
