"""Which rows are held out: however a set spells its splits, and never by guess."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.splits import UnknownSplit, folders_by_split, split_in, split_of
from limner.errors import UserError
from picture_sets import encoded, picture, write_lines

Folder = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN_SET", "train"), (" train ", "train"), ("train2014", "train"),
        ("test", "test"), ("Testing", "test"), ("test-set", "test"), ("test_2017", "test"),
        ("val", "validation"), ("VALID", "validation"), ("dev", "validation"), ("held-out", "validation"),
        ("birds", None), ("", None), ("attest", None), ("terrain", None), ("values", None), ("3", None),
    ],
)  # fmt: skip
def test_a_word_means_a_split(name: str, split: str | None) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize("name", ["train_extra", "test-b", "trainval", "Val 2", "train1"])
def test_what_looks_like_a_split_and_is_none_is_refused(name: str) -> None:
    with pytest.raises(UnknownSplit, match="looks like a split"):
        split_of(name)


def test_a_shard_names_its_split_by_a_word() -> None:
    assert [split_in(stem) for stem in ("train-00000-of-00001", "birds.TEST", "my_val_2", "trainees")] == [
        "train", "test", "validation", None,
    ]  # fmt: skip


def test_folders_beside_splits_are_no_labels() -> None:
    assert folders_by_split(["cat", "dog", ""]) == {"cat": None, "dog": None, "": None}
    found = folders_by_split(["train", "extra", ""])
    assert found["train"] == "train"
    assert "'extra', which is not a split, beside train" in str(found["extra"])
    assert "in no split's folder" in str(found[""])


def lengths(path: Path, skip_bad: bool = False) -> tuple[int, int]:
    data = Dataset.open(path, size=8, skip_bad=skip_bad)
    return data.length("train"), data.length("test")


def in_folders(root: Path, **counts: int) -> list[str]:
    """Write pictures into folders and return their names below `root`; an underscore is the root itself."""
    names, number = [], 0
    for name, count in counts.items():
        folder = root if name == "_" else root / name
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(count):
            (folder / f"{k}.png").write_bytes(encoded(picture(number)))
            (folder / f"{k}.txt").write_text(f"picture {number}")
            names.append(f"{k}.png" if name == "_" else f"{name}/{k}.png")
            number += 1
    return names


def test_a_metadata_file_at_the_root_names_pictures_in_folders_of_splits(tmp_path: Path) -> None:
    names = in_folders(tmp_path, train=8, Test=4)
    write_lines(tmp_path, [{"file_name": name, "text": "a red ball"} for name in names])
    assert lengths(tmp_path) == (8, 4)


def test_the_column_wins_over_the_folder_and_is_read_in_any_spelling(tmp_path: Path) -> None:
    names = in_folders(tmp_path, train=4)
    splits = ["Train ", "TESTING", "test", ""]
    lines = [{"file_name": n, "text": f"t {n}", "split": s} for n, s in zip(names, splits, strict=True)]
    write_lines(tmp_path, lines)
    assert lengths(tmp_path) == (2, 2)


def test_folders_called_training_and_testing_are_no_labels(tmp_path: Path) -> None:
    in_folders(tmp_path, training=8, Testing=4)
    data = Dataset.open(tmp_path, size=8)
    assert (data.length("train"), data.length("test"), data.schema.labels) == (8, 4, ())


def test_metadata_files_in_folders_of_any_spelling(tmp_path: Path) -> None:
    for name, count in {"Training": 5, "VAL": 2}.items():
        in_folders(tmp_path, **{name: count})
        write_lines(tmp_path / name, [{"file_name": f"{k}.png", "text": f"{name} {k}"} for k in range(count)])
    assert lengths(tmp_path) == (5, 2)
    (tmp_path / "VAL").rename(tmp_path / "train_extra")
    with pytest.raises(UserError, match="'train_extra' looks like a split"):
        lengths(tmp_path)


def test_pictures_in_no_splits_folder_are_refused_or_left_out(tmp_path: Path) -> None:
    in_folders(tmp_path, train=4, test=2, extra=3, _=1)
    with pytest.raises(UserError, match="beside test, train: move it"):
        lengths(tmp_path)
    assert lengths(tmp_path, skip_bad=True) == (4, 2)
    assert [problem.kind for problem in check(tmp_path)] == ["unknown split"] * 4


def test_rows_of_a_split_that_nobody_knows_do_not_vanish(folder: Folder) -> None:
    splits = ["train", "train", "restval", "test"]
    path = folder([{"file_name": f"{k}.png", "text": f"t {k}", "split": s} for k, s in enumerate(splits)])
    with pytest.raises(UserError, match=r"metadata.jsonl:3: the split 'restval' is none of train, test, validation"):
        lengths(path)
    assert lengths(path, skip_bad=True) == (2, 1)
    assert [(problem.line, problem.kind) for problem in check(path)] == [(3, "unknown split")]
    assert Dataset.open(path, size=8, split="restval", skip_bad=True).captions(0) == ("t 2",)
