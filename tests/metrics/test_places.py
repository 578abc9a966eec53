"""Where things are drawn: known answers."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from limner.metrics import box_overlap, correct_key_points, iou, standing_boxes


def thing(left: int, top: int, width: int, height: int, ground: float = -0.8, side: int = 20) -> torch.Tensor:
    picture = torch.full((3, side, side), ground)
    picture[1, top : top + height, left : left + width] = 0.9
    return picture


def test_the_box_of_what_stands_on_a_flat_ground() -> None:
    pictures = torch.stack([thing(5, 2, 10, 8), thing(0, 0, 6, 14), thing(0, 0, 0, 0)])
    found = standing_boxes(pictures)
    assert_close(found, torch.tensor([[0.25, 0.1, 0.5, 0.4], [0, 0, 0.3, 0.7], [0, 0, 1, 1]]))  # it may cover a corner
    stray = thing(5, 2, 10, 8)
    stray[:, 17, 17] = 1.0
    faint = thing(5, 2, 10, 8) + 0.05 * torch.randn(3, 20, 20)
    assert_close(standing_boxes(torch.stack([stray, faint])), found[:1].repeat(2, 1))


def test_overlap_is_that_of_single_boxes() -> None:
    found, asked = torch.rand(20, 4) + 0.01, torch.rand(20, 4) + 0.01
    for value, one, other in zip(box_overlap(found, asked), found, asked, strict=True):
        assert float(value) == pytest.approx(iou(one.tolist(), other.tolist()), abs=1e-6)


def test_key_points_count_within_a_tenth_of_the_thing() -> None:
    asked = torch.tensor([[[0.5, 0.5, 1], [0.2, 0.2, 0]], [[0.5, 0.5, 1], [0.2, 0.2, 1]]])
    found = torch.tensor([[[0.5, 0.58], [0.9, 0.9]], [[0.53, 0.54], [0.2, 0.31]]])
    assert correct_key_points(found, asked) == pytest.approx(2 / 3)  # of three that can be seen
    assert correct_key_points(found, asked, torch.tensor([0.7, 1.2])) == pytest.approx(2 / 3)  # .07 and .12
    assert correct_key_points(found, asked, torch.tensor([0.7, 0.4])) == 0
    assert correct_key_points(found, asked * torch.tensor([1, 1, 0])) == 0
