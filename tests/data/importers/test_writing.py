"""Writing an import: whole or not there, going on after a kill, the same bytes every time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest

from limner.data.dataset import Dataset
from limner.data.importers import writing
from limner.data.importers.writing import Entry, Plan, write
from limner.errors import UserError
from picture_sets import encoded, picture


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "source").mkdir()
    entries = []
    for k in range(9):
        path = tmp_path / "source" / f"{k}.jpg"
        path.write_bytes(encoded(picture(k, (40, 30)), "JPEG"))
        split = "train" if k < 7 else "test"
        entries.append(Entry(split, f"a/{k}", path, (f"picture {k}",), box=(4.0, 4.0, 12.0, 10.0)))
    return Plan("Things", "things.tgz", entries, "official", crop=True)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(writing, "_ROWS_PER_SHARD", 3)
    yield


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_card_and_record(plan: Plan, tmp_path: Path) -> None:
    out = write(plan, tmp_path / "out")
    files = [f"train-{k:05d}-of-00003.parquet" for k in range(3)]
    assert sorted(contents(out)) == ["README.md", "import.json", "test-00000-of-00001.parquet", *files]
    assert not list(tmp_path.glob(".*.part"))
    data = Dataset.open(out, size=8)
    assert (data.length("train"), data.length("test")) == (7, 2)
    assert [data.captions(row)[0] for row in range(7)] == [f"picture {row}" for row in range(7)]


def test_the_card_tells_datasets_the_splits(plan: Plan, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(write(plan, tmp_path / "out")), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 7, "test": 2}
    assert loaded["train"][3]["image"].size == (18, 18)
    assert loaded["train"][3]["boxes"] == [{"label": "object", "box": [3.0, 4.0, 12.0, 10.0]}]


def test_the_same_bytes_every_time_wherever_it_lies(plan: Plan, tmp_path: Path) -> None:
    assert contents(write(plan, tmp_path / "one")) == contents(write(plan, tmp_path / "two"))


def test_progress_counts_pictures_to_the_last(plan: Plan, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write(plan, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {done for done, _ in told} == set(range(1, 10)) and {total for _, total in told} == {9}


class Killed(BaseException):
    """As abrupt as an exception can be."""


def test_an_import_that_was_stopped_leaves_nothing_to_open_and_goes_on(plan: Plan, tmp_path: Path) -> None:
    whole = contents(write(plan, tmp_path / "whole"))

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        write(plan, tmp_path / "out", progress=stop)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="there is no data set"):
        Dataset.open(tmp_path / "out", size=8)
    kept = tmp_path / ".out.part" / "train-00000-of-00003.parquet"
    before = kept.stat().st_mtime_ns
    assert contents(write(plan, tmp_path / "out")) == whole
    assert (tmp_path / "out" / kept.name).stat().st_mtime_ns == before


def test_a_killed_process_leaves_nothing_to_open(plan: Plan, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from limner.data.importers import writing as w\n"
        "w._ROWS_PER_SHARD = 3\n"
        "pictures = sorted(Path(sys.argv[1]).iterdir())\n"
        "rows = [w.Entry('train' if k < 7 else 'test', f'a/{k}', path, (f'picture {k}',), box=(4., 4., 12., 10.))\n"
        "        for k, path in enumerate(pictures)]\n"
        "def stop(done, total):\n"
        "    if done == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "plan = w.Plan('Things', 'things.tgz', rows, 'official', crop=True)\n"
        "w.write(plan, Path(sys.argv[2]), progress=stop)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "source"), str(tmp_path / "out")]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    kept = tmp_path / ".out.part" / "train-00000-of-00003.parquet"
    before = kept.stat().st_mtime_ns
    assert not (tmp_path / "out").exists()
    assert contents(write(plan, tmp_path / "out")) == contents(write(plan, tmp_path / "whole"))
    assert (tmp_path / "out" / kept.name).stat().st_mtime_ns == before


def test_what_another_import_left_is_not_gone_on_with(plan: Plan, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        write(plan, tmp_path / "out", progress=stop)
    other = Plan(plan.what, plan.download, plan.entries, plan.way, crop=False)
    assert contents(write(other, tmp_path / "out")) == contents(write(other, tmp_path / "whole"))


def test_a_second_import_leaves_the_first_as_it_is_and_another_is_refused(plan: Plan, tmp_path: Path) -> None:
    out = write(plan, tmp_path / "out")
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert write(plan, out) == out
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    with pytest.raises(UserError, match="holds something else than this import"):
        write(Plan(plan.what, plan.download, plan.entries, plan.way, crop=False), out)


def test_a_place_that_is_taken_is_left_alone(plan: Plan, tmp_path: Path) -> None:
    for place in (tmp_path / "folder", tmp_path / ".out.part"):
        place.mkdir()
        (place / "mine.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name, told in (("folder", "holds something else"), ("file", "holds something else"), ("out", "is in the way")):
        with pytest.raises(UserError, match=told):
            write(plan, tmp_path / name)
    assert {path.read_text() for path in (tmp_path / "file", *tmp_path.glob("*/mine.txt"))} == {"precious"}
    assert (tmp_path / ".out.part" / "mine.txt").read_text() == "precious"


def test_an_empty_folder_may_be_there_already(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "README.md" in contents(write(plan, tmp_path / "out"))


def test_a_folder_that_cannot_be_made_is_one_line(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write(plan, tmp_path / "file" / "out")
