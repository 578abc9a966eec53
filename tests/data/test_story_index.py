"""Stories in a data set: what is wrong with them is named with file and line, and left out whole where asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest

from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.source import Source
from limner.data.story_index import index_stories
from limner.errors import UserError
from picture_sets import encoded, picture


def tales(count: int = 4, length: int = 3) -> list[dict[str, Any]]:
    """Rows of whole stories, in order; row k has the picture k.png."""
    return [
        {"file_name": f"{k}.png", "text": f"line {k}", "story": f"tale {k // length}", "frame": k % length + 1}
        for k in range(count * length)
    ]


def found(path: Path) -> list[tuple[int, str, str]]:
    return [(one.line, one.kind, one.message) for one in check(path)]


def spoilt(change: dict[int, dict[str, Any]], without: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Rows of whole stories, some of them changed, some left out with their pictures."""
    rows = [row | change.get(k, {}) for k, row in enumerate(tales())]
    return [row for k, row in enumerate(rows) if k not in without]


FAULTS = [
    ({}, (4,), (5, "frame missing", "the story 'tale 1' has no frame 2")),
    ({}, (3,), (4, "frame missing", "the story 'tale 1' has no frame 1")),
    ({}, (5,), (5, "story length", "the story 'tale 1' has 2 frames, most others have 3")),
    ({4: {"frame": 3}}, (), (5, "frame missing", "the story 'tale 1' has no frame 2")),
    ({5: {"frame": 2}}, (), (6, "frame repeated", "the story 'tale 1' has its frame 2 twice (first at ")),
    ({4: {"frame": None}}, (), (5, "wrong frame", "the frame must be a whole number from 1 on, not None")),
    ({4: {"frame": 0}}, (), (5, "wrong frame", "the frame must be a whole number from 1 on, not 0")),
    ({4: {"frame": 2.5}}, (), (5, "wrong frame", "the frame must be a whole number from 1 on, not 2.5")),
    ({4: {"frame": "two"}}, (), (5, "wrong frame", "the frame must be a whole number from 1 on, not 'two'")),
    ({4: {"frame": True}}, (), (5, "wrong frame", "the frame must be a whole number from 1 on, not True")),
    ({k: {"story": "tale 1", "frame": k - 2} for k in (6, 7, 8)}, (), (9, "story length", "the story 'tale 1' has 6")),
]


@pytest.mark.parametrize(("change", "without", "told"), FAULTS, ids=map(str, range(len(FAULTS))))
def test_every_fault_is_named_where_it_is_and_refused_or_left_out_whole(
    change: dict[int, dict[str, Any]], without: tuple[int, ...], told: tuple[int, str, str], folder: Callable[..., Path]
) -> None:
    rows = spoilt(change, without)
    path = folder(rows, pictures=12)
    problems = [problem for problem in check(path) if problem.is_error]
    first = problems[0]
    assert (first.line, first.kind) == told[:2] and first.message.startswith(told[2])
    assert Path(first.file).name == "metadata.jsonl"
    with pytest.raises(UserError) as caught:
        Dataset.open(path, size=8)
    assert str(first) in str(caught.value) and "--skip-bad" in str(caught.value) and "\n" not in str(caught.value)
    data = Dataset.open(path, size=8, held_out=0, skip_bad=True)
    left = sorted(set(data.column("story", range(data.length()))))
    assert "tale 1" not in left and len(data.stories()) == len(left) == data.length() / 3 >= 2
    assert data.schema.story == 3


def test_only_the_first_fault_of_a_story_is_named(folder: Callable[..., Path]) -> None:
    rows = spoilt({3: {"frame": 2}, 5: {"frame": 7}, 9: {"frame": 9}})
    assert [(line, kind) for line, kind, _ in found(folder(rows))] == [(4, "frame missing"), (11, "frame missing")]


def test_a_story_without_frames(folder: Callable[..., Path]) -> None:
    rows = [{key: value for key, value in row.items() if key != "frame"} for row in tales()]
    path = folder(rows)
    ((line, kind, message),) = found(path)
    assert (line, kind) == (0, "no frame column") and "the number of each picture in its story" in message
    with pytest.raises(UserError, match="the column story needs a column frame"):
        Dataset.open(path, size=8)


def test_rows_may_stand_in_any_order_and_scattered_ones_are_a_note(folder: Callable[..., Path]) -> None:
    rows = tales()
    turned = [rows[k] for k in (2, 1, 0, 5, 4, 3, 8, 6, 7, 11, 10, 9)]
    assert found(folder(turned, name="turned")) == []
    mixed = [rows[k] for k in (0, 3, 1, 4, 2, 5, 6, 7, 8, 9, 10, 11)]
    path = folder(mixed, name="mixed")
    (problem,) = check(path)
    assert (problem.line, problem.kind, problem.is_error) == (3, "scattered", False)
    assert problem.message == "the rows of 2 stories do not stand together, here those of 'tale 0': frame decides"
    data = Dataset.open(path, size=8, held_out=0)
    assert [[data.captions(row)[0] for row in tale] for tale in data.stories()] == [
        [f"line {k + step}" for step in range(3)] for k in (0, 3, 6, 9)
    ]


def test_a_story_goes_whole_when_one_of_its_pictures_or_captions_is_bad(folder: Callable[..., Path]) -> None:
    rows = tales()
    rows[1]["text"] = [" "]
    path = folder(rows)
    (path / "7.png").write_text("no picture")
    (path / "10.png").unlink()
    data = Dataset.open(path, size=8, held_out=0, skip_bad=True)
    assert data.column("story", range(data.length())) == ["tale 1"] * 3
    assert [row.kind for row in data.skipped].count("unreadable") == 1


def test_pictures_beside_the_stories_are_allowed(folder: Callable[..., Path]) -> None:
    rows = [*tales(), {"file_name": "12.png", "text": "alone", "story": None, "frame": None}]
    path = folder(rows)
    assert found(path) == []
    data = Dataset.open(path, size=8, held_out=0)
    assert data.length() == 13 and len(data.stories()) == 4


def test_a_table_of_text_holds_frames_as_text(tmp_path: Path) -> None:
    lines = ["file_name,text,story,frame"]
    for k, row in enumerate(tales()):
        (tmp_path / f"{k}.png").write_bytes(encoded(picture(k)))
        lines.append(f"{k}.png,line {k},{row['story']},{'x' if k == 4 else row['frame']}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    kinds = [(line, kind) for line, kind, _ in found(tmp_path) if kind not in ("unreferenced",)]
    assert kinds == [(6, "wrong frame"), (7, "frame missing")]


def parquet(folder: Path, rows: list[dict[str, Any]], **columns: Any) -> Path:
    held: dict[str, Any] = {name: [row[name] for row in rows] for name in ("text", "story", "frame")}
    held["image"] = [{"bytes": encoded(picture(k)), "path": None} for k in range(len(rows))]
    folder.mkdir(exist_ok=True)
    datasets.Dataset.from_dict(held | columns).to_parquet(folder / "train-00000-of-00001.parquet")
    return folder


def test_frames_of_a_table_of_numbers(tmp_path: Path) -> None:
    frames = [float(row["frame"]) for row in tales()]
    assert found(parquet(tmp_path / "whole", tales(), frame=frames)) == []
    frames[4], frames[7] = 1.5, float("nan")
    told = found(parquet(tmp_path / "broken", tales(), frame=frames))
    assert [(line, kind) for line, kind, _ in told] == [(5, "wrong frame"), (8, "wrong frame")]
    data = Dataset.open(tmp_path / "broken", size=8, held_out=0, skip_bad=True)
    assert data.column("story", range(data.length())) == ["tale 0"] * 3 + ["tale 3"] * 3


@pytest.mark.parametrize("column", ["story", "frame"])
def test_columns_of_lists_are_refused(column: str, tmp_path: Path) -> None:
    path = parquet(tmp_path / "lists", tales(), **{column: [[1]] * 12})
    with pytest.raises(UserError, match=rf"the column {column} of .* holds list.*, but it must hold"):
        Dataset.open(path, size=8)


def test_training_and_held_out_stories_may_have_the_same_names(tmp_path: Path) -> None:
    path = parquet(tmp_path / "both", tales())
    (path / "train-00000-of-00001.parquet").rename(path / "test-00000-of-00001.parquet")
    parquet(path, tales())
    data = Dataset.open(path, size=8)
    assert len(data.stories("train")) == len(data.stories("test")) == 4
    assert {problem.kind for problem in check(path)} == {"shared picture"}


def test_a_picture_in_two_stories_is_a_note_and_twice_in_one_a_fault(folder: Callable[..., Path]) -> None:
    path = folder(tales())
    (path / "5.png").write_bytes((path / "0.png").read_bytes())
    (path / "6.png").write_bytes((path / "0.png").read_bytes())
    (note,) = check(path)
    assert (note.line, note.is_error) == (6, False) and "the first of 2 pictures" in note.message
    (path / "2.png").write_bytes((path / "1.png").read_bytes())
    assert [(line, kind) for line, kind, _ in found(path)] == [(3, "duplicate"), (6, "shared picture")]


def test_the_length_is_that_of_most_stories(folder: Callable[..., Path]) -> None:
    rows = [*tales(), {"file_name": "12.png", "text": "more", "story": "tale 3", "frame": 4}]
    path = folder(rows)
    assert found(path) == [(13, "story length", "the story 'tale 3' has 4 frames, most others have 3")]
    data = Dataset.open(path, size=8, held_out=0, skip_bad=True)
    assert data.schema.story == 3 and len(data.stories()) == 3


def test_many_rows_in_no_order_are_judged() -> None:
    rows = 60_000
    order = np.random.default_rng(0).permutation(rows)
    columns = {"story": pa.array([f"tale {k // 4}" for k in order]), "frame": pa.array(order % 4 + 1)}
    source = Source("many", None, rows, "")  # type: ignore[arg-type]
    told = index_stories(columns, source)
    assert told is not None and len(told.faulty) == 0 and told.length == 4 and not told.wrong
    columns["frame"] = pa.array(np.where(order == 7, 9, order % 4 + 1))
    told = index_stories(columns, source)
    assert told is not None and [told.names[story] for story in told.faulty] == ["tale 1"]
    assert sorted(order[told.bad]) == [4, 5, 6, 7]


def test_json_lines_say_their_place(folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(spoilt({}, (4,)), pictures=12)
    assert cli.main(["data", "check", str(path), "--json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    faults = [(one["line"], one["kind"]) for one in told if one["error"]]
    assert faults == [(5, "frame missing")]
