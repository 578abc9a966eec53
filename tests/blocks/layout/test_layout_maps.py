"""Warps, maps and windows of layouts: what lies in a box comes out of it, and geometry follows the picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from limner.blocks.layout.boxes import largest
from limner.blocks.layout.maps import heat, interior, painted
from limner.blocks.layout.warps import cropped, placed
from limner.blocks.layout.windows import boxes_in, points_in
from limner.blocks.losses.differentiable_augmentation import Window, cut, draw_window, window

BOX = torch.tensor([[0.25, 0.5, 0.5, 0.25]])


def smooth(side: int) -> torch.Tensor:
    """Return a map without edges, so that reading between its cells loses nothing much."""
    along = torch.linspace(0, 1, side)
    return (along[:, None] * 2 + along[None, :])[None, None]


def test_what_is_placed_lies_in_its_box_and_nowhere_else() -> None:
    found = placed(torch.ones(1, 2, 16, 16), BOX)
    assert found.shape == (1, 2, 16, 16)
    where = interior(BOX, 16)
    assert_close(found[0, 0], where[0])
    assert where.sum() == 8 * 4 and where[0, 8:12, 4:12].all()


def test_crop_is_undone_by_placing() -> None:
    """Placed and cropped again a map is itself, but for the border of the box."""
    maps = smooth(16)
    again = cropped(placed(maps, BOX, 64), BOX, 16)
    assert_close(again[..., 2:-2, 2:-2], maps[..., 2:-2, 2:-2], atol=0.03, rtol=0)
    whole = torch.tensor([[0.0, 0, 1, 1]])
    assert_close(cropped(maps, whole), maps)
    assert_close(placed(maps, whole), maps)


def test_a_crop_is_what_lies_in_the_box() -> None:
    maps = torch.zeros(1, 1, 16, 16)
    maps[..., 8:12, 4:12] = 1
    assert cropped(maps, BOX, 4).min() > 0.9
    assert cropped(1 - maps, BOX, 4).max() < 0.1
    crop = cropped(smooth(16), BOX)  # of a map that grows to the right and downwards
    assert crop[0, 0, 0, -1] > crop[0, 0, 0, 0] and crop[0, 0, -1, 0] > crop[0, 0, 0, 0]


def test_each_map_has_its_own_box_and_gradients_reach_it() -> None:
    boxes = torch.tensor([[0.0, 0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]], requires_grad=True)
    found = placed(torch.ones(2, 1, 8, 8), boxes)
    assert found[0, 0, :4, :4].all() and not found[0, 0, 4:].any() and not found[1, 0, :4].any()
    placed(smooth(8).repeat(2, 1, 1, 1), boxes, 9).square().sum().backward()
    assert boxes.grad is not None and boxes.grad.abs().sum() > 0


def test_interior_is_the_share_of_each_cell() -> None:
    found = interior(torch.tensor([[[0.125, 0.0, 0.25, 1.0]]]), 4)
    assert_close(found[0, 0], torch.tensor([0.5, 0.5, 0, 0]).expand(4, 4))
    assert interior(torch.zeros(1, 2, 4), 4).sum() == 0


def test_painted_adds_up_things() -> None:
    shapes = interior(torch.tensor([[[0.0, 0, 0.5, 1], [0, 0, 1, 0.5]]]), 2)
    found = painted(torch.tensor([[[1.0, 0], [0, 2]]]), shapes)
    assert_close(found[0], torch.tensor([[[1.0, 0], [1, 0]], [[2.0, 2], [0, 0]]]))


def test_points_are_cells_and_those_outside_are_none() -> None:
    points = torch.tensor([[[0.0, 0, 1], [1, 1, 1], [0.49, 0.26, 1], [1.2, 0.5, 1], [0.5, 0.5, 0.4], [-0.1, 0.5, 1]]])
    maps = heat(points, 4)
    assert maps.sum(dim=(2, 3)).tolist() == [[1, 1, 1, 0, 0, 0]]  # dropped, not clamped to the border
    assert maps[0, 0, 0, 0] == maps[0, 1, 3, 3] == maps[0, 2, 1, 1] == 1
    assert heat(torch.full((1, 2, 3), torch.nan), 4).sum() == 0


def test_the_largest_box_is_the_place_and_none_is_the_whole() -> None:
    labels = torch.tensor([[0, 3, -1], [-1, -1, -1]])
    boxes = torch.tensor([[[0, 0, 0.1, 0.1], [0.2, 0.2, 0.5, 0.5], [0, 0, 1, 1]], [[0, 0, 0.9, 0.9]] * 3])
    label, box = largest(labels, boxes)
    assert label.tolist() == [3, -1]
    assert_close(box, torch.tensor([[0.2, 0.2, 0.5, 0.5], [0.0, 0, 1, 1]]))
    assert largest(labels[:, :0], boxes[:, :0])[1].tolist() == [[0, 0, 1, 1]] * 2


def blob(x: float, y: float, side: int = 32) -> torch.Tensor:
    picture = torch.zeros(1, 3, side, side)
    picture[..., round(y * side) - 2 : round(y * side) + 2, round(x * side) - 2 : round(x * side) + 2] = 1
    return picture


@pytest.mark.parametrize("mirrored", [False, True])
def test_places_follow_the_window_and_the_mirror(mirrored: bool) -> None:
    x, y = 0.5, 0.375
    cutting = Window(torch.tensor([[4]]), torch.tensor([[10]]), torch.tensor([[mirrored]]), 20)
    shown = cut(blob(x, y), cutting)
    found = points_in(torch.tensor([[[x, y, 1]]]), cutting, 32, ())[0, 0]
    rows, columns = torch.nonzero(shown[0, 0], as_tuple=True)
    middle = [(float(v.min()) + float(v.max()) + 1) / 2 / 20 for v in (columns, rows)]
    assert_close(found, torch.tensor([*middle, 1.0]))
    box = torch.tensor([[x - 2 / 32, y - 2 / 32, 4 / 32, 4 / 32]])
    inside = boxes_in(box, cutting, 32)[0]
    assert_close(inside[:2] + inside[2:] / 2, found[:2])
    assert_close(inside[2:], torch.tensor([4 / 20, 4 / 20]))


def test_a_mirror_exchanges_left_and_right() -> None:
    """The point called left eye is on the picture's other side, and carries the other name there."""
    points = torch.tensor([[[0.25, 0.5, 1], [0.75, 0.25, 1], [0.5, 0.75, 1]]])
    whole = torch.zeros(1, 1, dtype=torch.long)
    flipped = points_in(points, Window(whole, whole, torch.tensor([[True]]), 16), 16, ((0, 1),))
    assert_close(flipped, torch.tensor([[[0.25, 0.25, 1], [0.75, 0.5, 1], [0.5, 0.75, 1]]]))
    assert_close(points_in(points, Window(whole, whole, torch.tensor([[False]]), 16), 16, ((0, 1),)), points)


def test_points_outside_the_window_are_absent_and_boxes_are_cut() -> None:
    corner = Window(torch.tensor([[0]]), torch.tensor([[0]]), torch.tensor([[False]]), 16)
    points = torch.tensor([[[0.75, 0.25, 1], [0.25, 0.25, 1], [0.1, 0.1, 0]]])
    assert points_in(points, corner, 32, ()).tolist() == [[[0, 0, 0], [0.5, 0.5, 1], [0, 0, 0]]]
    assert_close(boxes_in(torch.tensor([[0.25, 0, 0.5, 0.25]]), corner, 32), torch.tensor([[0.5, 0, 0.5, 0.5]]))
    gone = boxes_in(torch.tensor([[0.75, 0.75, 0.1, 0.1]]), corner, 32)[0]
    assert gone[2:].min() > 0 and (gone[:2] + gone[2:]).max() <= 1 + 1e-6


def test_windows_are_drawn_as_they_always_were() -> None:
    pictures = torch.arange(2 * 3 * 8 * 8).float().view(2, 3, 8, 8)
    torch.manual_seed(3)
    one = window(pictures, 6)
    torch.manual_seed(3)
    assert torch.equal(one, cut(pictures, draw_window(pictures, 6)))
    assert F.avg_pool2d(one, 6).shape == (2, 3, 1, 1)
