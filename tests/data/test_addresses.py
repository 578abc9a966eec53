"""Data sets at addresses: read as those here are, and not copied whole: what is not needed is not fetched."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from limner.addresses import is_address, shown
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.remote import open_set
from limner.errors import UserError

SIDE, GROUP = 48, 4


class Counted(MemoryFileSystem):
    """Files in memory that count what is read of them."""

    protocol = "counted"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    cachable = False
    bytes_read: ClassVar[dict[str, int]] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("counted://").strip("/")

    @classmethod
    def _count(cls, path: str, count: int) -> None:
        cls.bytes_read[path] = cls.bytes_read.get(path, 0) + count

    def cat_file(self, path: str, start: Any = None, end: Any = None, **more: Any) -> bytes:
        found = super().cat_file(path, start, end, **more)
        self._count(self._strip_protocol(path), len(found))
        return bytes(found)

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        opened = super()._open(path, mode, **more)
        if mode != "rb":
            return opened
        return Reader(bytes(opened.getvalue()), lambda count: self._count(path, count))


class Reader(io.BytesIO):
    def __init__(self, content: bytes, count: Any) -> None:
        super().__init__(content)
        self._count = count

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self._count(len(found))
        return found


@pytest.fixture(autouse=True)
def counted() -> Iterator[type[Counted]]:
    fsspec.register_implementation("counted", Counted, clobber=True)
    for one in (Counted.store, Counted.bytes_read):
        one.clear()
    yield Counted
    Counted.store.clear()
    MemoryFileSystem.store.clear()


def noise(seed: int) -> bytes:
    """Encode a picture that does not compress."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(first: int, count: int, **more: Any) -> bytes:
    """Write a Parquet file of pictures, captions and masks, four rows a group."""
    rows = [
        {
            "image": {"bytes": noise(i), "path": None},
            "text": [f"picture {i}"],
            "mood": "glad" if i % 2 else "sad",
            "masks": [{"label": "hat", "mask": {"bytes": noise(1000 + i), "path": None}}],
        }
        | {name: make(i) for name, make in more.items()}
        for i in range(first, first + count)
    ]
    rows = [{name: cell for name, cell in row.items() if cell is not None} for row in rows]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=GROUP)
    return buffer.getvalue()


def put(files: dict[str, bytes], here: Path | None = None) -> str:
    """Lay files at an address, and in a folder here."""
    fsspec.filesystem("counted").pipe({f"/set/{name}": content for name, content in files.items()})
    for name, content in files.items() if here else ():
        path = here / name  # type: ignore[operator]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return "counted://set"


def same(one: Dataset, other: Dataset) -> None:
    assert one.fingerprint == other.fingerprint and one.schema == other.schema and one.columns == other.columns
    for split in ("train", "test"):
        rows = range(one.length(split))
        assert (one.pictures(rows, split) == other.pictures(rows, split)).all()
        assert [one.captions(row, split) for row in rows] == [other.captions(row, split) for row in rows]
    assert one.column("mood", [2, 0]) == other.column("mood", [2, 0])


def test_parquet_elsewhere_is_the_same_set(tmp_path: Path) -> None:
    files = {"train-00000.parquet": table(0, 10), "train-00001.parquet": table(10, 6), "test.parquet": table(16, 6)}
    address = put(files, tmp_path / "here")
    one, other = (Dataset.open(name, size=8, cache=tmp_path / "cache") for name in (tmp_path / "here", address))
    same(one, other)
    assert [problem.kind for problem in check(address)] == [problem.kind for problem in check(tmp_path / "here")]
    single = Dataset.open(f"{address}/test.parquet", size=8, cache=tmp_path / "cache", held_out=0.0)
    assert single.length() == 6


def test_of_parquet_only_needed_columns_row_groups_and_splits_are_read(tmp_path: Path, counted: type[Counted]) -> None:
    files = {"train.parquet": table(0, 40), "test.parquet": table(40, 8), "validation.parquet": table(48, 20)}
    address, size = put(files), len(files["train.parquet"])
    source = open_set(address, split="train", root=tmp_path)
    assert not any("validation" in path for path in counted.bytes_read), "a split was opened that nothing reads"
    assert source.table.select_columns(["text", "mood"])[37:39]["text"] == [["picture 37"], ["picture 38"]]
    assert len(source.column("masks")) == 48  # the labels of masks, not their bytes
    read = counted.bytes_read["/set/train.parquet"]
    assert read < size / 5, f"{read} of {size} bytes were read for captions and labels"
    counted.bytes_read.clear()
    (a, b) = source.encoded(5, 7)
    assert (a, b) == (noise(5), noise(6))
    one_picture = len(noise(5))
    assert counted.bytes_read["/set/train.parquet"] < 5.5 * one_picture + 20_000, "more than one group was read"
    assert source.encoded(38, 42) == [noise(i) for i in range(38, 42)], "rows of two files"
    before = sum(counted.bytes_read.values())
    source.encoded(39, 41)
    assert sum(counted.bytes_read.values()) == before, "a group that is kept was read again"


def test_a_folder_elsewhere_is_the_same_set_and_only_its_files_are_fetched(
    tmp_path: Path, counted: type[Counted]
) -> None:
    lines = [
        {"file_name": f"{split}/{i}.png", "text": f"picture {i}", "mood": "glad", "split": split}
        for i, split in enumerate(["train"] * 5 + ["test"] * 2 + ["validation"] * 3)
    ]
    files = {line["file_name"]: noise(i) for i, line in enumerate(lines)}
    files |= {"metadata.jsonl": "\n".join(map(json.dumps, lines)).encode(), "notes.bin": b"x" * 10**6}
    address = put(files, tmp_path / "here")
    one, other = (Dataset.open(name, size=8, cache=tmp_path / "cache") for name in (tmp_path / "here", address))
    same(one, other)
    fetched = {path for path, count in counted.bytes_read.items() if count}
    assert not {path for path in fetched if "validation" in path or "notes" in path}
    counted.bytes_read.clear()
    Dataset.open(address, size=8, cache=tmp_path / "cache")
    assert not counted.bytes_read, "a set that is known was fetched again"
    fsspec.filesystem("counted").pipe("/set/train/0.png", noise(99))
    changed = Dataset.open(address, size=8, cache=tmp_path / "cache")
    assert changed.fingerprint != other.fingerprint


def test_captions_beside_pictures_elsewhere_and_what_is_wrong_names_the_address(tmp_path: Path) -> None:
    files = {f"{i}.png": noise(i) for i in range(3)} | {f"{i}.txt": b"a hat" for i in range(2)}
    address = put(files | {"2.txt": b""})
    (problem,) = [one for one in check(address, cache=tmp_path) if one.is_error]
    assert problem.kind == "empty caption" and problem.file == "counted://set/2.png"
    fsspec.filesystem("counted").pipe("/set/2.txt", b"a cap")
    fsspec.filesystem("counted").pipe("/set/1.png", b"torn")
    with pytest.raises(UserError, match=r"counted://set/1\.png"):
        Dataset.open(address, size=8, cache=tmp_path)


def test_a_table_of_strangers_reads_no_file_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(noise(0))
    address = put({"train.parquet": table(0, 4, image=lambda _: {"bytes": None, "path": str(secret)})})
    with pytest.raises(UserError, match="is not in the table"):
        Dataset.open(address, size=8, cache=tmp_path / "cache")


def test_several_columns_of_captions_and_other_names(tmp_path: Path) -> None:
    more = {"caption_0": lambda i: f"a {i}", "caption_1": lambda i: f"b {i}", "text": lambda i: None}
    address = put({"train.parquet": table(0, 6, **more)}, tmp_path / "here")
    one, other = (
        Dataset.open(name, size=8, cache=tmp_path / "cache", held_out=0.0) for name in (tmp_path / "here", address)
    )
    assert [one.captions(row) for row in range(6)] == [other.captions(row) for row in range(6)]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("s3://bucket/set", "s3://bucket/set needs a library that is not here: .*s3fs"),
        ("https://x.example/set.parquet", "https://x.example/set.parquet needs a library that is not here: .*aiohttp"),
        ("ftp2://anna:sesame@host/set", "ftp2://host/set cannot be read: Protocol not known"),
        ("counted://nothing", "there is no data set at counted://nothing"),
        ("counted://set/notes.txt", "is not a data set: give the address of a folder or of a .parquet file"),
    ],
)
def test_an_address_that_cannot_be_read_is_told_in_a_line(
    address: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put({"notes.txt": b"dear"})
    for library in ("s3fs", "aiohttp"):  # as where it is not installed
        monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)
    with pytest.raises(UserError, match=says) as caught:
        open_set(address, split="train", root=tmp_path)
    assert "\n" not in str(caught.value) and "sesame" not in str(caught.value)


def test_what_is_an_address() -> None:
    for name in ("s3://b/x", "hf://datasets/a/b", "memory://x", "zip://a.parquet::s3://b/c.zip", "https://x.example/a"):
        assert is_address(name)
    for name in ("data/birds", "owner/name", "C:\\data", "C:/data", "a://b", "./a"):
        assert not is_address(name)
    assert shown("ftp://anna:sesame@host/a@b") == "ftp://host/a@b"
