"""The pickled layout of StackGAN and AttnGAN, pickles as Python 2 wrote them."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import python2
from downloads import (
    SIZE,
    attngan_captions,
    bird_box,
    bird_names,
    coco,
    flower_class,
    flowers,
    legacy_birds,
    opened,
    pickled_splits,
    sentence,
    vector,
)
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import legacy
from limner.data.importers.writing import crop_window, write
from limner.errors import UserError


@pytest.fixture(params=[0, 2])
def source(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return legacy_birds(tmp_path / "birds", protocol=request.param)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    return legacy_birds(tmp_path / "birds")


def test_everything_of_a_row_is_there_in_the_order_of_the_pickle(source: Path, tmp_path: Path) -> None:
    out = write(legacy.plan(source), tmp_path / "out")
    (train,) = out.glob("train-*.parquet")
    table = pq.read_table(train).to_pylist()
    names = bird_names()[3::-1]
    assert [row["file_name"] for row in table] == names
    for row, name in zip(table, names, strict=True):
        x, y, width, height = bird_box(bird_names().index(name) + 1)
        left, top, right, bottom = crop_window((x, y, width, height), *SIZE)
        assert opened(row["image"]["bytes"]).size == (right - left, bottom - top)
        assert row["boxes"] == [{"label": "bird", "box": [x - left, y - top, width, height]}]
        assert row["text"] == [sentence(name, k) for k in range(10)]
        assert row["label"] == name.split("/")[0][4:].replace("_", " ")
        assert np.array_equal(np.array(row["embedding"], np.float32), vector(name))


def test_embeddings_reach_the_reader_without_loss(birds: Path, tmp_path: Path) -> None:
    data = Dataset.open(write(legacy.plan(birds), tmp_path / "out"), size=8)
    assert (data.length("train"), data.length("test")) == (4, 2)
    found = np.array(data.column("embedding", [1, 0], "test"), np.float32)
    assert np.array_equal(found, np.stack([vector(bird_names()[5]), vector(bird_names()[4])]))
    assert check(tmp_path / "out") == []


def test_without_cropping(birds: Path, tmp_path: Path) -> None:
    out = write(legacy.plan(birds, crop=False), tmp_path / "out")
    row = pq.read_table(next(out.glob("test-*.parquet"))).to_pylist()[0]
    assert row["image"]["bytes"] == (birds / "CUB_200_2011/images" / f"{bird_names()[4]}.jpg").read_bytes()


def test_captions_come_from_attngans_pickle_where_there_are_no_texts(birds: Path) -> None:
    shutil.rmtree(birds / "text")
    with pytest.raises(UserError, match="is missing: it holds the captions of a picture"):
        legacy.plan(birds)
    attngan_captions(birds)
    told = [entry.texts for entry in legacy.plan(birds).entries]
    assert told == [
        ("red bird", "small bird"),
        ("red beak", "small beak"),
        ("bird", "bird bird"),
        ("red", "small"),
        ("unicorn bird", "small unicorn"),
        ("red", "bird"),
    ]


def test_texts_are_preferred_to_attngans_pickle(birds: Path) -> None:
    attngan_captions(birds)
    assert legacy.plan(birds).entries[-1].texts[0] == sentence(bird_names()[5], 0)


def test_stackgans_own_text_c10(tmp_path: Path) -> None:
    folder = legacy_birds(tmp_path / "birds", texts="text_c10")
    assert legacy.plan(folder).entries[-1].texts[1] == sentence(bird_names()[5], 1)


def test_flowers_have_their_captions_in_folders_of_classes_and_no_boxes(tmp_path: Path) -> None:
    folder = flowers(tmp_path / "flowers")
    names = [f"jpg/image_{number:05d}" for number in range(1, 7)]
    pickled_splits(folder, names[:4], names[4:])
    for split, numbers in (("train", range(1, 5)), ("test", range(5, 7))):
        classes = [int(flower_class(number)[-1]) for number in numbers]
        (folder / split / "class_info.pickle").write_bytes(python2.dumps(classes, 0))
    plan = legacy.plan(folder)
    assert not plan.crop
    assert [entry.label for entry in plan.entries] == [flower_class(number) for number in range(1, 7)]
    assert plan.entries[0].texts == tuple(f"flower 1 has petal number {k}" for k in range(10))
    assert plan.entries[0].picture == folder / "jpg/image_00001.jpg" and plan.entries[0].box is None


def test_coco_has_no_classes(tmp_path: Path) -> None:
    plan = legacy.plan(coco(tmp_path / "coco"))
    assert [entry.label for entry in plan.entries] == [None] * 3
    assert plan.entries[2].texts == tuple(f"thing 2 said {k}" for k in range(5)) and plan.entries[2].split == "test"
    assert Dataset.open(write(plan, tmp_path / "out"), size=8).schema.captions == 5


def test_what_python_3_and_new_numpy_write_is_read_too(birds: Path) -> None:
    names = legacy.plan(birds).entries
    for split in ("train", "test"):
        some = [entry.name for entry in names if entry.split == split]
        (birds / split / "filenames.pickle").write_bytes(pickle.dumps(some, 4))
        (birds / split / "class_info.pickle").write_bytes(pickle.dumps(np.array([int(n[:3]) for n in some]), 4))
        vectors = np.stack([vector(name) for name in some]).astype(np.float64)
        (birds / split / "char-CNN-RNN-embeddings.pickle").write_bytes(pickle.dumps(vectors, 5))
    found = legacy.plan(birds).entries
    assert all(np.array_equal(a.embedding, b.embedding) for a, b in zip(names, found, strict=True))
    assert found[0].embedding is not None and found[0].embedding.dtype == np.float32
    assert [entry.name for entry in found] == [entry.name for entry in names]


class Evil:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


FILES = ["filenames.pickle", "class_info.pickle", "char-CNN-RNN-embeddings.pickle"]


@pytest.mark.parametrize("file", FILES)
def test_a_malicious_pickle_is_named_and_nothing_is_run(
    birds: Path, tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (birds / "test" / file).write_bytes(pickle.dumps([["x"], Evil(tmp_path / "trace")], 2))
    assert cli.main(["data", "import", "legacy", str(birds), "-o", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert f"test/{file} asks for 'posix.system'" in err and err.count("\n") == 1
    assert not (tmp_path / "trace").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", FILES)
def test_a_truncated_pickle_is_one_line(birds: Path, file: str) -> None:
    path = birds / "train" / file
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"train/{file} is damaged"):
        legacy.plan(birds)


@pytest.mark.parametrize(
    ("file", "value", "told"),
    [
        ("train/filenames.pickle", {"a": 1}, "holds no list of names"),
        ("train/filenames.pickle", [], "holds no list of names"),
        ("train/filenames.pickle", ["a", 1], "holds no list of names"),
        ("train/filenames.pickle", ["a", "a"], "names a picture twice"),
        ("train/filenames.pickle", ["../../secret"], "outside its folder"),
        ("train/filenames.pickle", ["/etc/passwd"], "outside its folder"),
        ("train/filenames.pickle", bird_names()[4:], "named in both"),
        ("train/filenames.pickle", ["001.X/y"], r"has no 001\.X/y\.jpg: unpack CUB_200_2011\.tgz"),
        ("train/class_info.pickle", [1, 2], "is about 2 pictures, but filenames.pickle beside it names 4"),
        ("train/class_info.pickle", ["a"] * 4, "no list of the numbers of classes"),
        ("test/char-CNN-RNN-embeddings.pickle", [np.zeros((10, 8), np.float32)], "is about 1 pictures"),
        ("test/char-CNN-RNN-embeddings.pickle", [np.zeros(8, np.float32)] * 2, "holds no list of arrays"),
        ("test/char-CNN-RNN-embeddings.pickle", "text", "holds no list of arrays"),
    ],
)
def test_a_pickle_that_holds_something_else(birds: Path, file: str, value: Any, told: str) -> None:
    (birds / file).write_bytes(python2.dumps(value))
    with pytest.raises(UserError, match=told):
        legacy.plan(birds)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "is not AttnGAN's"),
        ([[[1]], [[1]], ["a"], {}], "is not AttnGAN's"),
        ([[[1]] * 5, [[1]] * 2, {1: "a"}, {}], "is about other pictures than train/filenames.pickle"),
        ([[[1]] * 4, [[9]] * 2, {1: "a"}, {"a": 1}], "words that its own list of words does not have"),
        ([[[[1]]] * 4, [[1]] * 2, {1: "a"}, {"a": 1}], "words that its own list of words does not have"),
        ([[1] * 4, [[1]] * 2, {1: "a"}, {"a": 1}], "words that its own list of words does not have"),
    ],
)
def test_a_captions_pickle_that_is_no_such(birds: Path, value: Any, told: str) -> None:
    shutil.rmtree(birds / "text")
    (birds / "captions.pickle").write_bytes(python2.dumps(value))
    with pytest.raises(UserError, match=told):
        legacy.plan(birds)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("train/filenames.pickle", r"has no train/filenames\.pickle.*StackGAN or AttnGAN"),
        ("test/filenames.pickle", r"has no test/filenames\.pickle.*StackGAN or AttnGAN"),
        ("CUB_200_2011/bounding_boxes.txt", r"bounding_boxes\.txt is missing"),
        (f"text/{bird_names()[0]}.txt", "is missing: it holds the captions"),
    ],
)
def test_what_is_missing_is_one_line(birds: Path, file: str, told: str) -> None:
    (birds / file).unlink()
    with pytest.raises(UserError, match=told):
        legacy.plan(birds)


def test_empty_captions_are_left_out_and_a_picture_without_any_is_refused(birds: Path) -> None:
    shutil.rmtree(birds / "text")
    value = [[[1], [0]] + [[1], [1]] * 3, [[1], [1]] * 2, {0: "<end>", 1: "a"}, {"a": 1}]
    (birds / "captions.pickle").write_bytes(python2.dumps(value))
    assert legacy.plan(birds).entries[0].texts == ("a",)
    value[0][0] = []
    (birds / "captions.pickle").write_bytes(python2.dumps(value))
    with pytest.raises(UserError, match=r"has no words for picture 1 of train/filenames\.pickle"):
        legacy.plan(birds)
