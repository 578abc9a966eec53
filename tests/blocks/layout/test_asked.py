"""What requests ask for, as tensors: boxes in their order, shapes where their boxes are, mixtures in between."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from limner.blocks.layout.asked import asked_things, check_most
from limner.blocks.layout.maps import interior
from limner.errors import UserError
from limner.requests import Blend, Caption, Layout, shapes

THINGS = ("cup", "table")
CUP = ("cup", 0.25, 0.5, 0.5, 0.25)


def test_boxes_come_in_their_order_and_the_rest_is_empty() -> None:
    found = asked_things([Layout((("table", 0, 0, 1, 1), CUP)), Caption("a cup")], THINGS, 3, 8)
    assert found.labels.tolist() == [[1, 0, -1], [-1, -1, -1]]
    assert_close(found.boxes[0, 1], torch.tensor(CUP[1:]))
    assert not found.boxes[1].any() and not found.masks.any() and not found.is_shaped.any()


def test_a_shape_lies_in_its_box_and_moves_with_it() -> None:
    upper = shapes.encode(np.repeat([[1.0], [0.0]], 2, axis=1))
    full = shapes.encode(np.ones((4, 4)))
    layout = Layout((CUP, CUP), masks=(full, upper))
    for request in (layout, layout.moved(0, 0.125, 0.125).moved(1, 0.125, 0.125)):
        found = asked_things([request], THINGS, 2, 16)
        assert found.is_shaped.tolist() == [[True, True]]
        where = interior(found.boxes, 16)[0]
        assert_close(found.masks[0, 0], where[0], atol=0.02, rtol=0)
        half = interior(found.boxes * torch.tensor([1, 1, 1, 0.5]), 16)[0, 1]
        assert_close(found.masks[0, 1], half, atol=0.3, rtol=0)
        assert_close(found.masks[0, 1].sum(), half.sum(), atol=0.5, rtol=0)


def test_a_blend_lies_between() -> None:
    one, other = (Layout((("cup", x, 0.0, 0.5, 1.0),), masks=(shapes.encode(np.ones((2, 2))),)) for x in (0.0, 0.5))
    found = asked_things([Blend(one, other, 0.25)], THINGS, 1, 8)
    assert_close(found.boxes[0, 0], torch.tensor([0.125, 0, 0.5, 1]))
    assert_close(found.masks[0, 0], interior(found.boxes, 8)[0, 0], atol=0.1, rtol=0)
    assert found.is_shaped.all()


def test_too_many_boxes_are_refused() -> None:
    check_most(Layout((CUP, CUP)), 2)
    with pytest.raises(UserError, match="has 3 boxes, and this artist places 2 at most"):
        check_most(Layout((CUP, CUP, CUP)), 2)
