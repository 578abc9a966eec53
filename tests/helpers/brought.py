"""Small data sets as people bring them, made by the tests themselves."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limner.data.dataset import Dataset
from picture_sets import encoded, picture, write_lines


def folder_of(path: Path, names: Iterable[str], **others: str | bytes) -> Path:
    """Make a folder of pictures of these names, and other files by their paths, `/` as `__` and `.` as `_dot_`."""
    for number, name in enumerate(names):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(encoded(picture(number)))
    for name, content in others.items():
        file = path / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def numbered(count: int, folder: str = "") -> list[str]:
    """Return the names of so many pictures."""
    return [f"{folder}{k}.png" for k in range(count)]


def captions(path: Path, **options: Any) -> list[tuple[str, ...]]:
    """Return the captions of all rows of a set, those for training first."""
    data = Dataset.open(path, size=8, held_out=0, **options)
    return [data.captions(k, split) for split in ("train", "test") for k in range(data.length(split))]


def grey(values: np.ndarray, kind: str = "PNG") -> bytes:
    """Return an encoded grey picture of 16-bit, 32-bit or floating-point numbers."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def turned(number: int, orientation: int, size: tuple[int, int]) -> bytes:
    """Return a JPEG of this stored size whose EXIF says how it is turned."""
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", size, (60 + number, 90, 120)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def coco(path: Path, pictures: Mapping[int, tuple[bytes, tuple[int, int]]], box: list[float]) -> Path:
    """Make a download of MS-COCO 2017: pictures by number, each with the size its annotations say and one box."""
    (path / "annotations").mkdir(parents=True)
    (path / "train2017").mkdir()
    for number, (content, _) in pictures.items():
        (path / "train2017" / f"{number:012d}.jpg").write_bytes(content)
    images = [
        {"id": number, "file_name": f"{number:012d}.jpg", "width": size[0], "height": size[1]}
        for number, (_, size) in pictures.items()
    ]
    said = [{"id": n, "image_id": n, "caption": f"a wall {n}"} for n in pictures]
    things = [{"id": n, "image_id": n, "category_id": 1, "bbox": box, "iscrowd": 0} for n in pictures]
    for name, rows in (("captions", said), ("instances", things)):
        content = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "wall"}]}
        (path / "annotations" / f"{name}_train2017.json").write_text(json.dumps(content))
    return path


def lines(path: Path, rows: list[Any]) -> Path:
    """Write metadata.jsonl."""
    write_lines(path, rows)
    return path
