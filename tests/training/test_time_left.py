"""How long a training goes on is told by the speed of each phase, which a few steps of a copy measure beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from limner.system import Phase
from limner.training import pace
from limner.training.monitor import SAID_EVERY, Monitor
from limner.training.pace import Pace, time_left, warmed_up
from toy import shapes
from toy_training import ToyConfig, trainer, weights


@pytest.mark.parametrize(
    ("seconds", "later", "after", "says"),
    [
        (7200, 0, 0.0, "2 h to the end of gan"),
        (1200, 1, None, "20 min to the end of gan, then 1 more phase"),
        (90, 2, None, "90 s to the end of gan, then 2 more phases"),
        (90, 2, 9000.0, "90 s to the end of gan, then about 2 h for 2 more phases"),
        (0, 0, 0.0, "0 s to the end of gan"),
        (400_000, 0, 0.0, "5 d to the end of gan"),
    ],
)
def test_in_words(seconds: float, later: int, after: float | None, says: str) -> None:
    assert time_left(seconds, "gan", later, after) == says


class _Engine:
    quiet, leads = False, True

    def track(self, numbers: object, total: int) -> None:
        """Keep nothing."""


class _Run:
    def log(self, entry: object) -> None:
        """Keep nothing."""


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Be the clock of what is told."""
    at = [0.0]
    monkeypatch.setattr("limner.training.monitor.time.perf_counter", lambda: at[0])
    return at


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return re.findall(r"(\d+ \w+ to the end of .*?)(?:  |\n)", capsys.readouterr().err)


def phase(name: str, images: int, step: Any = None) -> Phase:
    return Phase(name=name, view=object, images=images, batch=2, players={"x": object()}, step=step or object())  # type: ignore[arg-type, dict-item]


def test_each_phase_has_its_own_speed_without_a_terminal(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    monitor = Monitor(_Engine(), _Run())  # type: ignore[arg-type]
    with monitor.open(2200, 0):
        monitor.phase("reads", 0, 1000, 1)  # a thousand images, fifty a second
        now[0] = 10.0
        monitor.line("reads", 500, 500)
        now[0] = 20.0
        monitor.phase("gan", 1000, 2200, 0)  # and then one a second
        now[0] = 120.0
        monitor.line("gan", 1100, 100)
    assert told(capsys) == ["10 s to the end of reads, then 1 more phase", "18 min to the end of gan"]


def test_speeds_of_a_warm_up_tell_of_phases_to_come_from_the_first_minute(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A step that takes a minute is told of before fifty of them, the lines of the log, are over."""
    monitor = Monitor(_Engine(), _Run())  # type: ignore[arg-type]
    monitor.plan(Pace([phase("reads", 1000), phase("gan", 7200)], [50.0, 1.0]))
    planned = r"time: about 2 h \(reads 20 s, gan 2 h\), by a few steps of each phase; memory: [\d,]+ MB at most so far"
    assert re.fullmatch(planned, " ".join(capsys.readouterr().err.split()))
    with monitor.open(8200, 0):
        monitor.phase("reads", 0, 1000, 1)
        now[0] = SAID_EVERY + 1
        monitor.tick(2)
        monitor.tick(4)
    assert told(capsys) == ["20 s to the end of reads, then about 2 h for 1 more phase"]


def test_what_is_not_known_is_not_guessed() -> None:
    both = [phase("reads", 1000), phase("gan", 7200)]
    assert Pace(both, [50.0, None]).summary() == "about 20 s, and gan, whose speed shows later"
    assert Pace(both, [50.0, None]).after(0) is None and Pace(both, [50.0, None]).after(1) == 0
    assert Pace([phase("gan", 10)], [float("inf")]).summary() == ""


def test_a_warm_up_times_each_long_phase_and_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pace, "STEPS", 2)
    run = trainer(shapes(tmp_path / "data"), tmp_path / "run", ToyConfig(images=400))
    run.enter(fresh=True)
    before, chance = weights(run), torch.get_rng_state()
    found = warmed_up(run)
    read, table, scale = found.speeds
    assert table == float("inf") and all(speed and 0 < speed < 1e6 for speed in (read, scale))
    assert found.after(0) == pytest.approx(400 / scale)  # type: ignore[operator]
    assert all(torch.equal(value, before[name]) for name, value in weights(run).items())
    assert torch.equal(torch.get_rng_state(), chance) and (run.at.phase, run.at.total) == (0, 0)
    assert {path.name for path in run.run.path.iterdir()} == {"run.json", "grids", "checkpoints"}
    assert not any(run.run.checkpoints())


def test_a_phase_that_cannot_begin_yet_ends_no_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = trainer(shapes(tmp_path / "data"), tmp_path / "run", ToyConfig(images=400))

    def broken(self: Any, batch: Any, clock: Any) -> Iterator[Any]:
        raise RuntimeError("the table is empty")
        yield

    monkeypatch.setattr(type(run.system), "fit_scale", broken)
    assert [speed is None for speed in warmed_up(run).speeds] == [False, False, True]
