"""What tests of the gallery start from: an empty database of each kind that is tested, and a gallery in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import galleries
from limner.studio.gallery.gallery import Gallery


@pytest.fixture(params=galleries.KINDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with galleries.database(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def gallery(location: str) -> Iterator[Gallery]:
    found = Gallery(location)
    yield found
    found.close()
