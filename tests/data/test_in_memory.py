"""Data sets that a program holds in memory, and rows of a data set as a person looks at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from limner.data.choose import Choice
from limner.data.dataset import Dataset
from limner.errors import UserError
from picture_sets import encoded, picture

TEXTS = [f"shape {number}" for number in range(6)]
ROWS: dict[str, list[Any]] = {"text": TEXTS, "label": ["even", "odd"] * 3}


def opened(held: Any, tmp_path: Path, **more: Any) -> Dataset:
    return Dataset.open(held, size=8, cache=tmp_path / "cache", held_out=0, **more)


def frame(pictures: list[Any], **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"image": pictures, **ROWS, **columns})


@pytest.fixture
def reference(tmp_path: Path) -> Dataset:
    """The same rows, as a folder holds them."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        picture(number).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(text)
    return opened(folder, tmp_path)


def as_files(folder: Path) -> list[Any]:
    return [str(folder / "folder" / f"{number}.png") for number in range(6)]


@pytest.mark.parametrize(
    "cells",
    [
        lambda folder: [picture(number) for number in range(6)],
        lambda folder: [np.asarray(picture(number)) for number in range(6)],
        lambda folder: [encoded(picture(number)) for number in range(6)],
        as_files,
        lambda folder: [Path(file) for file in as_files(folder)],
        lambda folder: [{"bytes": encoded(picture(number)), "path": None} for number in range(6)],
    ],
    ids=["PIL", "arrays", "bytes", "names", "paths", "parquet"],
)
def test_a_frame_holds_pictures_in_any_form(reference: Dataset, tmp_path: Path, cells: Any) -> None:
    data = opened(frame(cells(tmp_path)), tmp_path)
    assert torch.equal(data.pictures(range(6)), reference.pictures(range(6)))
    assert [data.captions(row) for row in range(6)] == [(text,) for text in TEXTS]
    assert data.named_label(1) == "odd"


def test_a_frame_says_its_splits_and_several_captions(tmp_path: Path) -> None:
    held = frame([picture(number) for number in range(6)], split=["train"] * 4 + ["test", "test"])
    held["text"] = [[text, f"a {text}"] for text in TEXTS]
    data = opened(held, tmp_path)
    assert (data.length(), data.length("test")) == (4, 2)
    assert data.captions(1, "test") == ("shape 5", "a shape 5")


def test_columns_are_chosen_and_empty_cells_are_found(tmp_path: Path) -> None:
    held = pd.DataFrame({"photo": [picture(0), picture(1)], "alt": ["one", "two"]})
    data = opened(held, tmp_path, choice=Choice("photo", ("alt",)))
    assert data.captions(1) == ("two",)
    with pytest.raises(UserError, match=r"a DataFrame of 2 rows.*2"):
        opened(pd.DataFrame({"image": [picture(0), None], "text": ["a", "b"]}), tmp_path)
    with pytest.raises(UserError, match="a float is no picture"):
        opened(pd.DataFrame({"image": [picture(0), 0.5], "text": ["a", "b"]}), tmp_path)


def test_splits_of_hugging_face_are_read_as_they_are(reference: Dataset, tmp_path: Path) -> None:
    columns = {"image": [picture(number) for number in range(6)], "text": TEXTS}
    table = datasets.Dataset.from_dict(columns, features=datasets.Features({
        "image": datasets.Image(), "text": datasets.Value("string")
    }))  # fmt: skip
    data = opened(table, tmp_path)
    assert torch.equal(data.pictures(range(6)), reference.pictures(range(6)))
    both = opened(datasets.DatasetDict(train=table.select(range(4)), test=table.select([4, 5])), tmp_path)
    assert (both.length(), both.length("test"), both.captions(0, "test")) == (4, 2, ("shape 4",))


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (datasets.Dataset.from_dict({"text": ["a"]}).to_iterable_dataset(), "streams"),
        (datasets.Dataset.from_dict({"text": []}), "holds no rows"),
        (pd.DataFrame({"image": [], "text": []}), "holds nothing"),
        (["a list"], "a list is not a data set"),
        (7, "an? int is not a data set"),
    ],
)
def test_what_is_no_data_set_is_one_line(held: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says) as caught:
        opened(held, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_data_set_has_a_length_and_rows(reference: Dataset, tmp_path: Path) -> None:
    data = opened(frame([picture(number) for number in range(6)], attributes=[{"colour": "red"}] * 6), tmp_path)
    assert len(data) == 6 and len(list(data)) == 6
    row = data[-1]
    assert row["text"] == ("shape 5",) and row["label"] == "odd" and row["attributes"] == {"colour": "red"}
    assert isinstance(row["image"], Image.Image) and row["image"].size == (8, 8)
    assert np.array_equal(np.asarray(row["image"]), data.pictures([5])[0].permute(1, 2, 0).numpy())
    assert [one["text"] for one in data[1:3]] == [("shape 1",), ("shape 2",)]
    assert set(reference[0]) == {"image", "text"}, "what a data set has not is not named"
    with pytest.raises(IndexError, match="no row 6"):
        data[6]
