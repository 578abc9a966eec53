"""Face2Text in its published layout: all descriptions of a picture in one row, and what is wrong, in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from downloads import face2text
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import face2text as import_face2text
from limner.data.importers.writing import write
from limner.errors import UserError


@pytest.fixture
def source(tmp_path: Path) -> tuple[Path, Path]:
    return face2text(tmp_path / "downloads")


def test_a_row_for_each_picture_with_all_its_descriptions(source: tuple[Path, Path], tmp_path: Path) -> None:
    plan = import_face2text.plan(*source)
    assert plan.notes == ["1 pictures without any description are left out"] and plan.way == "none"
    assert [(entry.name, entry.picture) for entry in plan.entries] == [
        ("Ann_Ay/Ann_Ay_0001", source[1] / "Ann_Ay/Ann_Ay_0001.jpg"),
        ("Ann_Ay/Ann_Ay_0002", source[1] / "Ann_Ay/Ann_Ay_0002.jpg"),
    ]
    out = write(plan, tmp_path / "faces")
    data = Dataset.open(out, size=8, held_out=0)
    assert data.captions(0) == ("face 1 has nose 0",)
    assert data.captions(1) == ("face 2 has nose 0", "face 2 has nose 1") and data.schema.captions == 2
    assert check(out) == []


def test_another_root_and_another_suffix(source: tuple[Path, Path]) -> None:
    path, images = source
    items = json.loads(path.read_text())
    (images / "Ann_Ay" / "Ann_Ay_0001.jpg").rename(images / "Ann_Ay" / "Ann_Ay_0001.png")
    items[0]["image"] = "Ann_Ay_0001.tif"
    path.write_text(json.dumps(items[:1]))
    plan = import_face2text.plan(path, images / "Ann_Ay", suffixes={".tif": ".png"})
    assert plan.entries[0].picture == images / "Ann_Ay" / "Ann_Ay_0001.png"


ONE = '{"image": "a/b.bmp", "descriptions": [{"text": "x"}]}'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[", "clean.json is not JSON"),
        ("{}", "must hold a list of pictures, and holds dict"),
        ("[]", "describes no picture"),
        ("[1]", 'picture 1 has no "image" and "descriptions"'),
        ('[{"image": "a/b.bmp"}]', "picture 1 has no"),
        ('[{"image": "a/b.bmp", "descriptions": [{"text": 1}]}]', "picture 1 has no"),
        ('[{"image": "", "descriptions": []}]', "picture 1 has no"),
        (f"[{ONE}, {ONE}]", "describes a/b.bmp twice"),
        (ONE.join("[]").replace("a/b", "../b"), "outside its folder"),
        (ONE.join("[]"), r"b\.jpg is missing, which clean.json calls a/b.bmp.*--suffix \.bmp=\.png"),
    ],
    ids=map(str, range(10)),
)
def test_what_is_wrong_is_one_line(source: tuple[Path, Path], content: str, told: str) -> None:
    source[0].write_text(content)
    with pytest.raises(UserError, match=told) as caught:
        import_face2text.plan(*source)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(source: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*gone: unpack the pictures"):
        import_face2text.plan(source[0], tmp_path / "gone")
    with pytest.raises(UserError, match=r"gone\.json cannot be read"):
        import_face2text.plan(tmp_path / "gone.json", source[1])


def test_the_command(source: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*more: Any) -> int:
        return cli.main(["data", "import", "face2text", *map(str, source), "-o", str(tmp_path / "faces"), *more])

    assert run("--suffix", "bmp") == 2
    err = capsys.readouterr().err
    assert "--suffix bmp= is no pair of suffixes" in err and err.count("\n") == 1
    assert run("--suffix", ".bmp=.gif") == 2 and not (tmp_path / "faces").exists()
    capsys.readouterr()
    assert run("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pictures"] == {"train": 2} and told["split"] == "none" and told["notes"]
