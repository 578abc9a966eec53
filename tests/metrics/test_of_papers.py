"""Figures of single papers against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from limner.metrics import (
    in_folds,
    k_means,
    ms_ssim_of_pairs,
    r_precision,
    sliced_wasserstein,
    text_ranks,
    verification,
)
from limner.metrics.layouts import area_under_curve
from limner.metrics.ms_ssim import scales
from limner.metrics.sliced_wasserstein import laplacian_pyramid, normalised, patches, sliced_distance


def noise(count: int, side: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_ranks_of_own_texts() -> None:
    """Codes in the plane: text k at angle 10 k degrees; pictures at 0, 14 and 40 degrees with texts 0, 1 and 2."""
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 20.0, 30.0, 40.0]))
    texts = torch.stack([angles.cos(), angles.sin()], dim=1)
    seen = torch.deg2rad(torch.tensor([0.0, 14.0, 40.0, 30.0, 22.0]))
    pictures = torch.stack([seen.cos(), seen.sin()], dim=1)
    ranks = text_ranks(pictures, texts, list("abcde"))
    assert ranks.tolist() == [1, 1, 3, 1, 4]  # 40 degrees: texts 4, 3, then 2; 22: texts 2, 3, 1, then 4
    assert r_precision(pictures, texts, list("abcde")) == 3 / 5
    assert text_ranks(pictures, texts, ["a", "b", "c", "d", "d"]).tolist() == [1, 1, 3, 1, 3]  # none says the same
    assert text_ranks(texts[:1].expand(3, 2), texts[:1].expand(3, 2), list("abc")).tolist() == [
        3,
        3,
        3,
    ]  # ties are lost


def test_folds_have_a_mean_and_a_deviation() -> None:
    ranks = np.array([1, 1, 1, 2, 3, 2, 1, 5])
    assert in_folds(ranks, 1, 2) == (4 / 8, 0.25)  # three of four, one of four
    assert in_folds(ranks, 2, 2) == (6 / 8, 0.25)  # four of four, two of four
    assert in_folds(ranks, 5, 4) == (1.0, 0.0)


def test_a_shift_in_one_dimension_is_its_own_distance() -> None:
    points = torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))
    assert sliced_distance(points, points, torch.Generator().manual_seed(0)) == 0
    assert sliced_distance(points, points + 0.75, torch.Generator().manual_seed(1)) == pytest.approx(0.75, abs=1e-5)
    mixed = points[torch.randperm(1000, generator=torch.Generator().manual_seed(2))]
    assert sliced_distance(points, mixed, torch.Generator().manual_seed(3)) == pytest.approx(0, abs=1e-6)


def test_a_shift_in_the_plane_is_seen_by_the_cosine_of_each_direction() -> None:
    """The mean of |cos| over all directions is 2 / pi."""
    points = torch.zeros(10, 2)
    shifted = points + torch.tensor([3.0, 0.0])
    found = sliced_distance(points, shifted, torch.Generator().manual_seed(0), directions=20_000)
    assert found == pytest.approx(3 * 2 / np.pi, rel=0.02)


def test_a_pyramid_holds_what_it_was_made_of() -> None:
    from limner.metrics.sliced_wasserstein import _up

    images = noise(2, 64)
    levels = laplacian_pyramid(images)
    assert [level.shape[-1] for level in levels] == [64, 32, 16]
    again = levels[-1]
    for level in reversed(levels[:-1]):
        again = level + _up(again)
    assert torch.allclose(again, images, atol=1e-5)
    flat = torch.full((1, 3, 32, 32), 0.5)
    fine, coarse = laplacian_pyramid(flat)
    assert fine[..., 4:-4, 4:-4].abs().max() < 1e-5 and torch.allclose(coarse, torch.tensor(0.5), atol=1e-5)


def test_patches_are_windows_of_their_own_picture() -> None:
    level = torch.arange(2.0)[:, None, None, None] * 1000 + torch.arange(256.0).view(1, 1, 16, 16).expand(2, 3, 16, 16)
    some = patches(level, torch.Generator().manual_seed(0))
    assert some.shape == (256, 3, 7, 7)
    assert (some[:128] < 1000).all() and (some[128:] >= 1000).all()
    assert ((some[:, :, 1:] - some[:, :, :-1]) == 16).all() and ((some[..., 1:] - some[..., :-1]) == 1).all()
    flat = normalised(some).view(256, 3, 49)
    assert torch.allclose(flat.mean(dim=(0, 2)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(flat.std(dim=(0, 2)), torch.ones(3), atol=1e-3)


def test_the_distance_sees_the_scale_at_which_pictures_differ() -> None:
    real, alike = noise(40, 32), noise(40, 32, seed=1)
    coarse = torch.nn.functional.interpolate(noise(40, 8, seed=2), size=32, mode="nearest")
    near, far = sliced_wasserstein(alike, real), sliced_wasserstein(coarse, real)
    assert set(near) == {32, 16} and far[32] > 2 * near[32] and far[16] > 1.2 * near[16]


def test_ms_ssim_of_equal_pictures_is_one_and_of_others_less() -> None:
    one = noise(1, 64).expand(8, 3, 64, 64)
    assert ms_ssim_of_pairs(one, pairs=20) == pytest.approx(1, abs=1e-4)
    assert ms_ssim_of_pairs(noise(8, 64), pairs=50) < 0.5
    assert [scales(side) for side in (8, 11, 22, 32, 64, 128, 176, 256)] == [0, 1, 2, 2, 3, 4, 5, 5]


def test_ms_ssim_is_the_product_of_scales() -> None:
    """Two flat pictures of light l and m differ at the last scale alone: (2 l m + c) / (l^2 + m^2 + c), c = 0.01^2."""
    images = torch.stack([torch.full((3, 64, 64), 2 * light - 1) for light in (0.2, 0.8)])
    luminance = (2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4)
    weights = np.array([0.0448, 0.2856, 0.3001])
    assert ms_ssim_of_pairs(images, pairs=4) == pytest.approx(luminance ** (weights[2] / weights.sum()), abs=2e-3)


def test_verification_is_the_area_under_the_curve_of_pairs() -> None:
    """Codes at 0, 10, 40 and 100 degrees in clusters a a b b: the pairs of one cluster are 10 and 60 apart.

    Pairs of two are 40, 100, 30 and 90 apart: 10 is nearer than all four of them, 60 than two, so (4 + 2) / 8.
    """
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 40.0, 100.0]))
    codes = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert verification(codes, np.array([0, 0, 1, 1])) == pytest.approx(6 / 8)
    assert verification(codes[[0, 0, 3, 3]], np.array([0, 0, 1, 1])) == 1
    assert area_under_curve([1, 2, 2], [2, 0]) == pytest.approx((0.5 + 0.75 + 0.75) / 3)


def test_clusters_are_found() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    points = torch.tensor(np.concatenate([centre + rng.normal(size=(20, 2)) for centre in centres]))
    found = k_means(points, 3, seed=1).reshape(3, 20)
    assert all(len(set(row)) == 1 for row in found) and len(set(found[:, 0])) == 3
    assert len(set(k_means(points[:1].expand(5, 2), 2).tolist())) == 1
