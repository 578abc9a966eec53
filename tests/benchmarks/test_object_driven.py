"""The benchmark of Obj-GAN: true shapes as requests, and descriptions in the place of captions."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
from torch.testing import assert_close

from limner.blocks.layout.asked import asked_things
from toy import shapes


@pytest.fixture(scope="module")
def bench() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    try:
        return importlib.import_module("object_driven")
    finally:
        sys.path.pop(0)


def test_true_shapes_are_asked_for_as_they_are(bench: Any, tmp_path: Path) -> None:
    data = shapes(tmp_path / "shapes", 32)
    requests = bench.Shaped.held_out(data, "test", 3)
    labels, boxes, masks, own = data.scenes(range(3), "test")
    for request in requests:
        request.check(data.schema)
        assert [bool(mask) for mask in request.masks] == [True, False]  # the ground has no mask of its own
    asked = asked_things(requests, data.schema.things, 2, 32)
    assert asked.labels.tolist() == labels.tolist() and asked.is_shaped.tolist() == own.tolist()
    assert_close(asked.boxes, boxes)
    assert (asked.masks[:, 0] - masks[:, 0] / 255).abs().mean() < 0.03


def test_descriptions_become_captions_and_say_what_is_there(bench: Any, tmp_path: Path) -> None:
    rows = {
        "text": [["a red cube comes"]], "said": [["left colour"]], "description": ["a red cube and a blue ball"],
        "dialogue": [[{"question": "how many?", "answer": "2"}]], "story": ["000"],
        "attributes": [{"left colour": "red", "right colour": "blue", "middle colour": "nothing"}],
    }  # fmt: skip
    (tmp_path / "told").mkdir()
    datasets.Dataset.from_dict(rows).to_parquet(tmp_path / "told" / "train-00000-of-00001.parquet")
    out = bench.described(tmp_path / "told", tmp_path / "copy")
    (row,) = datasets.load_dataset("parquet", data_dir=str(out), cache_dir=str(tmp_path / "cache"))["train"]
    assert row["text"] == ["a red cube and a blue ball"] and row["said"] == [["left colour", "right colour"]]
    assert set(row) == {"text", "said", "story", "attributes"}
    assert bench.described(out, tmp_path / "other") == out  # nothing to do


def test_rows_of_the_same_budget_are_skipped(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["independent"], "RESULTS", tmp_path)
    line = {"row": "full", "layout": "predicted", "images": 8}
    assert not bench.is_recorded(bench.NAME, line)
    (tmp_path / "object_driven.jsonl").write_text('{"row": "full", "layout": "predicted", "images": 8, "fid": 1}\n')
    assert bench.is_recorded(bench.NAME, line) and not bench.is_recorded(bench.NAME, line | {"images": 9})
