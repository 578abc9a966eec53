"""The same pictures and captions, laid out in every way that is read."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limner.data.dataset import Dataset
from limner.errors import UserError
from picture_sets import encoded, picture, write_lines

COUNT = 6


def table(numbers: range) -> pa.Table:
    images = [{"bytes": encoded(picture(k)), "path": None} for k in numbers]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    texts = [[f"picture {k}", f"number {k}"] for k in numbers]
    colours = ["red" if k % 2 else "blue" for k in numbers]
    return pa.table({"image": pa.array(images, kind), "text": texts, "colour": colours})


def pictures_into(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for k in range(COUNT):
        (path / f"{k}.png").write_bytes(encoded(picture(k)))
    return path


def as_jsonl(path: Path) -> Path:
    write_lines(
        pictures_into(path), [{"file_name": f"{k}.png", "text": [f"picture {k}", f"number {k}"]} for k in range(COUNT)]
    )
    return path


def as_metadata_parquet(path: Path) -> Path:
    names = [f"{k}.png" for k in range(COUNT)]
    captions = [[f"picture {k}", f"number {k}"] for k in range(COUNT)]
    pq.write_table(pa.table({"file_name": names, "text": captions}), pictures_into(path) / "metadata.parquet")
    return path


def as_captions_csv(path: Path) -> Path:
    with (pictures_into(path) / "captions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "caption"])
        writer.writerows([f"{k}.png", f"{word} {k}"] for word in ("picture", "number") for k in range(COUNT))
    return path


def as_text_files(path: Path) -> Path:
    pictures_into(path)
    for k in range(COUNT):
        (path / f"{k}.txt").write_text(f"picture {k}\n\nnumber {k}\n")
    return path


def as_parquet(path: Path) -> Path:
    pq.write_table(table(range(COUNT)), file := path.with_suffix(".parquet"))
    return file


def as_arrow(path: Path) -> Path:
    file = path.with_suffix(".arrow")
    found = table(range(COUNT))
    with pa.ipc.new_stream(str(file), found.schema) as writer:
        writer.write_table(found)
    return file


def as_shards(path: Path) -> Path:
    (path / "data").mkdir(parents=True)
    pq.write_table(table(range(0, 2)), path / "data" / "train-00000-of-00002.parquet")
    pq.write_table(table(range(2, COUNT)), path / "data" / "train-00001-of-00002.parquet")
    return path


def as_saved(path: Path) -> Path:
    datasets.Dataset(table(range(COUNT))).cast_column("image", datasets.Image()).save_to_disk(path)
    return path


def as_saved_dict(path: Path) -> Path:
    rows = datasets.Dataset(table(range(COUNT))).cast_column("image", datasets.Image())
    datasets.DatasetDict({"train": rows}).save_to_disk(path)
    return path


LAYOUTS = [value for name, value in list(globals().items()) if name.startswith("as_")]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_reads_the_same(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    data = Dataset.open(layout(tmp_path / "set"), size=12, held_out=0)
    assert data.length("train") == COUNT and data.length("test") == 0
    assert [data.captions(k) for k in range(COUNT)] == [(f"picture {k}", f"number {k}") for k in range(COUNT)]
    wanted = np.stack([np.asarray(picture(k)).transpose(2, 0, 1) for k in range(COUNT)])
    assert np.array_equal(data.pictures(range(COUNT)).numpy(), wanted)
    assert {"image", "text"} <= data.columns and data.schema.captions == 2


def test_a_string_is_one_caption_and_captions_have_other_names_too(folder: Callable[..., Path]) -> None:
    data = Dataset.open(folder([{"file_name": "0.png", "caption": "a hat"}]), size=8)
    assert data.captions(0) == ("a hat",) and "text" in data.columns


def test_metadata_csv(tmp_path: Path) -> None:
    path = pictures_into(tmp_path / "set")
    (path / "metadata.csv").write_text("file_name,text\n" + "".join(f'{k}.png,"a hat, {k}"\n' for k in range(COUNT)))
    assert Dataset.open(path, size=8, held_out=0).captions(3) == ("a hat, 3",)


def test_plain_binary_images_and_another_name_for_the_column(tmp_path: Path) -> None:
    plain = pa.table({"image": [encoded(picture(k)) for k in range(2)], "text": ["one", "two"]})
    pq.write_table(plain, tmp_path / "plain.parquet")
    assert Dataset.open(tmp_path / "plain.parquet", size=8, held_out=0).length() == 2
    named = datasets.Dataset(table(range(2))).cast_column("image", datasets.Image()).rename_column("image", "photo")
    named.to_parquet(tmp_path / "named.parquet")
    assert Dataset.open(tmp_path / "named.parquet", size=8, held_out=0).length() == 2


def test_given_splits_are_used(tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.mkdir()
    for split, numbers in {"train": range(0, 4), "validation": range(4, 5), "test": range(5, 7)}.items():
        pq.write_table(table(numbers), path / f"{split}-00000-of-00001.parquet")
    data = Dataset.open(path, size=8)
    assert [data.captions(k)[0] for k in range(data.length("train"))] == [f"picture {k}" for k in range(4)]
    assert [data.captions(k, "test")[0] for k in range(data.length("test"))] == ["picture 5", "picture 6"]
    (path / "test-00000-of-00001.parquet").unlink()
    assert Dataset.open(path, size=8).captions(0, "test")[0] == "picture 4"
    with pytest.raises(UserError, match="no split 'nonsense'; its splits are: train, validation"):
        Dataset.open(path, size=8, split="nonsense")


def test_split_folders_and_a_split_column(tmp_path: Path, folder: Callable[..., Path]) -> None:
    for split in ("train", "test"):
        as_jsonl(tmp_path / "folders" / split)
    rows = [{"file_name": f"{k}.png", "text": f"t {k}", "split": "test" if k == 1 else "train"} for k in range(3)]
    for data, held in (
        (Dataset.open(tmp_path / "folders", size=8), COUNT),
        (Dataset.open(folder(rows), size=8), 1),
    ):
        assert data.length("test") == held
    assert data.captions(0, "test") == ("t 1",) and data.captions(1) == ("t 2",)


def test_subfolders_are_labels(tmp_path: Path) -> None:
    for k, name in enumerate(["cat", "dog", "dog"]):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name / f"{k}.png").write_bytes(encoded(picture(k)))
    data = Dataset.open(tmp_path / "set", size=8, held_out=0)
    assert data.schema.labels == ("cat", "dog") and [data.label(k) for k in range(3)] == [0, 1, 1]


@pytest.mark.parametrize(
    ("column", "names", "wanted"),
    [
        (["b", "a", "b", None], ("a", "b"), [1, 0, 1, -1]),
        ([10, 9, 10, None], ("9", "10"), [1, 0, 1, -1]),
    ],
)
def test_labels_of_text_and_numbers(tmp_path: Path, column: list[Any], names: tuple[str, ...], wanted: Any) -> None:
    pq.write_table(table(range(4)).append_column("label", pa.array(column)), tmp_path / "t.parquet")
    data = Dataset.open(tmp_path / "t.parquet", size=8, held_out=0)
    assert data.schema.labels == names and [data.label(k) for k in range(4)] == wanted


def test_labels_with_class_names(tmp_path: Path) -> None:
    rows = datasets.Dataset(table(range(3)).append_column("label", pa.array([1, 0, 1])))
    features = rows.features.copy()
    features["label"] = datasets.ClassLabel(names=["warbler", "albatross"])
    rows.cast(features).to_parquet(tmp_path / "t.parquet")
    data = Dataset.open(tmp_path / "t.parquet", size=8, held_out=0)
    assert data.schema.labels == ("warbler", "albatross") and [data.label(k) for k in range(3)] == [1, 0, 1]


def test_attributes_of_a_mapping_and_of_flat_columns(tmp_path: Path, folder: Callable[..., Path]) -> None:
    rows: list[Any] = [
        {"file_name": "0.png", "text": "a", "attributes": {"hair": "red", "hat": True}},
        {"file_name": "1.png", "text": "b", "attributes": {"hair": None, "hat": False}},
        {"file_name": "2.png", "text": "c", "attributes": {"hair": "blue"}},
    ]
    data = Dataset.open(folder(rows), size=8, held_out=0)
    assert data.schema.attributes == {"hair": ("blue", "red"), "hat": ("false", "true")}
    assert data.attributes(range(3)).tolist() == [[1, 1], [-1, 0], [0, -1]]
    pq.write_table(table(range(COUNT)), tmp_path / "flat.parquet")
    flat = Dataset.open(tmp_path / "flat.parquet", size=8, held_out=0)
    assert flat.schema.attributes == {"colour": ("blue", "red")}
    assert flat.attributes([1, 0]).tolist() == [[1], [0]] and "attributes" in flat.columns


def test_a_column_of_many_texts_is_no_attribute(folder: Callable[..., Path]) -> None:
    data = Dataset.open(folder([{"file_name": f"{k}.png", "text": "t", "id": f"id {k}"} for k in range(9)]), size=8)
    assert data.schema.attributes == {} and "attributes" not in data.columns and "id" in data.columns


def test_other_columns_can_be_read(folder: Callable[..., Path]) -> None:
    boxes = [{"label": "hat", "box": [1.0, 2.0, 3.0, 4.0]}]
    data = Dataset.open(folder([{"file_name": "0.png", "text": "a", "boxes": boxes}]), size=8)
    assert data.column("boxes", [0]) == [boxes]
    with pytest.raises(UserError, match="no column dialogue"):
        data.column("dialogue", [0])


def test_a_hub_id_goes_through_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str) -> datasets.DatasetDict:
        asked.append(name)
        rows = datasets.Dataset(table(range(COUNT))).cast_column("image", datasets.Image())
        return datasets.DatasetDict({"train": rows, "test": rows.select(range(2))})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.chdir(tmp_path)
    data = Dataset.open("someone/pictures", size=8)
    assert asked == ["someone/pictures"] and data.length("train") == COUNT and data.length("test") == 2
    assert data.captions(1, "test") == ("picture 1", "number 1")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConnectionError("no route"), "the Hub cannot be reached"),
        (datasets.exceptions.DatasetNotFoundError("not there"), "no data set of that name on the Hub"),
    ],
)
def test_a_hub_id_that_cannot_be_had(
    error: Exception, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_dataset(name: str) -> Any:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=says):
        Dataset.open("someone/pictures", size=8)


def test_offline_the_real_hub_client_gives_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="someone/pictures here, and the Hub cannot be reached"):
        Dataset.open("someone/pictures", size=8)


def test_a_mistyped_folder_is_no_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match="no such folder or file"):
        Dataset.open("data/brids", size=8)
