"""Pororo-SV in its published layout: stories, characters, the square of a strip, and what is missing, in one line."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import python2
from downloads import (
    SQUARE,
    SQUARES,
    opened,
    pororo,
    pororo_ids,
    pororo_label,
    pororo_split,
    pororo_stories,
    saved,
)
from downloads import write as put
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import pororo as import_pororo
from limner.data.importers.writing import strip_window, write
from limner.errors import UserError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return pororo(tmp_path / "pororo_png")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "pororo"


def rows(folder: Path, split: str) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob(f"{split}-*.parquet")) for row in pq.read_table(path).to_pylist()]


def squares(source: Path, name: str) -> list[np.ndarray]:
    strip = np.asarray(opened((source / f"{name}.png").read_bytes()), np.float32)
    return np.split(strip, SQUARES)


def square_of(row: dict[str, Any], source: Path) -> int:
    """Which square of its strip a row shows; the squares are noise, so only one is near."""
    found = np.asarray(opened(row["image"]["bytes"]), np.float32)
    assert found.shape == (SQUARE, SQUARE, 3)
    near = [np.abs(found - one).mean() for one in squares(source, row["file_name"])]
    assert sorted(near)[0] < 5 < 40 < sorted(near)[1]
    return int(np.argmin(near))


def test_a_square_of_a_strip() -> None:
    assert strip_window(4, 12, 36) == (0, 12, 12, 24)
    assert strip_window(2, 30, 12) == (0, 0, 12, 12)  # two whole squares, and a rest that belongs to none
    assert strip_window(7, 12, 12) == (0, 0, 12, 12)


def test_everything_of_a_row_is_there(source: Path, out: Path) -> None:
    plan = import_pororo.plan(source)
    write(plan, out)
    assert plan.counts() == {"train": 15, "validation": 5, "test": 10} and plan.way == "seen-unseen"
    stories, ids = pororo_stories(), pororo_ids()
    found = rows(out, "train")
    assert [row["file_name"] for row in found] == [name for story in stories[:3] for name in story]
    assert [row["story"] for row in found] == [story[0] for story in stories[:3] for _ in story]
    assert [row["frame"] for row in found] == [1, 2, 3, 4, 5] * 3
    for row in found:
        number = ids.index(row["file_name"])
        assert row["text"] == [f"Pororo does thing {number}, and Loopy too."]
        seen = [row["attributes"][name] == "yes" for name in import_pororo.CHARACTERS]
        assert seen == pororo_label(number).astype(bool).tolist()
    assert list(found[0]["attributes"]) == sorted(import_pororo.CHARACTERS)
    assert [row["story"] for row in rows(out, "test")[::5]] == [story[0] for story in stories[4:]]


def test_the_square_follows_from_seed_story_and_picture(source: Path, tmp_path: Path) -> None:
    taken = {}
    for run, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder = write(import_pororo.plan(source, seed=seed), tmp_path / run)
        taken[run] = [square_of(row, source) for row in rows(folder, "train") + rows(folder, "test")]
    assert taken["a"] == taken["b"] != taken["c"]
    assert set(Counter(taken["a"])) == set(range(SQUARES))
    names = [name for story in pororo_stories()[:3] for name in story]
    shown = {name: {s for one, s in zip(names, taken["a"], strict=False) if one == name} for name in names}
    assert max(map(len, shown.values())) > 1  # a picture that comes again in another story may show another square


def test_it_opens_as_stories_and_check_finds_no_fault(source: Path, out: Path) -> None:
    write(import_pororo.plan(source), out)
    data = Dataset.open(out, size=8)
    assert data.schema.story == 5 and set(data.schema.attributes) <= set(import_pororo.CHARACTERS)
    assert data.stories("train").tolist() == np.arange(15).reshape(3, 5).tolist()
    assert data.stories("test").shape == (2, 5)
    assert not [problem for problem in check(out) if problem.is_error]


def test_vectors_are_left_out_and_named(source: Path) -> None:
    saved(source / "descriptions_vec.npy", {"a": [np.zeros(4)]})
    assert "descriptions_vec.npy" in "".join(import_pororo.plan(source).notes)


def test_pictures_on_both_sides_are_counted_and_kept_apart_when_asked(source: Path) -> None:
    (source / "train_seen_unseen_ids.npy").unlink()
    pororo_split(source, [0, 1, 2, 3], [4, 5])  # story 3 has four pictures in common with 4, three with 5
    plan = import_pororo.plan(source)
    assert plan.way == "train-test" and plan.counts() == {"train": 20, "test": 10}
    assert plan.notes == [
        "1 training stories share 4 pictures with stories that are held out, as published: --apart leaves those"
        " stories out"
    ]
    strict = import_pororo.plan(source, apart=True)
    assert strict.counts() == {"train": 15, "test": 10}
    sides = {side: {entry.name for entry in strict.entries if entry.split == side} for side in ("train", "test")}
    assert not sides["train"] & sides["test"]


def test_stories_that_lack_something_are_left_out_and_reported(source: Path) -> None:
    stories = pororo_stories()
    (source / f"{stories[0][0]}.png").unlink()  # of story 0 alone
    labels = {name: pororo_label(k) for k, name in enumerate(pororo_ids()) if name != stories[5][-1]}
    saved(source / "labels.npy", labels)  # of story 5 alone
    plan = import_pororo.plan(source)
    assert plan.counts() == {"train": 10, "validation": 5, "test": 5}
    assert plan.notes[0].startswith("2 stories are left out") and f"there is no {stories[0][0]}.png" in plan.notes[0]


def test_stories_in_no_part_of_the_split_are_counted(source: Path) -> None:
    pororo_split(source, [0], [3], [4, 5])
    assert "2 stories are in no part of the split" in "".join(import_pororo.plan(source).notes)


def test_the_folder_above_and_captions_in_the_other_file(source: Path) -> None:
    before = import_pororo.plan(source.parent).entries[7].texts
    (source / "descriptions.csv").unlink()
    saved(source / "descriptions.npy", {name: [f"thing {k}", " "] for k, name in enumerate(pororo_ids())})
    assert before == ("Pororo does thing 3, and Loopy too.",)
    assert import_pororo.plan(source).entries[7].texts == ("thing 3",)


def test_a_head_and_several_captions_of_a_picture(source: Path) -> None:
    path = source / "descriptions.csv"
    path.write_text("id,frame,text\n" + path.read_text() + f"{pororo_ids()[0]},0,again\n")
    assert import_pororo.plan(source).entries[0].texts == ("Pororo does thing 0, and Loopy too.", "again")


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: (s / "img_cache4.npy").unlink(), "has no img_cache4.npy.*Pororo-SV"),
        (lambda s: (s / "following_cache4.npy").unlink(), "following_cache4.npy is missing"),
        (lambda s: (s / "labels.npy").unlink(), "labels.npy is missing"),
        (lambda s: (s / "descriptions.csv").unlink(), r"no descriptions.csv and no descriptions.npy"),
        (lambda s: (s / "descriptions.csv").write_text("a/1,2\n"), "descriptions.csv:1: a line must hold an id"),
        (lambda s: (s / "descriptions.csv").write_text("a/1,2,x\n"), "no story .* is whole: .* has no caption"),
        (lambda s: (s / "train_seen_unseen_ids.npy").unlink(), "no train_seen_unseen_ids.npy and no train_test_ids"),
        (lambda s: pororo_split(s, [0, 1], [1], [2]), "names story 1 in two parts"),
        (lambda s: pororo_split(s, [0, 9], [1], [2]), "numbers of stories from 0 to 5"),
        (lambda s: saved(s / "train_seen_unseen_ids.npy", np.zeros((2, 2), int)), "must hold 3 lists"),
        (lambda s: saved(s / "labels.npy", [1, 2]), "must hold a dict by ids"),
        (lambda s: saved(s / "labels.npy", {"a/1": np.zeros(8)}), "must hold 9 numbers 0 or 1 for a/1"),
        (lambda s: saved(s / "labels.npy", {"a/1": Evil()}), "labels.npy asks for .*nothing in it was run"),
        (lambda s: (s / "labels.npy").write_bytes(b"no npy"), "labels.npy is damaged or no .npy file"),
        (lambda s: (s / "labels.npy").write_bytes((s / "labels.npy").read_bytes()[:200]), "labels.npy is damaged"),
        (lambda s: saved(s / "img_cache4.npy", np.array(["a/1.png"])), "names 1 stories and following_cache4.npy 6"),
        (lambda s: saved(s / "img_cache4.npy", np.array(["../a/1.png"] * 6)), "names a picture twice"),
        (lambda s: saved(s / "img_cache4.npy", np.array([f"../a/{k}" for k in range(6)])), "outside its folder"),
        (lambda s: saved(s / "img_cache4.npy", np.arange(6)), "where the name .* of a picture belongs"),
    ],
    ids=map(str, range(19)),
)
def test_what_is_missing_or_wrong_is_one_line(source: Path, out: Path, spoil: Any, told: str) -> None:
    spoil(source)
    with pytest.raises(UserError, match=told) as caught:
        write(import_pororo.plan(source), out)
    assert "\n" not in str(caught.value) and not out.exists() and not Path("evil").exists()


def test_an_unknown_split_and_a_broken_picture(source: Path, out: Path) -> None:
    with pytest.raises(UserError, match="there is no split 'classes': choose seen-unseen, train-test"):
        import_pororo.plan(source, split="classes")
    with pytest.raises(UserError, match=r"has no train_test_ids\.npy: it is part of Pororo-SV"):
        import_pororo.plan(source, split="train-test")
    path = source / f"{pororo_ids()[2]}.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"clip_a/10\.png is broken"):
        write(import_pororo.plan(source), out)
    assert not out.exists()


def test_files_that_python_2_wrote(source: Path) -> None:
    """A dict under numpy.save was an array of objects without axes in a pickle of protocol 2, text as bytes."""
    labels = {name: pororo_label(number) for number, name in enumerate(pororo_ids())}
    saved(source / "labels.npy", labels)
    whole = (source / "labels.npy").read_bytes()
    head = whole[: 10 + int.from_bytes(whole[8:10], "little")]
    put(source / "labels.npy", head + python2.dumps(np.array(labels, dtype=object)))
    again = import_pororo.plan(source)
    assert again.entries[1].attributes["Pororo"] == "yes" and again.entries[0].attributes["Pororo"] == "no"


def test_the_command(source: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(source / "subtitles_vec.npy", {"a": np.zeros(4)})
    assert cli.main(["data", "import", "pororo", str(source), "-o", str(out)]) == 0
    told = capsys.readouterr()
    assert "15 in train, 5 in validation, 10 in test; split: as train_seen_unseen_ids.npy" in told.out
    assert "note: not imported" in told.err and "Not imported" in (out / "README.md").read_text()
    again = out.with_name("again")
    assert (
        cli.main(["data", "import", "pororo", str(source), "--seed", "3", "--apart", "-o", str(again), "--json"]) == 0
    )
    facts = json.loads(capsys.readouterr().out)
    assert facts["pictures"] == {"train": 15, "validation": 5, "test": 10} and "subtitles_vec" in facts["notes"][0]
    assert cli.main(["data", "import", "pororo", str(out), "-o", str(again)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("limner: error: ") and err.count("\n") == 1
