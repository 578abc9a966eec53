from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from limner.data.dataset import Dataset
from limner.data.schema import Schema
from limner.data.views import Pairs, Pictures
from limner.errors import UserError
from limner.requests import Attributes, Caption, Nothing, Story
from picture_sets import encoded, picture


def sentences(count: int) -> list[dict[str, Any]]:
    return [{"file_name": f"{k}.png", "text": f"picture {k}"} for k in range(count)]


def test_what_is_held_out_follows_from_content(folder: Callable[..., Path]) -> None:
    rows = sentences(60)
    data = Dataset.open(folder(rows), size=8, held_out=0.3)
    again = Dataset.open(folder(rows[::-1], pictures=60, name="reversed"), size=12, held_out=0.3)

    def held(one: Dataset) -> set[str]:
        return {one.captions(k, "test")[0] for k in range(one.length("test"))}

    assert held(data) == held(again) and 6 <= len(held(data)) <= 30
    assert data.length("train") + data.length("test") == 60
    other = Dataset.open(folder(rows, name="seeded"), size=8, held_out=0.3, seed=1)
    assert held(other) != held(data)


def test_equal_pictures_are_on_one_side(folder: Callable[..., Path]) -> None:
    path = folder(sentences(40))
    for k in range(20, 40):
        (path / f"{k}.png").write_bytes(encoded(picture(k - 20)))
    data = Dataset.open(path, size=8, held_out=0.5)
    sides = {split: {data.captions(k, split)[0] for k in range(data.length(split))} for split in ("train", "test")}
    assert sides["train"] and sides["test"]
    for k in range(20):
        assert (f"picture {k}" in sides["test"]) == (f"picture {k + 20}" in sides["test"])


def test_stories_are_never_cut(folder: Callable[..., Path]) -> None:
    rows = [{"file_name": f"{k}.png", "text": f"{k // 4}", "story": k // 4, "frame": k % 4 + 1} for k in range(80)]
    data = Dataset.open(folder(rows), size=8, held_out=0.3)
    train, test = ({data.captions(k, s)[0] for k in range(data.length(s))} for s in ("train", "test"))
    assert not train & test and data.length("test") == 4 * len(test) and data.schema.story == 4


def test_a_little_is_always_held_out_but_never_all(folder: Callable[..., Path]) -> None:
    data = Dataset.open(folder(sentences(5)), size=8, held_out=0.0001)
    assert (data.length("train"), data.length("test")) == (4, 1)
    one = Dataset.open(folder(sentences(1), name="one"), size=8, held_out=0.9)
    assert (one.length("train"), one.length("test")) == (1, 0)


def test_the_schema(folder: Callable[..., Path]) -> None:
    rows = [{"file_name": f"{k}.png", "text": ["A red, RED hat", f"hat {k}"], "kind": "ab"[k % 2]} for k in range(4)]
    data = Dataset.open(folder(rows), size=8, held_out=0)
    schema = data.schema
    assert schema.lexicon.words[:3] == ("hat", "red", "a") and schema.attributes == {"kind": ("a", "b")}
    assert (schema.size, schema.captions, schema.longest, schema.story) == (8, 2, 4, 1)
    assert schema.examples == ("A red, RED hat",)
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_words_of_held_out_captions_are_not_learnt(folder: Callable[..., Path]) -> None:
    rows = [{"file_name": "0.png", "text": "known"}, {"file_name": "1.png", "text": "secret", "split": "test"}]
    assert Dataset.open(folder(rows), size=8).schema.lexicon.words == ("known",)


def test_requests(folder: Callable[..., Path], captioned: Path) -> None:
    data = Dataset.open(captioned, size=8, held_out=0)
    assert data.requests(Nothing, 2, "train") == [Nothing(), Nothing()]
    assert data.requests(Caption, 9, "train") == [Caption(f"picture {k % 8}") for k in range(9)]
    with pytest.raises(UserError, match="no column attributes, which a request of kind Attributes needs"):
        data.requests(Attributes, 1, "train")
    with pytest.raises(UserError, match="no rows in its split 'test'"):
        data.requests(Caption, 1, "test")
    with pytest.raises(UserError, match="no column story, which a story needs"):
        data.requests(Story, 1, "train")
    rows = [{"file_name": f"{k}.png", "attributes": {"hair": hair}} for k, hair in enumerate(["red", None])]
    bald = Dataset.open(folder(rows, name="bald"), size=8, held_out=0)
    assert bald.requests(Attributes, 2, "train") == [Attributes({"hair": "red"}), Attributes({})]


def test_a_view_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(encoded(picture(0)))
    data = Dataset.open(tmp_path, size=8)
    data.require(Pictures)
    with pytest.raises(UserError, match=r"no column text, which the view Pairs needs; it has: image\. Put captions"):
        data.require(Pairs)
    with pytest.raises(UserError, match="no column text"):
        data.requests(Caption, 1, "train")


def test_pairs(captioned: Path) -> None:
    data = Dataset.open(captioned, size=8, held_out=0)
    batch = Pairs.gather(data, [3, 1, 2], np.random.default_rng(0))
    assert batch.images.dtype == torch.uint8 and batch.images.shape == (3, 3, 8, 8)
    assert all(text in many for text, many in zip(batch.texts, batch.captions, strict=True))
    assert batch.captions[0] == ("picture 3", "number 3 again") and batch.rows.tolist() == [3, 1, 2]
    assert batch.wrong.tolist() == [1, 2, 0] and batch.labels.tolist() == [-1, -1, -1]
    images = batch.to("cpu").images
    assert images.dtype == torch.float32 and images.min() >= -1 and images.max() <= 1


def test_the_fingerprint_tells_content(folder: Callable[..., Path]) -> None:
    def print_of(name: str, rows: list[Any], **options: Any) -> str:
        return Dataset.open(folder(rows, name=name), **({"size": 8} | options)).fingerprint

    first = print_of("first", sentences(6))
    assert print_of("copy", sentences(6)) == first
    assert print_of("other captions", [*sentences(5), {"file_name": "5.png", "text": "picture six"}]) != first
    assert print_of("larger", sentences(6), size=12) != first
    assert print_of("fewer", sentences(5)) != first


@pytest.mark.parametrize("options", [{"size": 0}, {"size": 8, "held_out": 1.0}, {"size": 8, "held_out": -0.1}])
def test_wrong_options(options: dict[str, Any], captioned: Path) -> None:
    with pytest.raises(UserError):
        Dataset.open(captioned, **options)


def test_an_unknown_split(captioned: Path) -> None:
    with pytest.raises(UserError, match="no split 'dev': use train or test"):
        Dataset.open(captioned, size=8).length("dev")


def test_reaching_a_row_takes_as_long_in_a_large_set(tmp_path: Path) -> None:
    """The times of a small and a large set are taken in turns, so that a busy machine slows both."""
    bytes_ = [encoded(picture(k, (2, 2))) for k in range(64)]

    def opened(count: int) -> Dataset:
        texts = [[f"picture {k}", "another"] for k in range(count)]
        pq.write_table(
            pa.table({"image": [bytes_[k % 64] for k in range(count)], "text": texts}),
            file := tmp_path / f"{count}.parquet",
        )
        return Dataset.open(file, size=2, held_out=0)

    small, large = opened(200), opened(20_000)

    def seconds(data: Dataset) -> float:
        began = time.process_time()
        for k in range(200):
            data.captions(data.length() - 1 - k), data.label(k), data.attributes([k])
        return time.process_time() - began

    times = [(seconds(small), seconds(large)) for _ in range(9)]
    quickest_small, quickest_large = map(min, zip(*times, strict=True))
    assert quickest_large < 5 * quickest_small  # a search through the rows would cost a hundred times as much


def test_the_schema_does_not_import_torch() -> None:
    code = "import sys, limner.data.schema; sys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
