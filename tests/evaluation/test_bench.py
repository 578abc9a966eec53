"""A bench trains and measures its rows, and one that was killed goes on to the same table."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artists import FAKE
from limner import cli
from limner.errors import UserError
from limner.evaluation.bench import Entry
from limner.evaluation.evaluate import publish_judge
from limner.evaluation.judge import Config
from toy import shapes_folder

ROWS = ["miniature:tiny:text_images=32", "gan-int-cls:tiny:variant=gan,text_images=32"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    shapes_folder(folder / "shapes")
    config = Config(size=16, widths=(16, 24), features=32, code=24, images=400, batch=8, rate=4e-3)
    publish_judge(str(folder / "shapes"), folder / "judge", config)
    return folder


def arguments(place: Path, out: str, *more: str) -> list[str]:
    data = ["--data", str(place / "shapes"), "--judge", str(place / "judge"), "-o", str(place / out)]
    return ["bench", *ROWS, *data, "--images", "32", "-n", "10", *more]


def steady(table: str) -> str:
    """The table without what depends on the machine's mood."""
    return re.sub(r"\s+", " ", table)


def test_killed_half_way_it_goes_on_and_ends_in_the_same_table(place: Path) -> None:
    whole = cli.main(arguments(place, "whole", "--seeds", "2"))
    assert whole == 0
    command = [sys.executable, "-m", "limner", *arguments(place, "killed", "--seeds", "2")]
    job = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    results = place / "killed" / "results.jsonl"
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and not (results.exists() and results.read_text().count("\n") >= 1):
        time.sleep(0.02)
    job.send_signal(signal.SIGKILL)
    job.wait()
    before = results.read_text().splitlines()
    assert 1 <= len(before) < 4
    assert not (place / "killed" / "table.md").exists()
    assert cli.main(arguments(place, "killed", "--seeds", "2")) == 0
    assert results.read_text().splitlines()[: len(before)] == before, "what was measured stays"
    tables = [steady((place / name / "table.md").read_text()) for name in ("whole", "killed")]
    assert tables[0] == tables[1]
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(line["row"], line["seed"]) for line in lines] == [(row, seed) for seed in (0, 1) for row in ROWS]
    sheets = [(place / name / "sheet.png").read_bytes() for name in ("whole", "killed")]
    assert sheets[0] == sheets[1]


def test_a_finished_bench_does_nothing_more_and_is_no_other(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert cli.main(arguments(place, "twice")) == 0
        first, second = capsys.readouterr().out, os.stat(place / "twice" / "results.jsonl").st_mtime_ns
    assert cli.main(arguments(place, "twice")) == 0
    assert capsys.readouterr().out == first
    assert os.stat(place / "twice" / "results.jsonl").st_mtime_ns == second
    assert cli.main(arguments(place, "twice", "--seeds", "3")) == 2
    assert "holds another bench" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (":tiny", "write SYSTEM"),
        ("miniature:text_images=3", "SYSTEM:PRESET:name=value"),
        (f"{FAKE}", "--preset: tiny, large"),
        ("miniatur:tiny", "unknown system"),
        ("miniature:tinny", "unknown preset"),
        ("miniature:tiny:rte=3", "rate"),
        ("miniature:tiny:rate", "name=value"),
    ],
)
def test_bad_rows_are_refused(row: str, says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        Entry.read(row, {})


def test_a_row_without_a_preset_takes_the_default() -> None:
    named = Entry.read("miniature:avatars", {"images": 64})
    assert Entry.read("miniature", {"images": 64}).config == named.config
    assert Entry.read("miniature::images=64", {}).config == named.config


def test_values_may_hold_commas_and_the_row_overrides_the_budget() -> None:
    entry = Entry.read("miniature:tiny:widths=16,24,images=8", {"images": 64, "text_images": 32})
    assert entry.config.widths == (16, 24)
    assert (entry.config.images, entry.config.text_images) == (8, 32)
