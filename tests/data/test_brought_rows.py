"""Held-out rows stay held out, no row vanishes, and a .csv is read strictly: the given cases and their neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brought import captions, folder_of, lines, numbered
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.errors import UserError


def parted(path: Path) -> tuple[int, int]:
    data = Dataset.open(path, size=8)
    return data.length("train"), data.length("test")


def test_the_folder_in_file_name_says_the_split(tmp_path: Path) -> None:
    for number, (train, test) in enumerate([("train", "test"), ("Training", "TESTING"), ("train2014", "val2014")]):
        names = [*numbered(8, f"{train}/"), *numbered(4, f"{test}/")]
        path = folder_of(tmp_path / str(number), names)
        assert parted(lines(path, [{"file_name": name, "text": f"a ball {k}"} for k, name in enumerate(names)])) == (
            8,
            4,
        )


def test_folders_called_training_and_testing_are_splits_and_no_labels(tmp_path: Path) -> None:
    for number, (train, test) in enumerate([("training", "testing"), ("TRAIN", "Val"), ("train_set", "held-out")]):
        path = folder_of(tmp_path / str(number), [*numbered(8, f"{train}/"), *numbered(4, f"{test}/")])
        assert parted(path) == (8, 4) and Dataset.open(path, size=8).schema.labels == ()


def test_a_split_that_is_not_understood_or_contradicts_is_named(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a", numbered(4))
    rows: list[Any] = [
        {"file_name": f"{k}.png", "text": "t", "split": " Train " if k < 3 else "restval"} for k in range(4)
    ]
    problems = check(lines(path, rows))
    assert [(one.kind, one.line) for one in problems if one.is_error] == [("unknown split", 4)]
    assert "'restval'" in problems[0].message
    path = folder_of(tmp_path / "b", [*numbered(2, "train/"), *numbered(2, "dev/")])
    for folder, said in (("train", "test"), ("dev", "val")):
        lines(path / folder, [{"file_name": f"{k}.png", "text": "t", "split": said} for k in range(2)])
    assert [one.message for one in check(path) if one.is_error] == [
        "its column split is 'test', and its file lies in that of train"
    ] * 2
    path = folder_of(tmp_path / "c", [*numbered(2, "train/"), *numbered(2, "more/")])
    for folder in ("train", "more"):
        lines(path / folder, [{"file_name": f"{k}.png", "text": "t"} for k in range(2)])
    with pytest.raises(UserError, match="lies in 'more', which is not a split, beside train"):
        Dataset.open(path, size=8)


HEAD = "file_name,text\n"


@pytest.mark.parametrize(
    ("text", "wrong", "rows"),
    [
        (HEAD + '0.png,a\n1.png,"the small bird\n2.png,c\n3.png,d\n', {3: "opens a quote"}, [0, 2, 3]),
        (HEAD + '0.png,a\n1.png,"the bird\n2.png,"c, d"\n3.png,d\n', {3: "opens a quote"}, [0, 2, 3]),
        (HEAD + '0.png,a\n1.png,"the bird\n2.png,c\n3.png,d"\n', {3: "over line 4, which looks like a row"}, [0, 2, 3]),
        (HEAD + '0.png,"a" b\n1.png,b\n2.png,c\n3.png,d\n', {2: "is not CSV"}, [1, 2, 3]),
        (HEAD + '0.png,a\n1.png,"two\nlines"\n2.png,a 4" ball\n3.png,d', {}, [0, 1, 2, 3]),
        (HEAD + "0.png,a,b\n1.png\n2.png,c\n3.png,d\n", {2: "has more cells", 3: "has fewer cells"}, [2, 3]),
        (HEAD + f"0.png,{'a' * 200_000}\n1.png,b\n2.png,c\n3.png,d\n", {2: "a cell of more than 131,072"}, [1, 2, 3]),
        ("file_name;text\r\n0.png;a, b\r\n1.png;b\r\n2.png;c\r\n3.png;d\r\n", {}, [0, 1, 2, 3]),
        ("file_name\ttext\r0.png\ta\r1.png\tb\r2.png\tc\r3.png\td", {}, [0, 1, 2, 3]),
    ],
    ids=[
        "open quote", "closed by the next quote", "closed by a later quote", "after a quote", "lines within quotes",
        "cells", "long cell", "semicolons", "tabs",
    ],
)  # fmt: skip
def test_a_wrong_line_of_a_csv_is_named_and_the_others_are_read(
    text: str, wrong: dict[int, str], rows: list[int], tmp_path: Path
) -> None:
    path = folder_of(tmp_path / "set", numbered(4), metadata_dot_csv=text)
    found = {one.line: one.message for one in check(path) if one.is_error}
    assert found.keys() == wrong.keys() and all(says in found[line] for line, says in wrong.items())
    data = Dataset.open(path, size=8, held_out=0, skip_bad=True)
    assert data.length() == len(rows) and data.summary().left_out == ({"bad line": len(wrong)} if wrong else {})
    if wrong:
        with pytest.raises(UserError, match=r"metadata\.csv:"):
            Dataset.open(path, size=8)


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "latin-1"])
def test_text_in_another_encoding_is_named_with_its_line_and_never_half_read(encoding: str, tmp_path: Path) -> None:
    word = "Кот" if encoding == "cp1251" else "café"
    text = (HEAD + f"0.png,a {word}\n1.png,plain\n").encode(encoding)
    path = folder_of(tmp_path / "set", numbered(2), metadata_dot_csv=text)
    (problem,) = (one for one in check(path) if one.is_error)
    assert problem.line == 2 and "is not UTF-8 text (byte 0x" in problem.message
    assert captions(path, skip_bad=True) == [("plain",)]
    beside = folder_of(tmp_path / "beside", numbered(1), **{"0_dot_txt": f"a {word}".encode(encoding)})
    assert "is not UTF-8 text" in next(one.message for one in check(beside) if one.is_error)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_can_be_told_are_read(encoding: str, tmp_path: Path) -> None:
    texts: dict[str, bytes] = {
        "metadata_dot_csv": (HEAD + '0.png,"a café, “open”"\n').encode(encoding),
        "metadata_dot_jsonl": '{"file_name": "0.png", "text": "a café, “open”"}\n'.encode(encoding),
        "0_dot_txt": "a café, “open”\n".encode(encoding),
    }
    for name, content in texts.items():
        path = folder_of(tmp_path / name, numbered(1), **{name: content})
        assert captions(path) == [("a café, “open”",)]


def test_a_column_named_twice_and_a_headless_csv_are_refused_in_one_line(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a", numbered(1), metadata_dot_csv="file_name,text,text\n0.png,a,b\n")
    with pytest.raises(UserError, match="names the column 'text' twice"):
        Dataset.open(path, size=8)
    path = folder_of(tmp_path / "b", numbered(2), metadata_dot_csv="0.png,a\n1.png,b\n")
    with pytest.raises(UserError, match=r"no column file_name; its columns are: 0.png, a: name .* --image-column"):
        Dataset.open(path, size=8)
