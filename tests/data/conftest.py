from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache folder of its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LIMNER_CACHE", str(folder))
    return folder


def picture(number: int, size: tuple[int, int] = (12, 12)) -> Image.Image:
    """Return a picture that no other number has."""
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_lines(folder: Path, rows: list[Any]) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n")


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
