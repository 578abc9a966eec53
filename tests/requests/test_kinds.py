"""A kind of request answers for itself: what a text means, what it refuses, which rows answer it, what mixes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, Schema
from limner.errors import UserError
from limner.requests import (
    Attributes,
    Blend,
    Caption,
    Dialogue,
    LabelSet,
    Layout,
    Nothing,
    Story,
    between,
    from_json,
    kinds,
    to_json,
)  # fmt: skip
from toy import shapes, tales

SCHEMA = Schema(
    16,
    Lexicon(()),
    attributes={"hair": ("black", "red"), "hat": ("none", "top hat")},
    things=("cup", "table", "glass"),
    points=("left eye", "nose"),
)


@pytest.mark.parametrize(
    ("kind", "text", "means"),
    [
        (Caption, "a red hat", Caption("a red hat")),
        (Story, "a\n\n b", Story(("a", " b"))),
        (Attributes, "hair: red, hat: top hat", Attributes({"hair": "red", "hat": "top hat"})),
        (LabelSet, "2 cups, table, 2 glasses", LabelSet(("cup", "cup", "table", "glass", "glass"))),
        (
            Dialogue,
            "a cat. Q: how many? A: two\nQ: red? A: no",
            Dialogue("a cat.", (("how many?", "two"), ("red?", "no"))),
        ),
        (Dialogue, "a cat", Dialogue("a cat")),
        (
            Layout,
            "cup .1 .2 .3 .4; glass 0 0.5 1 .5",
            Layout((("cup", 0.1, 0.2, 0.3, 0.4), ("glass", 0.0, 0.5, 1.0, 0.5))),
        ),
        (Layout, "nose .5 .25; left eye .3 0", Layout((), "", (("nose", 0.5, 0.25), ("left eye", 0.3, 0.0)))),
        (
            Layout,
            "a red cup, full; cup 0 0 1 1\nnose .5 .25",
            Layout((("cup", 0.0, 0.0, 1.0, 1.0),), "a red cup, full", (("nose", 0.5, 0.25),)),
        ),
    ],
)
def test_what_a_text_means(kind: Any, text: str, means: Any) -> None:
    found = kind.parse(text, SCHEMA)
    assert found == means and from_json(json.loads(json.dumps(to_json(found)))) == means
    found.check(SCHEMA)


def test_cells_of_a_file_of_prompts() -> None:
    turns = [{"question": "how many?", "answer": "two"}]
    assert Dialogue.from_cell(turns, SCHEMA, "a cat") == Dialogue("a cat", (("how many?", "two"),))
    assert Dialogue.from_cell("a cat. Q: red? A: no", SCHEMA).turns == (("red?", "no"),)
    assert Layout.from_cell([["cup", 0, 0, 1, 1]], SCHEMA) == Layout((("cup", 0, 0, 1, 1),))
    assert LabelSet.from_cell(["cup", "cup"], SCHEMA) == LabelSet(("cup", "cup"))
    assert Attributes.from_cell({"hair": "red", "hat": None}, SCHEMA) == Attributes({"hair": "red"})


def refused(kind: Any, what: Any) -> str:
    with pytest.raises(UserError) as caught:
        (kind.parse(what, SCHEMA) if isinstance(what, str) else kind(*what)).check(SCHEMA)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "what", "says"),
    [
        (Caption, " ", "the prompt is empty"),
        (Caption, "a" * 2001, "2,001 characters, and 2,000 is the limit"),
        (Story, "", "the story is empty"),
        (Story, [("a",) * 501], "501 lines, and 500 is the limit"),
        (Attributes, "hair red", "'hair red' is no attribute: write them like"),
        (Attributes, "hiar: red", "unknown attribute 'hiar': did you mean 'hair'?"),
        (Attributes, "hair: rad", "unknown value of hair: 'rad': did you mean 'red'?"),
        (LabelSet, "tabel", "unknown label 'tabel': did you mean 'table'?"),
        (LabelSet, "999 cups", "999 labels, and 200 is the limit"),
        (LabelSet, "", "no labels: choose some"),
        (Dialogue, "a cat. Q: how many?", "the question 'how many?' has no answer"),
        (Dialogue, "a cat. A: two", "an answer after each question"),
        (Dialogue, ["a cat", (("how many?", ""),)], "turn 1 of the dialogue has no answer"),
        (Dialogue, ["a cat", (("how many?", "2"),) * 1000], "1,000 turns, and 50 is the limit"),
        (Dialogue, "Q: how many? A: two", "the dialogue has no caption"),
        (Layout, "a red cup", "'a red cup' is no box: write a label and x, y, width, height"),
        (Layout, "cop .1 .1 .1 .1", "unknown label 'cop': did you mean 'cup'?"),
        (Layout, "cup .5 .5 .6 .1", "lies outside the picture"),
        (Layout, "cup .5 .5 0 .1", "give a width and a height above 0"),
        (Layout, "cup nan .5 .1 .1", "has what is no number"),
        (Layout, [(("cup", 0.1, math.inf, 0.1, 0.1),)], "has what is no number"),
        (Layout, [(("cup", 0.1, 0.1, 0.1, 0.1),) * 200], "200 boxes, and 100 is the limit"),
        (Layout, [()], "no boxes: place some"),
        (Layout, "nose .5 1.5", "the point 'nose' at 0.5 1.5 lies outside the picture"),
        (Layout, "nose nan .5", "has what is no number"),
        (Layout, "nise .5 .5", "unknown point 'nise': did you mean 'nose'?"),
        (Layout, "nose .5 .5; nose .1 .1", "the point 'nose' stands there twice"),
        (Layout, [(), "", (("nose", 0.5, 0.5),) * 200], "200 points, and 100 is the limit"),
        (Nothing, "a hat", "leave the prompt out"),
    ],
)
def test_what_is_refused_and_how(kind: Any, what: Any, says: str) -> None:
    assert says in refused(kind, what)


def test_which_texts_bear_the_marks_of_a_layout() -> None:
    marked = ["cup .1 .2 .3 .4", "nose .5 .5", "a cup; nose .5 .5", "a cup; cup 0 0 1 1", "cup .1 .2 .3"]
    plain = ["a red cup", "two cups at 3 4", "a cup; a table", "a red cup; 2 tables", ""]
    assert all(map(Layout.recognises, marked)) and not any(map(Layout.recognises, plain))


def test_points_are_written_only_where_there_are_some() -> None:
    """Recipes of pictures that were drawn before there were points stay as they are, to the byte."""
    assert "points" not in to_json(Layout((("cup", 0, 0, 1, 1),)))
    pointed = Layout((), "a cup", (("nose", 0.5, 0.5),))
    assert from_json(json.loads(json.dumps(to_json(pointed)))) == pointed


def test_what_lies_between() -> None:
    cups, others = Layout((("cup", 0, 0, 1, 1),)), Layout((("table", 0, 0, 1, 1),))
    assert between(cups, Layout((("cup", 0, 0, 0.5, 1),)), 0.5).t == 0.5
    assert between(Caption("a"), Caption("b"), 1) == Caption("b")
    pairs = [(cups, others), (LabelSet(("a",)), LabelSet(("b",))), (Story(("a",)), Story(("b",)))]
    for one, other in [*pairs, (Caption("a"), Dialogue("a")), (Blend(cups, cups, 0.5), others)]:
        with pytest.raises(UserError, match="nothing lies between"):
            between(one, other, 0.5)


def test_rows_answer_each_kind(tmp_path: Path) -> None:
    data = shapes(tmp_path / "shapes")
    assert data.requests(Caption, 2, "train") == [Caption(data.captions(row)[0]) for row in (0, 1)]
    assert set(data.requests(Attributes, 1)[0].values) == {"colour", "shape", "ground"}
    assert set(data.requests(LabelSet, 1)[0].labels) <= set(data.schema.things)
    assert data.requests(Nothing, 3) == [Nothing()] * 3
    assert data.requests(Dialogue, 1)[0].turns == data.dialogues([0])[0]
    silent = tales(tmp_path / "tales")
    assert len(silent.requests(Story, 1)[0].lines) == 3
    with pytest.raises(UserError, match=r"no column dialogue, which a request of kind Dialogue needs"):
        silent.requests(Dialogue, 1)
    assert silent.requests((Dialogue, Caption), 1) == silent.requests(Caption, 1)  # the first that can be made of it


def test_boxes_are_cut_as_their_picture_is(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")  # its middle square begins at 10
    boxes = [
        {"label": "cup", "box": [10, 0, 8, 10]},
        {"label": "cup", "box": [0, 5, 20, 10]},
        {"label": "table", "box": [0, 0, 9, 9]},
    ]
    line = {
        "file_name": "a.png",
        "text": "cups",
        "boxes": boxes,
        "dialogue": [{"question": "how many?", "answer": "2"}],
    }
    (tmp_path / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    data = Dataset.open(tmp_path, size=16, held_out=0)
    assert data.schema.things == ("cup", "table")
    assert data.requests(Layout, 1) == [Layout((("cup", 0, 0, 0.4, 0.5), ("cup", 0, 0.25, 0.5, 0.5)), "cups")]
    assert data.requests(LabelSet, 1) == [LabelSet(("cup", "cup"))]
    assert data.requests(Dialogue, 1) == [Dialogue("cups", (("how many?", "2"),))]
    # An artist that draws one thing is asked for the largest, or the first.
    assert data.requests(Layout, 1, most_things=1) == [Layout((("cup", 0, 0.25, 0.5, 0.5),), "cups")]
    assert data.requests((Caption, Layout), 1, most_things=1) == [Caption("cups")]
    assert data.requests(LabelSet, 1, most_things=1) == [LabelSet(("cup",))]
    assert Schema.from_json(json.loads(json.dumps(data.schema.to_json()))) == data.schema


def test_fields_name_what_an_artist_knows() -> None:
    for name, kind in kinds().items():
        for field in kind.fields(SCHEMA) if name != "blend" else ():
            assert field.about and json.dumps(field.to_json())
    (values,) = Attributes.fields(SCHEMA)
    assert values.to_json()["choices"] == {"hair": ["black", "red"], "hat": ["none", "top hat"]}
    assert Layout.fields(SCHEMA)[0].choices == SCHEMA.things
