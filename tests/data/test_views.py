"""Texts of several captions joined, and which attributes they mention."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.data.dataset import Dataset
from limner.data.views import Described, Sentences, joined


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Two pictures: one of three captions that mention an attribute each, one of a caption that mentions none."""
    folder = tmp_path / "data"
    folder.mkdir()
    many = {"text": ["a red hat.", "a blue coat", "big"], "said": [["hat"], ["coat"], ["size"]]}
    one = {"text": ["a person"], "said": [[]]}
    for number, line in enumerate((many, one)):
        Image.new("RGB", (16, 16), (9 * number, 0, 0)).save(folder / f"{number}.png")
        line |= {"file_name": f"{number}.png", "attributes": {"hat": "red", "coat": "blue", "size": "big"}}
    lines = "".join(json.dumps(line) + "\n" for line in (many, one))
    (folder / "metadata.jsonl").write_text(lines)
    return Dataset.open(folder, size=16, held_out=0, cache=tmp_path / "cache")


def test_captions_of_a_picture_are_joined_and_mention_together(data: Dataset) -> None:
    names = list(data.schema.attributes)
    marks = dict(zip(("hat", "coat", "size"), ("red hat", "blue coat", "big"), strict=True))
    counts = []
    for seed in range(60):
        batch = Described.gather(data, [0, 1], np.random.default_rng(seed))
        assert batch.texts[1] == "a person" and not batch.mentioned[1].any()
        mentioned = [name for name, there in zip(names, batch.mentioned[0].tolist(), strict=True) if there]
        assert {name for name, mark in marks.items() if mark in batch.texts[0]} == set(mentioned)
        counts.append(len(mentioned))
    assert set(counts) == {1, 2, 3} and 20 <= counts.count(1) <= 40  # half of the texts are single captions


def test_joined_captions_are_sentences() -> None:
    assert joined(["a red hat.", "a blue coat"]) == "a red hat. a blue coat"
    assert joined(["a red hat."]) == "a red hat."


def test_without_the_column_all_attributes_count(data: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    Image.new("RGB", (16, 16)).save(folder / "0.png")
    line = {"file_name": "0.png", "text": ["a", "b"], "attributes": {"hat": "red"}}
    (folder / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    plain = Dataset.open(folder, size=16, held_out=0, cache=tmp_path / "cache")
    assert [one.tolist() for one in plain.mentions([0])] == [[[True], [True]]]
    assert [one.sum(dim=1).tolist() for one in data.mentions([0, 1])] == [[1, 1, 1], [0]]
    assert data.mentioned([0], caption=1).tolist() == [[name == "coat" for name in data.schema.attributes]]


def test_sentences_come_without_their_pictures(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "pictures", None)  # whoever looks at one fails
    drawn = [Sentences.gather(data, np.array([1, 0]), np.random.default_rng(seed)).texts for seed in range(40)]
    assert {texts[0] for texts in drawn} == {"a person"}
    assert {texts[1] for texts in drawn} == {"a red hat.", "a blue coat", "big"}  # one of several, by chance
    same = [Sentences.gather(data, [0], np.random.default_rng(3)).to("cpu").texts for _ in range(2)]
    assert same[0] == same[1]
