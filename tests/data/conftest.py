from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picture_sets import encoded, picture, write_lines


@pytest.fixture(autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache folder of its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LIMNER_CACHE", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of pictures 0.png, 1.png, ... with the given rows of metadata."""

    def make(rows: list[Any], pictures: int | None = None, name: str = "set") -> Path:
        path = tmp_path / name
        path.mkdir()
        for number in range(len(rows) if pictures is None else pictures):
            (path / f"{number}.png").write_bytes(encoded(picture(number)))
        write_lines(path, rows)
        return path

    return make


@pytest.fixture
def captioned(folder: Callable[..., Path]) -> Path:
    """A folder of eight pictures with two captions each."""
    return folder([{"file_name": f"{k}.png", "text": [f"picture {k}", f"number {k} again"]} for k in range(8)])
