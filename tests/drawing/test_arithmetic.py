"""Arithmetic of noise, as DCGAN's paper does it, and what its discriminator's features know."""

from __future__ import annotations

import pytest
import torch

from limner.data.schema import Schema
from limner.drawing.arithmetic import arithmetic, noise_of
from limner.errors import UserError
from limner.metrics import linear_probe
from limner.noise import RowNoise
from limner.requests import Nothing
from limner.systems.dcgan import DCGAN


@pytest.fixture(scope="module")
def system() -> DCGAN:
    torch.manual_seed(0)
    return DCGAN(DCGAN.presets["tiny"], Schema(size=16)).eval()


def test_the_noise_of_a_seed_is_what_it_draws(system: DCGAN) -> None:
    found = noise_of(system, [3, 9], Nothing())
    assert torch.equal(found, RowNoise([3, 9]).normal(100))


def test_groups_are_averaged_added_and_taken_away(system: DCGAN) -> None:
    z = {seed: RowNoise([seed]).normal(100)[0] for seed in (1, 2, 3, 4)}
    made = arithmetic(system, Nothing(), plus=[[1, 2], [3]], minus=[[4]])
    expected = (z[1] + z[2]) / 2 + z[3] - z[4]
    assert torch.allclose(torch.tensor(made.noise), expected, atol=1e-6)
    (one,), (other,) = (list(system.sample([Nothing()], system.Knobs(), RowNoise([seed]))) for seed in (made, 1))
    with torch.no_grad():
        assert torch.allclose(one.images, system.generator(expected[None]), atol=1e-5)
    assert not torch.equal(one.images, other.images)
    assert arithmetic(system, Nothing(), plus=[[7]]).noise == tuple(RowNoise([7]).normal(100)[0].tolist())
    with pytest.raises(UserError, match="one of them is empty"):
        arithmetic(system, Nothing(), plus=[[1], []])


def test_features_are_the_largest_of_each_part_of_all_layers(system: DCGAN) -> None:
    x = torch.rand(2, 3, 16, 16)
    found = system.discriminator.features(x)
    first = system.discriminator.judge[:2](x)  # (2, 16, 8, 8)
    assert found.shape == (2, 16 * (first.shape[1] + 2 * first.shape[1]))
    pooled = first.unflatten(2, (4, -1)).unflatten(4, (4, -1)).amax(dim=(3, 5))
    assert torch.allclose(found[:, : pooled[0].numel()], pooled.flatten(1))


def test_a_linear_classifier_finds_what_is_linear() -> None:
    torch.manual_seed(0)
    labels = torch.arange(3).repeat(40)
    points = torch.randn(120, 5) * 0.3
    points[torch.arange(120), labels] += 3
    assert linear_probe(points[:90], labels[:90], points[90:], labels[90:]) == 1.0
    noise = torch.randn(120, 2)
    assert linear_probe(noise[:90], labels[:90], noise[90:], labels[90:]) < 0.7
