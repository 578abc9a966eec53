"""Dialogues of a data set: turns, the words that are spoken, and pictures that neither caption nor dialogue fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, Schema
from limner.data.views import Dialogues, partners
from limner.errors import UserError
from limner.requests import Dialogue
from toy import shapes

HOW_MANY = {"question": "how many?", "answer": "two"}
RED = {"answer": "no", "question": "red?"}
"""Written with its answer first, as any JSON may be."""


def written(folder: Path, lines: list[dict[str, Any]]) -> Dataset:
    folder.mkdir()
    for number, line in enumerate(lines):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(folder / f"{number}.png")
        line["file_name"] = f"{number}.png"
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Dataset.open(folder, size=8, held_out=0, cache=folder.parent / "cache")


def test_turns_are_read_in_order_and_those_that_lack_a_side_are_left_out(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"text": "a cat", "dialogue": [HOW_MANY, {"question": "who?", "answer": None}, RED]},
        {"text": "a dog", "dialogue": []},
        {"text": "a cow", "dialogue": None},
    ]
    data = written(tmp_path / "data", lines)
    assert data.dialogues([1, 0, 2]) == ((), (("how many?", "two"), ("red?", "no")), ())
    assert data.schema.turns == 2
    assert data.requests(Dialogue, 1, "train") == [Dialogue("a cat", (("how many?", "two"), ("red?", "no")))]


def test_spoken_words_are_apart_from_those_of_captions(tmp_path: Path) -> None:
    """Words of captions have their numbers in every published reader: a dialogue must not move them."""
    lines = [{"text": "a cat", "dialogue": [HOW_MANY], "description": "two cats on a mat"}, {"text": "a dog"}]
    data = written(tmp_path / "data", lines)
    assert data.schema.lexicon == written(tmp_path / "plain", [{"text": "a cat"}, {"text": "a dog"}]).schema.lexicon
    assert set(data.schema.spoken.words) == {"how", "many", "two", "cats", "on", "a", "mat"}
    assert data.schema.spoken.words[0] == "two"  # said twice
    both = data.schema.lexicon.with_words_of(data.schema.spoken)
    assert both.words[: len(data.schema.lexicon.words)] == data.schema.lexicon.words
    assert len(set(both.words)) == len(both.words) and set(both.words) >= set(data.schema.spoken.words)


def test_words_of_held_out_dialogues_are_not_known(tmp_path: Path) -> None:
    lines = [
        {"text": "a cat", "dialogue": [HOW_MANY], "split": "train"},
        {"text": "a dog", "dialogue": [RED, RED], "split": "test"},
    ]
    data = written(tmp_path / "data", lines)
    assert set(data.schema.spoken.words) == {"how", "many", "two"} and data.schema.turns == 1


def test_schemas_of_before_open_and_those_without_dialogues_are_written_as_before() -> None:
    plain = Schema(16, Lexicon(("red",)), {"hair": ("red",)})
    body = plain.to_json()
    assert not {"turns", "spoken", "things"} & set(body) and Schema.from_json(body) == plain
    told = Schema(16, Lexicon(("red",)), turns=3, spoken=Lexicon(("how", "many")))
    assert Schema.from_json(json.loads(json.dumps(told.to_json()))) == told


def test_without_the_column_one_line_says_so(tmp_path: Path) -> None:
    data = written(tmp_path / "data", [{"text": "a cat"}])
    assert data.schema.turns == 0 and data.schema.spoken.words == ()
    with pytest.raises(UserError, match="has no column dialogue, which a dialogue needs"):
        data.dialogues([0])
    with pytest.raises(UserError, match="has no column dialogue, which the view Dialogues needs"):
        data.require(Dialogues)


def test_a_prompt_whose_turn_lacks_its_answer_is_refused() -> None:
    with pytest.raises(UserError, match="the column dialogue holds turns such as"):
        Dialogue.from_cell([HOW_MANY, {"question": "who?"}], Schema(16), "a cat")


def test_a_wrong_picture_fits_neither_caption_nor_dialogue() -> None:
    captions, same, other = [("a",), ("b",), ("c",)], (("who?", "he"),), (("who?", "she"),)
    assert partners(captions, [-1] * 3) == [1, 2, 0]
    assert partners(captions, [-1] * 3, [same, same, other]) == [2, 2, 0]
    assert partners(captions, [-1] * 3, [(), (), other]) == [1, 2, 0]  # nothing was said that could be the same


def test_the_view_gathers_dialogues_beside_captions(tmp_path: Path) -> None:
    data = shapes(tmp_path / "shapes")
    batch = Dialogues.gather(data, range(6), np.random.default_rng(0)).to("cpu")
    assert batch.turns == data.dialogues(range(6)) and {len(turns) for turns in batch.turns} == {1, 2, 3}
    for row, wrong in enumerate(batch.wrong.tolist()):
        assert batch.turns[wrong] != batch.turns[row] and batch.captions[wrong] != batch.captions[row]
