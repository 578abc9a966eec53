"""`limner train` and `resume`, on a data set drawn in a moment."""

from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pytest

from artists import FAKE
from limner import catalogue, checkpoint, cli
from limner.training.trainer import Trainer
from toy import shapes_folder

TINY = ("--preset", "tiny", "--no-tensorboard")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data set in it."""
    shapes_folder(tmp_path / "shapes", size=8)
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(list(arguments))
    told = capsys.readouterr()
    return code, told.out, told.err


def weights(folder: Path) -> str:
    (newest,) = sorted((folder / "checkpoints").iterdir())[-1:]
    return str(checkpoint.read(newest)["sha256"]["weights.safetensors"])


def test_train_then_draw(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--set", "rate=0.01", "--set", "kind=hard", "--images", "24", "--seed", "3", "--run", "r", "--json")
    code, out, _ = run(capsys, "train", str(FAKE), "--data", "shapes", *TINY, *options)
    assert code == 0
    told = json.loads(out)
    assert (told["run"], told["images"], told["of"]) == ("r", 24, 24)
    about = checkpoint.read(Path(told["checkpoint"]))
    assert (about["config"]["rate"], about["config"]["kind"], about["config"]["images"]) == (0.01, "hard", 24)
    assert (about["trained"]["seed"], about["trained"]["images"]) == (3, 24)
    assert run(capsys, "draw", "a red square", "--artist", "r", "--seed", "1")[0] == 0


def test_a_run_that_stopped_goes_on_as_if_it_had_not(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", str(FAKE), "--data", "shapes", *TINY, "--save-every", "4")
    assert run(capsys, *command, "--run", "whole")[0] == 0
    fit = Trainer.fit
    monkeypatch.setattr(Trainer, "fit", lambda self, stop_after=8: fit(self, stop_after=stop_after))
    code, _, err = run(capsys, *command, "--run", "cut")
    assert code == 0 and "limner resume cut" in err
    monkeypatch.undo()
    monkeypatch.setenv("LIMNER_CACHE", str(here / "cache"))
    monkeypatch.chdir(here)
    assert weights(Path("cut")) != weights(Path("whole"))
    assert run(capsys, "resume", "cut")[0] == 0
    assert weights(Path("cut")) == weights(Path("whole"))


def test_data_at_an_address_teaches_the_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reached = fsspec.filesystem("memory")
    try:
        reached.put(str(here / "shapes"), "/train/shapes", recursive=True)
        for run_name, data in (("here", "shapes"), ("there", "memory://train/shapes")):
            assert run(capsys, "train", str(FAKE), "--data", data, *TINY, "--images", "8", "--run", run_name)[0] == 0
        assert weights(Path("here")) == weights(Path("there"))
        assert json.loads(Path("there/run.json").read_text())["data"] == "memory://train/shapes"
        assert run(capsys, "data", "check", "memory://train/shapes")[0] == 0
    finally:
        reached.rm("/train", recursive=True)


def test_without_a_run_folder_a_new_one_is_made(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("fake-system-tiny", "fake-system-tiny-2"):
        code, out, _ = run(capsys, "train", str(FAKE), "--data", "shapes", *TINY, "--images", "4")
        assert code == 0 and out.startswith(f"runs/{name}/checkpoints/")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gan-in-cls", "--data", "shapes", *TINY), "unknown system 'gan-in-cls'"),
        (("./nowhere.py", "--data", "shapes", *TINY), "no system file"),
        ((str(FAKE), "--data", "shapes"), "--preset: tiny, large"),
        ((str(FAKE), "--data", "shapes", "--preset", "tiney"), "did you mean 'tiny'"),
        ((str(FAKE), "--data", "shapes", *TINY, "--set", "batches=3"), "did you mean 'batch'"),
        ((str(FAKE), "--data", "shapes", *TINY, "--set", "batch"), "name=value"),
        ((str(FAKE), "--data", "shapes", *TINY, "--set", "batch=x"), "a whole number"),
        ((str(FAKE), "--data", "shapes", *TINY, "--set", "size=1"), "size must be 4 or more"),
        ((str(FAKE), "--data", "shapes", *TINY, "--seed", "-1"), "from 0"),
        ((str(FAKE), "--data", "shapes", *TINY, "--seed", "9" * 30), "from 0, below 2^63"),
        ((str(FAKE), "--data", "shapes", *TINY, "--set", "rate=-1"), "rate is 0 or more, not -1.0"),
        ((str(FAKE), "--data", "shapes", *TINY, "--set", "widths=4,0"), "widths is 1 or more, not 4,0"),
        (("dcgan", "--data", "shapes", *TINY[:2], "--set", "generator_width=1e18"), "cannot be built so"),
        ((str(FAKE), "--data", "nowhere", *TINY), "nowhere"),
        ((str(FAKE), "--data", "shapes", *TINY, "--set", "batch=64"), "batch of 64"),
        ((str(FAKE), "--data", "shapes", "--preset", "tiny", "--set", "batch=64"), "batch of 64"),  # nor curves
        ((str(FAKE), "--data", "shapes", *TINY, "--precision", "fp8"), "unknown precision"),
        ((str(FAKE), *TINY), "--data"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value)[-40:],
)
def test_a_mistake_is_one_line_and_leaves_no_run(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    code, out, err = run(capsys, "train", *arguments, "--run", "r")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1 and err.startswith("limner: error: ") and says in err
    assert not Path("r").exists()


def test_without_a_preset_the_default_is_taken_and_told(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = catalogue.load_class(str(FAKE))
    monkeypatch.setattr(cls, "default_preset", "large")
    options = ("--data", "shapes", "--images", "4", "--no-tensorboard", "--set", "size=8")
    code, out, err = run(capsys, "train", str(FAKE), *options)
    assert code == 0 and out.startswith("runs/fake-system-large/")
    assert [line for line in err.splitlines() if "preset large, the default of fake-system" in line]
    assert json.loads(Path("runs/fake-system-large/run.json").read_text())["preset"] == "large"
    monkeypatch.setattr(cls, "presets", {"small": cls.presets["tiny"]})
    monkeypatch.setattr(cls, "default_preset", "")
    assert catalogue.preset_of(cls, None) == "small", "the only one there is"


def test_a_run_is_never_trained_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("train", str(FAKE), "--data", "shapes", *TINY, "--images", "4", "--run", "r")
    assert run(capsys, *command)[0] == 0
    code, _, err = run(capsys, *command)
    assert code == 2 and "limner resume r" in err


def test_resume_of_what_cannot_go_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "resume", "nowhere")
    assert code == 2 and "holds no run" in err
    run(capsys, "train", str(FAKE), "--data", "shapes", *TINY, "--images", "4", "--run", "r")
    record = json.loads(Path("r/run.json").read_text())
    lines = Path("shapes/metadata.jsonl").read_text().splitlines()
    Path("shapes/metadata.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    code, _, err = run(capsys, "resume", "r")
    assert code == 2 and "has changed since the run began" in err
    Path("r/run.json").write_text(json.dumps({key: record[key] for key in ("data", "config")}))
    code, _, err = run(capsys, "resume", "r")
    assert code == 2 and "damaged" in err and len(err.splitlines()) == 1
