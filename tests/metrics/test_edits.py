"""Edits of layouts: known pictures have known figures, and a painter that draws at will is found out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from limner.metrics import changed_outside, extent_of_change, kept_identity, move, removal
from limner.metrics.edits import changed, pixels_of

SIDE = 16
OLD, NEW = torch.tensor([[0.125, 0.25, 0.25, 0.5]]), torch.tensor([[0.625, 0.25, 0.25, 0.5]])


def drawn(box: Tensor | None = None, value: float = 1.0, ground: float = -1.0) -> Tensor:
    """Return a picture of one plain thing, or of none: (1, 3, 16, 16)."""
    image = torch.full((1, 3, SIDE, SIDE), ground)
    if box is not None:
        x, y, width, height = (SIDE * box[0]).int().tolist()
        image[:, :, y : y + height, x : x + width] = value
    return image


def test_a_clean_removal_changes_its_box_and_nothing_else() -> None:
    found = removal(drawn(OLD), drawn(), OLD)
    assert (found.inside, found.outside, found.overlap, found.clean) == (1, 0, 1, 1)


def test_a_removal_that_redraws_the_picture_is_found_out() -> None:
    found = removal(drawn(OLD), drawn(ground=0.0), OLD)
    assert found.outside == 1 and found.clean == 0 and found.overlap == pytest.approx(0.125)
    kept = removal(drawn(OLD), drawn(OLD), OLD)
    assert kept.inside == 0 == kept.overlap and kept.clean == 0, "a thing that stays was not removed"


def test_change_outside_is_a_share_of_what_is_outside() -> None:
    after = drawn(OLD)
    after[:, :, 0, :] = 0  # a row of 16, none of them in the box of 32 pixels
    assert_close(changed_outside(drawn(OLD), after, OLD), torch.tensor([16 / (256 - 32)]))
    assert_close(changed_outside(drawn(OLD), after, OLD, torch.tensor([[0.0, 0, 1, 0.0625]])), torch.tensor([0.0]))
    assert_close(changed_outside(drawn(), drawn(ground=-0.95), OLD), torch.tensor([0.0])), "less than the threshold"
    assert_close(changed_outside(drawn(), drawn(ground=1.0), torch.tensor([[0.0, 0, 1, 1]])), torch.tensor([0.0]))


def test_the_extent_of_a_change_leaves_out_a_stray_pixel() -> None:
    after = drawn(OLD)
    after[:, :, 15, 15] = 1
    assert_close(extent_of_change(drawn(), after), OLD)
    assert_close(extent_of_change(drawn(), drawn()), torch.zeros(1, 4))


def test_pixels_and_boxes_by_hand() -> None:
    one = torch.zeros(1, 3, 8, 8)
    other = one.clone()
    other[0, 1, 2:4, 4:7] = 0.3  # one channel is enough
    other[0, :, 7, 0] = 0.2  # too little
    pixels = changed(one, other, 0.25)
    assert pixels.sum() == 6
    assert extent_of_change(one, other, 0.25).tolist() == [[4 / 8, 2 / 8, 3 / 8, 2 / 8]]
    assert extent_of_change(one, one).tolist() == [[0.0, 0.0, 0.0, 0.0]]
    assert torch.equal(pixels_of(torch.tensor([[4 / 8, 2 / 8, 3 / 8, 2 / 8]]), 8), pixels)
    assert pixels_of(torch.tensor([[0.45, 0.3, 0.01, 0.01]]), 8).sum() == 1  # a pixel that it touches


def test_a_thing_that_moves_with_its_box() -> None:
    found = move(drawn(OLD), drawn(NEW), drawn(), OLD, NEW)
    assert (found.arrived, found.stood, found.stayed, found.outside) == (1, 1, 0, 0)
    deaf = move(drawn(OLD), drawn(OLD), drawn(), OLD, NEW)
    assert (deaf.arrived, deaf.stood, deaf.stayed) == (0, 1, 1), "it stays where it was"
    other = move(drawn(OLD), drawn(NEW, ground=0.5), drawn(), OLD, NEW)
    assert other.outside == 1 and other.arrived < 0.2


def test_identity_is_kept_where_the_thing_moves_as_it_was() -> None:
    value, foreign = 0.5, -0.2
    before, others = drawn(OLD, value), drawn(OLD, foreign)
    assert kept_identity(before, drawn(NEW, value), others, OLD, NEW) == 1
    assert kept_identity(before, drawn(NEW, foreign), others, OLD, NEW) == 0
    assert kept_identity(before, drawn(NEW, value), before, OLD, NEW) == 0.5, "no seed makes a difference"
    grown = torch.tensor([[0.5, 0.0, 0.5, 1.0]])
    assert kept_identity(before, drawn(grown, value), others, OLD, grown) == 1, "cut at one size"
