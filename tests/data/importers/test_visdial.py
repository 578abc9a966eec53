"""VisDial in its published layout: a caption and ten turns of each picture, what is left out, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from downloads import visdial
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import visdial as import_visdial
from limner.data.importers.writing import write
from limner.errors import UserError
from limner.requests import Dialogue

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return visdial(tmp_path / "downloads")


def edit(source: Path, change: Change, part: str = "train") -> None:
    path = source / f"visdial_0.9_{part}.json"
    content = json.loads(path.read_text())
    change(content["data"])
    path.write_text(json.dumps(content))


def refused(source: Path, message: str, **options: Any) -> None:
    with pytest.raises(UserError, match=message) as caught:
        import_visdial.plan(source, **options)
    assert "\n" not in str(caught.value)


def test_a_caption_and_ten_turns_of_each_picture(source: Path, tmp_path: Path) -> None:
    plan = import_visdial.plan(source.parent)  # a folder above is fine, too
    assert plan.counts() == {"train": 2, "test": 1} and plan.way == "dialogues" and plan.what == "VisDial 0.9"
    assert [entry.name for entry in plan.entries] == [
        "train2014/COCO_train2014_000000000009", "train2014/COCO_train2014_000000378466",
        "val2014/COCO_val2014_000000000042",
    ]  # fmt: skip
    out = write(plan, tmp_path / "out")
    data = Dataset.open(out, size=8)
    assert (data.length("train"), data.length("test"), data.schema.turns) == (2, 1, 10)
    (request,) = data.requests(Dialogue, 1, "test")
    assert request.caption == "a thing of val" and len(request.turns) == 10
    assert request.turns[0] == ("is it number 3?", "yes") and request.turns[2] == ("is it number 5?", "two of them")
    request.check(data.schema)
    assert {"is", "number", "yes", "them"} <= set(data.schema.spoken.words)
    assert check(out) == []


def test_turns_without_answers_are_left_out_and_counted(source: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        rounds = data["dialogs"][0]["dialog"]
        del rounds[9]["answer"]
        rounds[8]["answer"] = -1
        data["answers"].append("  ")
        rounds[7]["answer"] = 3
        data["dialogs"][1]["dialog"] = rounds[:4]

    edit(source, change)
    plan = import_visdial.plan(source)
    assert [len(entry.dialogue) for entry in plan.entries] == [7, 4, 10]
    assert plan.notes == ["3 turns without an answer are left out", "2 dialogues have fewer than ten turns"]


def test_one_part_alone_is_for_training(source: Path) -> None:
    (source / "visdial_0.9_train.json").unlink()
    plan = import_visdial.plan(source)
    assert plan.counts() == {"train": 1} and plan.way == "none"
    assert plan.notes == ["there are dialogues of val alone: all of it is for training"]


def test_version_1_has_pictures_of_both_folders_in_its_training(tmp_path: Path) -> None:
    source = visdial(tmp_path / "downloads", "1.0")
    path = source / "visdial_1.0_train.json"
    content = json.loads(path.read_text())
    content["data"]["dialogs"].append(content["data"]["dialogs"][0] | {"image_id": 42})
    path.write_text(json.dumps(content))
    (source / "visdial_1.0_val.json").unlink()
    plan = import_visdial.plan(source)
    assert plan.what == "VisDial 1.0" and plan.entries[2].name == "val2014/COCO_val2014_000000000042"
    visdial(source, "0.9")
    assert (
        import_visdial.plan(source).what == "VisDial 0.9"
        and import_visdial.plan(source, version="1.0").what == plan.what
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it["dialogs"][1].pop("caption"), "dialogue 2 has no image_id, caption and dialog"),
        (lambda it: it["dialogs"][0].update(caption="  "), "dialogue 1 has no"),
        (lambda it: it["dialogs"][0].update(image_id="9"), "dialogue 1 has no"),
        (
            lambda it: it["dialogs"][0].update(image_id=7),
            "about COCO's picture 7, which is in none of train2014, val2014",
        ),
        (lambda it: it["dialogs"][0].update(dialog=3), "dialogue 1 has no"),
        (lambda it: it["dialogs"][0]["dialog"].append(3), "dialogue 1 has no"),
        (lambda it: it["dialogs"][0]["dialog"][0].update(question=12), "dialogue 1 has no"),
        (lambda it: it["dialogs"][0]["dialog"][0].update(question=-1), "dialogue 1 has no"),
        (lambda it: it["dialogs"][0]["dialog"][0].update(answer=3), "dialogue 1 has no"),
        (lambda it: it["dialogs"][0]["dialog"][0].update(answer="yes"), "dialogue 1 has no"),
        (
            lambda it: it["dialogs"].append(it["dialogs"][0]),
            "two dialogues about train2014/COCO_train2014_000000000009",
        ),
        (lambda it: it["questions"].append(3), "its questions are not all texts"),
        (lambda it: it.update(dialogs=[]), "has no dialogue: fetch it again"),
        (lambda it: it.pop("answers"), 'has no "data" with questions, answers and dialogs'),
    ],
    ids=map(str, range(14)),
)
def test_dialogues_that_are_wrong_are_refused_in_one_line(source: Path, change: Change, message: str) -> None:
    edit(source, change)
    refused(source, message)


def test_files_and_pictures_that_are_not_there(source: Path, tmp_path: Path) -> None:
    refused(tmp_path / "gone", "there is no folder")
    refused(source, "there is no VisDial '0.8': choose 0.9 or 1.0", version="0.8")
    refused(source, r"has no visdial_1\.0_train\.json, nor has a folder in it: it is part of", version="1.0")
    (source / "visdial_0.9_val.json").write_text("[")
    refused(source, r"visdial_0\.9_val\.json is damaged or no JSON: unpack visdial_0\.9_val\.zip again")
    (source / "val2014").rename(tmp_path / "val2014")
    (source / "train2014").rename(tmp_path / "train2014")
    refused(source, "has no pictures in train2014 or val2014: they are part of train2014.zip")


def test_the_command(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "visdial")
    assert cli.main(["data", "import", "visdial", str(source), "-o", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == {"train": 2, "test": 1}
    assert cli.main(["data", "import", "visdial", str(tmp_path), "--version", "2", "-o", out]) == 2
    assert capsys.readouterr().err.count("\n") == 1
