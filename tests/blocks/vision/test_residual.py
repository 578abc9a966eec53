"""The residual encoder: its maps, and the sizes it takes."""

from __future__ import annotations

import pytest
import torch

from limner.blocks.vision.residual import ResidualEncoder
from limner.errors import UserError


@pytest.mark.parametrize(
    ("size", "maps"),
    [(16, []), (32, [(96, 8)]), (64, [(96, 16), (160, 8)]), (128, [(96, 32), (160, 16), (192, 8)])],
)
def test_maps_and_features(size: int, maps: list[tuple[int, int]]) -> None:
    with torch.device("meta"):
        found = ResidualEncoder(size)(torch.empty(2, 3, size, size))
    assert [tuple(one.shape[1:3]) for one in found.maps] == maps
    assert found.whole.shape == (2, 256)


def test_narrower_nets_have_fewer_channels() -> None:
    narrow, wide = (sum(p.numel() for p in ResidualEncoder(32, 64, width).parameters()) for width in (0.25, 1.0))
    assert narrow < wide / 4


def test_other_sizes_are_one_clear_line() -> None:
    with pytest.raises(UserError, match="size=48"):
        ResidualEncoder(48)
