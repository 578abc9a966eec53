"""`limner train --continue`: one command that begins a run, and goes on with it when it is given again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artists import FAKE
from limner import checkpoint, cli
from limner.training.trainer import Trainer
from toy import shapes_folder

COMMAND = ("train", str(FAKE), "--data", "shapes", "--preset", "tiny", "--no-tensorboard", "--save-every", "4")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data set in it."""
    shapes_folder(tmp_path / "shapes", size=8)
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(run: str) -> str:
    (*_, newest) = sorted((Path(run) / "checkpoints").iterdir())
    return str(checkpoint.read(newest)["sha256"]["weights.safetensors"])


def die_after(images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next training end by a blow after so many images; 0 is before the first checkpoint."""
    fit = Trainer.fit

    def blow(self: Trainer, *, stop_after: int | None = None) -> None:
        if images:
            fit(self, stop_after=images)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "fit", blow)


@pytest.mark.parametrize("images", [0, 8])
def test_one_command_begins_and_goes_on(images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main([*COMMAND, "--run", "whole"]) == 0
    with monkeypatch.context() as patch:
        die_after(images, patch)
        assert cli.main([*COMMAND, "--run", "cut", "--continue"]) == 130
    assert cli.main([*COMMAND, "--run", "cut", "--continue"]) == 0
    assert weights("cut") == weights("whole")


def test_a_run_that_is_over_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*COMMAND, "--run", "r", "--continue"]) == 0
    before = {path: path.read_bytes() for path in Path("r/checkpoints").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert cli.main([*COMMAND, "--run", "r", "--continue", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 16
    assert {path: path.read_bytes() for path in Path("r/checkpoints").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("--set", "rate=0.5"), "its rate is None, not 0.5"),
        (("--images", "32"), "its images is 16, not 32"),
        (("--seed", "1"), "its seed is 0, not 1"),
        (("--precision", "fp32"), "its precision is 'auto', not 'fp32'"),
    ],
    ids=["rate", "images", "seed", "precision"],
)
def test_another_run_is_refused(change: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*COMMAND, "--run", "r"]) == 0
    before, _ = weights("r"), capsys.readouterr()
    assert cli.main([*COMMAND, *change, "--run", "r", "--continue"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1 and says in told.err
    assert weights("r") == before


def test_continue_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*COMMAND, "--continue"]) == 2
    assert "name it with --run" in capsys.readouterr().err and not Path("runs").exists()
