"""The time that is left is that of the phase at work: another phase has another speed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from limner.training.monitor import Monitor, time_left


@pytest.mark.parametrize(
    ("images", "speed", "later", "says"),
    [
        (7200, 1.0, 0, "2 h to the end of gan"),
        (600, 0.5, 1, "20 min to the end of gan, then 1 more phase"),
        (90, 1.0, 2, "90 s to the end of gan, then 2 more phases"),
        (0, 0.0, 0, "0 s to the end of gan"),
    ],
)
def test_in_words(images: int, speed: float, later: int, says: str) -> None:
    assert time_left(images, speed, "gan", later) == says


class _Engine:
    quiet, leads = False, True

    def track(self, numbers: object, total: int) -> None:
        """Keep nothing."""


class _Run:
    def log(self, entry: object) -> None:
        """Keep nothing."""


def test_each_phase_has_its_own_speed_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    now = [0.0]
    monkeypatch.setattr("limner.training.monitor.time.perf_counter", lambda: now[0])
    monitor = Monitor(_Engine(), _Run())  # type: ignore[arg-type]
    with monitor.open(2200, 0):
        monitor.phase("reads", 0, 1000, 1)  # a thousand images, fifty a second
        now[0] = 10.0
        monitor.line("reads", 500, 500)
        now[0] = 20.0
        monitor.phase("gan", 1000, 2200, 0)  # and then one a second
        now[0] = 120.0
        monitor.line("gan", 1100, 100)
    said = re.findall(r"(\d+ \w+ to the end of \w+.*?)  ", capsys.readouterr().err + "  ")
    assert said == ["10 s to the end of reads, then 1 more phase", "18 min to the end of gan"]
