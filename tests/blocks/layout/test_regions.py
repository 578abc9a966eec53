"""Regions: what a map holds in a box, in true coordinates; and no size of box that nobody looks at."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from limner.blocks.layout.maps import planes, strongest
from limner.blocks.layout.regions import by_size, regions


def ramp(side: int) -> Tensor:
    """Return a map whose cells hold the x and the y of their middles: (1, 2, side, side)."""
    middles = (torch.arange(side) + 0.5) / side
    return torch.stack([middles.expand(side, side), middles[:, None].expand(side, side)])[None]


@pytest.mark.parametrize("side", [16, 32, 64])
def test_a_region_is_read_where_its_box_lies_whatever_the_side_of_the_map(side: int) -> None:
    """Do not copy: cells of a map of 64, scaled by 1/16 once more, are all read from its top left corner."""
    boxes = torch.tensor([[[0.5, 0.25, 0.25, 0.5], [0.125, 0.625, 0.25, 0.25]]])
    read = regions(ramp(side), boxes)
    steps = (torch.arange(5) + 0.5) / 5
    assert read.shape == (1, 2, 2, 5, 5)
    for k, (x, y, width, height) in enumerate(boxes[0]):
        assert_close(read[0, k, 0], (x + width * steps).expand(5, 5), atol=1e-5, rtol=0)
        assert_close(read[0, k, 1], (y + height * steps)[:, None].expand(5, 5), atol=1e-5, rtol=0)


def test_a_cell_is_the_mean_of_four_points() -> None:
    maps = torch.zeros(1, 1, 2, 2)
    maps[0, 0, 0, 1] = 4.0
    # a region of one cell over the whole map: points at 1/4 and 3/4, which are the middles of the four cells
    assert_close(regions(maps, torch.tensor([[[0.0, 0, 1, 1]]]), 1), torch.ones(1, 1, 1, 1, 1))
    # in the upper right quarter they are at cells 3/4 and 1 across (beyond the last middle), at 0 and 1/4 down
    found = regions(maps, torch.tensor([[[0.5, 0, 0.5, 0.5]]]), 1)[0, 0, 0, 0, 0]
    assert found == pytest.approx(4 * (3 / 4 + 1) / 2 * (1 + 3 / 4) / 2)


def test_a_region_has_gradients_of_its_own_place_alone() -> None:
    maps = torch.zeros(1, 1, 16, 16, requires_grad=True)
    regions(maps, torch.tensor([[[0.5, 0.5, 0.25, 0.25]]])).sum().backward()
    assert maps.grad is not None
    assert maps.grad[0, 0, 7:13, 7:13].sum() == pytest.approx(25) and maps.grad.sum() == pytest.approx(25)


def test_every_box_is_small_or_large() -> None:
    """Do not copy: boxes between a quarter and a half of the side were neither."""
    sides = torch.linspace(0.01, 1, 100)
    boxes = torch.stack([torch.zeros(100), torch.zeros(100), sides, sides / 2], dim=1)[None]
    labels = torch.zeros(1, 100, dtype=torch.long)
    small, large = by_size(labels, boxes)
    assert torch.equal(small + large, torch.ones(1, 100))
    assert torch.equal(large[0], (sides >= 0.25).float())
    labels[0, :50] = -1
    assert not (by_size(labels, boxes)[0] + by_size(labels, boxes)[1])[0, :50].any()


def test_where_shapes_overlap_the_largest_value_stays() -> None:
    values = torch.tensor([[[1.0, 5.0], [3.0, 2.0], [0.0, 0.0]]])
    shapes = torch.tensor([[[[1.0, 1.0]], [[0.0, 1.0]], [[0.0, 0.0]]]])
    assert strongest(values, shapes).tolist() == [[[[1.0, 3.0]], [[5.0, 5.0]]]]


def test_planes_hold_the_shapes_of_each_label() -> None:
    labels = torch.tensor([[2, 0, 2, -1]])
    shapes = torch.tensor([[[[0.2, 0.0]], [[1.0, 0.0]], [[0.5, 0.4]], [[1.0, 1.0]]]])
    assert_close(planes(labels, shapes, 3), torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]], [[0.5, 0.4]]]]))
