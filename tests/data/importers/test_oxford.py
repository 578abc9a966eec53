"""Oxford-102 with Reed's captions: labels from the captions' folders, Reed's split or Oxford's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from downloads import flower_class, flowers, pickled_splits, reeds_lists
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import oxford
from limner.data.importers.writing import write
from limner.errors import UserError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = flowers(tmp_path / "downloads")
    reeds_lists(folder, ("class_00001", "class_00003"), ("class_00002",))
    return folder


def setid(folder: Path, **sets: list[int]) -> None:
    io = pytest.importorskip("scipy.io")
    io.savemat(folder / "setid.mat", {name: np.array([numbers]) for name, numbers in sets.items()}, do_compression=True)


def test_everything_of_a_row_is_there(source: Path, tmp_path: Path) -> None:
    plan = oxford.plan(source)
    assert plan.counts() == {"train": 4, "test": 2} and plan.way == "classes"
    write(plan, tmp_path / "flowers")
    table = pq.read_table(tmp_path / "flowers" / "train-00000-of-00001.parquet").to_pylist()
    assert [row["file_name"] for row in table] == [f"jpg/image_{number:05d}" for number in (2, 3, 5, 6)]
    assert [row["label"] for row in table] == [flower_class(number) for number in (2, 3, 5, 6)]
    assert table[0]["text"] == [f"flower 2 has petal number {k}" for k in range(10)]
    assert table[0]["image"]["bytes"] == (source / "jpg/image_00002.jpg").read_bytes()
    data = Dataset.open(tmp_path / "flowers", size=8)
    assert data.length("train") == 4 and data.schema.labels == ("class_00001", "class_00002", "class_00003")
    assert check(tmp_path / "flowers") == []


def test_oxfords_own_split_is_read_from_its_matlab_file(source: Path, tmp_path: Path) -> None:
    setid(source, trnid=[1, 2], valid=[3], tstid=[4, 5, 6])
    plan = oxford.plan(source, split="official")
    assert [entry.split for entry in plan.entries] == ["train"] * 2 + ["validation"] + ["test"] * 3
    out = write(plan, tmp_path / "flowers")
    assert sorted(path.name.split("-")[0] for path in out.glob("*.parquet")) == ["test", "train", "validation"]
    data = Dataset.open(out, size=8)
    assert (data.length("train"), data.length("test")) == (2, 3)


def test_without_lists_of_classes_the_pickles_divide(source: Path) -> None:
    (source / "testclasses.txt").unlink()
    names = [f"jpg/image_{number:05d}" for number in range(1, 7)]
    pickled_splits(source, names[2:], names[:2])
    assert [entry.split for entry in oxford.plan(source).entries] == ["test"] * 2 + ["train"] * 4


def test_without_scipy_one_line_says_so(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "setid.mat").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    assert oxford.plan(source).way == "classes"
    with pytest.raises(UserError, match=r'needs scipy: pip install "limner\[import\]"'):
        oxford.plan(source, split="official")


@pytest.mark.parametrize("content", [b"", b"no MATLAB file", b"MATLAB 5.0" + bytes(200)])
def test_a_matlab_file_that_is_none(source: Path, content: bytes) -> None:
    pytest.importorskip("scipy")
    (source / "setid.mat").write_bytes(content)
    with pytest.raises(UserError, match="is not Oxford's setid"):
        oxford.plan(source, split="official")


def test_a_matlab_file_of_something_else(source: Path) -> None:
    setid(source, labels=[1, 2])
    with pytest.raises(UserError, match="is not Oxford's setid"):
        oxford.plan(source, split="official")
    setid(source, trnid=[1, 2], valid=[3], tstid=[4, 5])
    with pytest.raises(UserError, match="jpg/image_00006 is in no split"):
        oxford.plan(source, split="official")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: (s / "jpg").rename(s / "pictures"), r"has no jpg.*102flowers\.tgz"),
        (lambda s: (s / "text_c10").rename(s / "captions"), "has no text_c10.*captions of Reed"),
        (lambda s: (s / "text_c10/class_00002/image_00004.txt").unlink(), r"image_00004\.txt is missing"),
        (lambda s: [path.unlink() for path in (s / "jpg").iterdir()], r"holds no image_00001\.jpg"),
        (lambda s: (s / "jpg/image_00001.jpg").write_bytes(b""), r"image_00001\.jpg is empty.*102flowers\.tgz"),
        (lambda s: [path.unlink() for path in s.glob("*.txt")], r"has no setid\.mat.*trainvalclasses\.txt"),
    ],
)
def test_what_is_missing_is_one_line(source: Path, tmp_path: Path, spoil: Any, told: str) -> None:
    spoil(source)
    with pytest.raises(UserError, match=told) as caught:
        write(oxford.plan(source), tmp_path / "flowers")
    assert "\n" not in str(caught.value) and not (tmp_path / "flowers").exists()


def test_torch_captions_are_named_as_not_read(source: Path) -> None:
    for path in (source / "text_c10").glob("*/*.txt"):
        path.rename(path.with_suffix(".t7"))
    for number in range(1, 4):
        (source / "text_c10" / f"class_{number:05d}.t7").write_bytes(b"x")
    with pytest.raises(UserError, match=r"\.t7 files are not read: take the captions as text"):
        oxford.plan(source)


def test_the_command(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "import", "oxford", str(source), "-o", str(tmp_path / "flowers")]) == 0
    assert "4 in train, 2 in test" in capsys.readouterr().out
    assert cli.main(["data", "import", "oxford", str(tmp_path / "nothing"), "-o", str(tmp_path / "other")]) == 2
    assert "there is no folder" in capsys.readouterr().err
