"""Pictures at two sizes: the small one is the cache's, and patches are of the same places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from limner.data.dataset import Dataset
from limner.data.scales import scales
from toy import shapes_folder


def test_the_small_picture_is_the_one_that_the_cache_makes(tmp_path: Path) -> None:
    folder = shapes_folder(tmp_path / "shapes", size=32)
    large, small = (Dataset.open(folder, size=size, held_out=0.2) for size in (32, 8))
    view = scales(4).gather(large, range(6), np.random.default_rng(0))
    assert torch.equal(view.images, large.pictures(range(6)))
    assert torch.equal(view.small, small.pictures(range(6)))


def test_patches_are_of_the_same_places(tmp_path: Path) -> None:
    data = Dataset.open(shapes_folder(tmp_path / "shapes", size=32), size=32, held_out=0.2)
    whole = scales(4).gather(data, [3] * 40, np.random.default_rng(0))
    cut = scales(4, 5).gather(data, [3] * 40, np.random.default_rng(0))
    assert cut.small.shape == (40, 3, 5, 5) and cut.images.shape == (40, 3, 20, 20)
    places = set()
    for small, large in zip(cut.small, cut.images, strict=True):
        found = [
            (y, x)
            for y in range(4)
            for x in range(4)
            if torch.equal(whole.small[0, :, y : y + 5, x : x + 5], small)
            and torch.equal(whole.images[0, :, 4 * y : 4 * y + 20, 4 * x : 4 * x + 20], large)
        ]
        assert found, "the small patch and the large one lie at one place"
        places.update(found)
    assert len(places) > 8, "every corner has its turn"


def test_originals_are_looked_at_before_they_are_resized(tmp_path: Path) -> None:
    data = Dataset.open(shapes_folder(tmp_path / "shapes", size=24), size=8, held_out=0.2)
    assert data.original_sides() == [24] * 24 and data.original_sides(most=5) == [24] * 5
