"""How a training goes is told from a few numbers: each verdict, its numbers by hand, and the best checkpoint."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from limner import checkpoint
from limner.training.health import Health, Measured, Scores, compared, thumbnails
from toy import shapes
from toy_training import ToyConfig, trainer


def grey(*shades: float) -> torch.Tensor:
    return torch.tensor(shades)[:, None, None, None].expand(-1, 3, 16, 16)


def test_numbers_by_hand() -> None:
    """One-coloured pictures lie sqrt(3 * 64) times the difference of their shades apart, their roughness being none."""
    distance, variety = compared(grey(0.0, 0.5), grey(0.5, 1.0))
    between, within = (0.5 + 1.0 + 0.0 + 0.5) / 4, 0.5
    assert distance == pytest.approx((2 * between - within - within) / within, abs=1e-5)
    assert variety == pytest.approx(1.0) and compared(grey(0.3, 0.3), grey(0.5, 1.0))[1] == pytest.approx(0)
    assert compared(grey(0.5, 1.0), grey(0.5, 0.5)) == (0.0, 0.0)


def test_a_blurred_picture_is_not_a_sharp_one_of_the_same_colours() -> None:
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1
    both = thumbnails(torch.stack([board.expand(3, 16, 16), torch.zeros(3, 16, 16)]))
    assert both.shape == (2, 256) and torch.allclose(both[0, :192], both[1, :192], atol=1e-6)
    assert both[0, 192:].min() > 1 and both[1, 192:].max() == 0


def test_separation_by_hand() -> None:
    scores = Scores()
    scores.add("critic", {"right": torch.tensor([3.0, 5.0]), "drawn": torch.tensor([-1.0, 1.0])})
    scores.add("critic", {"right": torch.tensor([3.0, 5.0]), "drawn": torch.tensor([-1.0, 1.0])})
    scores.add("reader", {"real": torch.tensor(1.0), "fake": torch.tensor(0.0)})  # means alone tell no spread
    scores.add("generator", {"kl": torch.ones(2)})
    assert scores.separations() == {"critic": pytest.approx(4.0)}  # means 4 and 0, both of deviation 1
    assert scores.separations() == {}


def healthy(*numbers: tuple[float, float], progress: float = 0.5, **separations: float) -> tuple[str, str]:
    health = Health(separations=separations)
    for at, (distance, variety) in enumerate(numbers):
        health.add(Measured(100 * at, progress, distance, variety))
    return health.verdict()


@pytest.mark.parametrize(
    ("numbers", "more", "word", "why"),
    [
        ([], {}, "", ""),
        ([(0.9, 0.8)], {}, "begun", "0.90"),
        ([(0.9, 0.8), (0.4, 0.9)], {}, "learning", "0.40, at first 0.90"),
        ([(0.9, 0.05), (0.8, 0.1)], {"progress": 0.05}, "early", "as at every beginning"),
        ([(0.9, 0.05), (0.8, 0.1)], {}, "collapsed", "differ 0.10 times as much"),
        ([(0.9, 0.9), (0.8, 0.1)], {"progress": 0.05}, "collapsed", "go back to an earlier checkpoint"),
        ([(0.4, 0.9), *[(0.5, 0.9)] * 2], {"critic": 7.0}, "critic too strong", "critic 7.0"),
        ([(0.4, 0.9), *[(0.5, 0.9)] * 2], {"critic": 5.0}, "learning", "0.50"),
        ([(0.4, 0.9), (0.3, 0.9)], {"critic": 7.0}, "learning", "0.30"),
        ([(0.4, 0.9), *[(0.5, 0.9)] * 5], {}, "no nearer", "best 0.40 at 0 images"),
    ],
)
def test_verdicts(numbers: list[tuple[float, float]], more: dict[str, Any], word: str, why: str) -> None:
    told = healthy(*numbers, **more)
    assert told[0] == word and why in told[1]


def test_the_best_checkpoint_stays_beside_the_newest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Distances are told by the test: the second is the best, whatever comes after it."""
    distances = iter([0.5, 0.2, 0.9, 0.4])
    monkeypatch.setattr("limner.training.samples.compared", lambda drawn, real: (next(distances), 1.0))
    monkeypatch.setattr("limner.catalogue.name_of", lambda cls: cls.__name__.lower())
    run = trainer(shapes(tmp_path / "data"), tmp_path / "run", ToyConfig(images=8), grid_every=4, quiet=False)
    run.fit()
    best = checkpoint.read(run.run.path / "best")["trained"]
    assert (best["images"], best["distance"]) == (8, 0.2)
    assert checkpoint.read(run.run.checkpoints()[-1])["trained"]["images"] == 16
    assert not list(run.run.path.glob(".best*")) and not (run.run.path / "best" / "state.pt").exists()
    log = [json.loads(line) for line in (run.run.path / "log.jsonl").read_text().splitlines()]
    assert [line["pictures.distance"] for line in log if "pictures.distance" in line] == [0.5, 0.2, 0.9, 0.4]
    said = " ".join(capsys.readouterr().err.split())
    assert re.findall(r"(\d+) images: (\w+): ", said) == [("4", "begun"), ("8", "learning")]


def test_who_lost_its_numbers_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trainer(shapes(tmp_path / "data"), tmp_path / "run", ToyConfig(poison=4), quiet=False)
    run.fit()
    assert "the mean lost its numbers (a loss or gradient was not finite)" in " ".join(capsys.readouterr().err.split())
    log = [json.loads(line) for line in (run.run.path / "log.jsonl").read_text().splitlines()]
    assert [line["lost_by"] for line in log if "lost_by" in line] == [["mean"]]
