from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from limner.cli.data import app
from limner.data.check import Problem, check
from limner.data.dataset import Dataset
from limner.errors import UserError
from picture_sets import encoded, picture


def test_a_good_set_has_no_problems(captioned: Path) -> None:
    assert check(captioned) == []


def test_everything_is_found_at_once(folder: Callable[..., Path]) -> None:
    rows: list[Any] = [{"file_name": f"{k}.png", "text": f"picture {k}"} for k in range(7)]
    rows[1]["text"] = ""
    rows[3] = "{"
    rows[4]["file_name"] = "gone.png"
    path = folder(rows)
    (path / "2.png").write_text("no picture")
    (path / "5.png").write_bytes((path / "0.png").read_bytes())
    seen: list[tuple[int, int]] = []
    problems = check(path, progress=lambda done, total: seen.append((done, total)))
    assert [(Path(one.file).name, one.line, one.kind) for one in problems] == [
        ("3.png", 0, "unreferenced"),
        ("4.png", 0, "unreferenced"),
        ("metadata.jsonl", 2, "empty caption"),
        ("metadata.jsonl", 3, "unreadable"),
        ("metadata.jsonl", 4, "bad line"),
        ("metadata.jsonl", 5, "missing file"),
        ("metadata.jsonl", 6, "duplicate"),
    ]
    assert problems[-1].message == f"the picture 5.png is the same, byte for byte, as that of {path}/metadata.jsonl:1"
    assert [one.is_error for one in problems] == [False, False] + [True] * 5 and seen == [(4, 4)]


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ([1, 1, 5, 5], None),
        ([0, 0, 12, 12], None),
        ([-0.2, 0, 12.2, 12], None),
        ([8, 1, 5, 5], "lies outside its picture of 12 x 12 pixels (hat)"),
        ([-3, 1, 5, 5], "lies outside"),
        ([1, 1, 0, 5], "has no positive width and height (hat)"),
        ([1, 1, 5, -5], "has no positive width and height"),
        ([1, 1, 5], "must be four numbers"),
    ],
)
def test_boxes(box: list[float], says: str | None, folder: Callable[..., Path]) -> None:
    boxes = [{"label": "hat", "box": [float(value) for value in box]}]
    problems = check(folder([{"file_name": "0.png", "text": "t", "boxes": boxes}]))
    assert [one.kind for one in problems] == (["wrong box"] if says else [])
    assert says is None or says in problems[0].message


def test_bare_boxes_are_judged_too(folder: Callable[..., Path]) -> None:
    problems = check(folder([{"file_name": "0.png", "text": "t", "boxes": [[1.0, 1.0, 50.0, 5.0]]}]))
    assert [one.kind for one in problems] == ["wrong box"]


def point(label: str = "nose", x: Any = 3.0, y: Any = 4.0, **more: Any) -> dict[str, Any]:
    return {"label": label, "x": x, "y": y} | more


NAN = float("nan")


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([point(), point("chin")], None),
        ([point(x=12.4), point("chin", y=-0.4)], None),
        ([point(x=90.0, visible=False), point("chin", visible=True)], None),
        ([], None),
        ([point(x=13.0), point("chin", visible=True)], "'nose' at (13, 4) lies outside its picture of 12 x 12 pixels"),
        ([point(y=NAN), point("chin")], "'nose' lies at what is no number"),
        ([point(x=None), point("chin")], 'must be such as {"label": "nose", "x": 3, "y": 5, "visible": true}, not'),
        ([point()], "there are 1 of 2 key points and no 'chin'"),
        ([point(), point("chin"), point()], "'nose' stands there twice"),
    ],
    ids=map(str, range(9)),
)
def test_key_points(points: list[Any], says: str | None, folder: Callable[..., Path]) -> None:
    good = {"file_name": "1.png", "text": "u", "keypoints": [point(visible=None), point("chin")]}
    problems = check(folder([{"file_name": "0.png", "text": "t", "keypoints": points}, good]))
    assert {one.kind for one in problems} == ({"wrong point"} if says else set())
    assert says is None or (says in problems[0].message and problems[0].line == 1 and problems[0].is_error)


def test_masks(folder: Callable[..., Path]) -> None:
    names = ["good", "empty", "small", "gone"]
    masks = [[{"label": "hat", "mask": f"shapes/{name}.png"}] for name in names]
    path = folder([{"file_name": f"{k}.png", "text": "t", "masks": mask} for k, mask in enumerate(masks)])
    (path / "shapes").mkdir()
    for name, size, level in (("good", 12, 255), ("empty", 12, 0), ("small", 6, 255)):
        (path / "shapes" / f"{name}.png").write_bytes(encoded(Image.new("L", (size, size), level)))
    problems = check(path)
    assert [(one.line, one.kind, one.is_error) for one in problems] == [
        (2, "empty mask", False),
        (3, "wrong mask", True),
        (4, "wrong mask", True),
    ]
    assert "the first of 1 masks in which nothing is" in problems[0].message
    assert problems[1].message == "the mask 1 (hat) has 6 x 6 pixels, and its picture has 12 x 12"
    assert problems[2].message == "the mask 1 (hat) cannot be read: No such file or directory"
    (path / "shapes" / "good.png").write_bytes(encoded(Image.new("L", (12, 12), 1)))
    assert check(path)[0].message == "no mask has a value above 1: write 255 where the thing is, 0 where it is not"


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([{"question": "how many?", "answer": "two"}] * 50, None),
        ([], None),
        ([["how many?", "two"]], None),
        (
            [{"question": "how many?", "answer": "two"}] * 1000,
            "the dialogue has 1000 turns, at most 50 are read: cut it",
        ),
        ([{"question": "how many?", "answer": None}], "turn 1 ('how many?') has no answer: take it out"),
        ([{"question": "a?", "answer": "b"}, {"question": "c?", "answer": " "}], "turn 2 ('c?') has no answer"),
        ([{"question": "", "answer": "b"}], "turn 1 has no question"),
        ([["how many?", "two", "three"]], 'turn 1 must be such as {"question": "how many?", "answer": "two"}, not'),
        ("how many? two", 'a dialogue must be a list such as [{"question": "how many?", "answer": "two"}], not'),
    ],
    ids=map(str, range(9)),
)
def test_dialogues(turns: Any, says: str | None, folder: Callable[..., Path]) -> None:
    problems = check(folder([{"file_name": "0.png", "text": "t", "dialogue": turns}]))
    assert [one.kind for one in problems] == (["wrong turn"] if says else [])
    assert says is None or says in problems[0].message


def test_a_box_without_a_label(folder: Callable[..., Path]) -> None:
    boxes = [[{"label": "hat", "box": [1.0, 2.0, 3.0, 4.0]}], [{"label": None, "box": [1.0, 2.0, 3.0, 4.0]}]]
    problems = check(folder([{"file_name": f"{k}.png", "text": "t", "boxes": box} for k, box in enumerate(boxes)]))
    assert [(one.line, one.kind) for one in problems] == [(2, "wrong box")] and "has no label" in problems[0].message


def test_every_split_is_checked(folder: Callable[..., Path]) -> None:
    rows = [{"file_name": f"{k}.png", "text": "t", "split": s} for k, s in enumerate(["train", "validation", "test"])]
    path = folder(rows)
    for k in range(3):
        (path / f"{k}.png").write_text("junk")
    assert [one.line for one in check(path)] == [1, 2, 3]


def test_a_folder_without_captions(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(encoded(picture(0)))
    (only,) = check(tmp_path)
    assert only.kind == "missing caption" and only.line == 0 and "no picture has a caption" in only.message
    assert Dataset.open(tmp_path, size=8).columns == {"image"}  # enough for a system that is told nothing


def test_the_command_for_a_good_set(captioned: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(captioned)])
    assert done.exit_code == 0 and "nothing is wrong" in done.output


def test_the_command_for_a_bad_set(folder: Callable[..., Path]) -> None:
    path = folder([{"file_name": "0.png", "text": "[red]a hat"}, {"file_name": "1.png", "text": ""}], pictures=3)
    done = CliRunner().invoke(app, ["check", str(path)])
    assert done.exit_code == 1
    assert "the caption is empty" in done.output and "1 to put right, 1 to note" in done.output
    done = CliRunner().invoke(app, ["check", str(path), "--json"])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1 and len(lines) == 3 and lines[2]["kind"] == "summary"
    assert lines[1] == {
        "file": f"{path}/metadata.jsonl",
        "line": 2,
        "kind": "empty caption",
        "message": "the caption is empty",
        "error": True,
    }
    assert not lines[0]["error"]


def test_notes_alone_are_no_failure(folder: Callable[..., Path]) -> None:
    path = folder([{"file_name": "0.png", "text": "a hat"}], pictures=2)
    done = CliRunner().invoke(app, ["check", str(path)])
    assert done.exit_code == 0 and "0 to put right, 1 to note: 1 unreferenced" in done.output


def test_a_problem_says_where() -> None:
    assert str(Problem("a/b.jsonl", 3, "k", "is wrong")) == "a/b.jsonl:3: is wrong"
    assert str(Problem("a/b.png", 0, "k", "is wrong")) == "a/b.png: is wrong"


def test_building_a_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command hands its options to the world's module, found by its file name."""
    out = tmp_path / "faces"
    options = ["build", "avatars", "--images", "3", "--size", "32", "--seed", "5", "--workers", "1", "-o", str(out)]
    done = CliRunner().invoke(app, [*options, "--json"])
    facts = json.loads(done.stdout)
    assert done.exit_code == 0 and facts.pop("seconds") >= 0
    assert facts == {"folder": str(out), "world": "avatars", "images": 3, "size": 32, "seed": 5}
    assert check(out) == []
    data = Dataset.open(out, size=32)
    assert (data.length("train"), data.length("test")) == (2, 1) and len(data.captions(0)) == 5
    assert len(data.schema.attributes) >= 10 and {"boxes", "masks", "keypoints"} <= data.columns


@pytest.mark.parametrize(
    ("world", "says"),
    [
        ("avatar", "did you mean 'avatars'?"),
        ("nowhere", "there are: "),
        ("build", "unknown world 'build'"),
        ("..", ".."),
    ],
)
def test_an_unknown_world(world: str, says: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["build", world, "-o", str(tmp_path / "out")])
    assert isinstance(done.exception, UserError) and says in str(done.exception)
    assert not (tmp_path / "out").exists()
