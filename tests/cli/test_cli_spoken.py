"""What every command understands: -q and -v, groups, completion, NAME:PRESET, and mistakes that name their own help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from limner import catalogue, devices
from limner.cli import main
from limner.errors import UserError
from limner.launch import _trackers, configured


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_limner_alone_helps_and_shows_its_commands_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys)
    assert (code, err) == (0, "")
    heads = [line.strip("╭─╮ ") for line in out.splitlines() if line.startswith("╭")]
    assert heads == ["Options", "Every command", "Draw", "Train", "Data and measuring", "Share"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "ppgn", "--color", "red"), "(limner show --help tells more)"),
        (("data", "chek"), "Did you mean 'check'? (limner data --help tells more)"),
        (("data", "import", "cub"), "(limner data import cub --help tells more)"),
        (("drow",), "(limner --help tells more)"),
        (("morph", "a", "man", "a", "woman"), "put quotes around what has blanks in it"),
        (("story", "a", "red", "cube"), 'put quotes around a sentence (limner story "a red cube")'),
        (("reword", "a", "red", "hat", "red=blue"), "put quotes around the sentence"),
    ],
)
def test_a_mistake_names_the_help_of_its_own_command(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "out", "says"),
    [
        (("morph", "a man", "a woman"), "m.mp4", "m.png or m.gif"),
        (("walk", "a man"), "m.jpg", "m.png or m.gif"),
        (("reword", "a man", "man=woman"), "m.jpg", "m.png"),
        (("story", "a cube"), "m.pdf", "m.png or m.gif or m.html"),
        (("draw", "--prompts", "some.txt"), "m.png", "name a folder"),
        (("layout", "show", "cup .1 .1 .2 .2"), "m.jpg", "m.png"),
        (("layout", "show", "cup .1 .1 .2 .2"), "m", "name a file"),
        (("layout", "coco", "some.png"), "m.xml", "m.json"),
    ],
)
def test_a_file_of_a_kind_that_is_not_written_is_refused_everywhere(
    command: tuple[str, ...], out: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, printed, err = told(capsys, *command, "-o", out)
    assert (code, printed) == (2, "") and says in err and not any(tmp_path.iterdir())


def test_quiet_says_results_alone_and_verbose_where_an_error_arose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("draw", "zebra", "--seed", "1", "--no-show", "-o", str(tmp_path))
    assert "does not know: 'zebra'" in told(capsys, *asked)[2]
    for quiet in (("-q", *asked), (*asked, "--quiet")):
        code, out, err = told(capsys, *quiet)
        assert (code, err) == (0, "") and out.count("\n") == 1
    code, _, err = told(capsys, *asked, "-v")
    assert code == 0 and err.splitlines()[-1].endswith("MB of memory at most")
    code, _, err = told(capsys, "show", "nobody", "-v")
    assert code == 2 and "Traceback" in err and "limner: error: no system or artist 'nobody'" in err
    assert "Traceback" not in told(capsys, "show", "nobody")[2], "no command is verbose because the last one was"


def test_a_preset_is_named_after_its_system_as_a_bench_does(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "show", "ppgn:tiny")
    assert code == 0 and "option (--set)" in out and "avatars" not in out
    assert out == told(capsys, "show", "ppgn", "--preset", "tiny")[1]
    assert "did you mean 'tiny'?" in told(capsys, "show", "ppgn:tinny")[2]
    assert "avatars is no system, so it has no presets" in told(capsys, "show", "avatars:tiny")[2]
    name, preset, config = configured("dcgan:tiny:size=16,images=64,rate=1e-3", None, {"size": "32"}, None)
    assert (name, preset, config.size, config.rate) == ("dcgan", "tiny", 32, 1e-3)
    assert catalogue.parted(r"C:\mine.py:tiny")[:2] == (r"C:\mine.py", "tiny")
    with pytest.raises(UserError, match="leave one of them out"):
        configured("dcgan:tiny", "paper", {}, None)


def test_a_tracker_that_is_missing_or_unknown_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "wandb" else object())
    with pytest.raises(UserError, match="--log-with wandb needs the package wandb: pip install wandb"):
        _trackers(["mlflow", "wandb"])
    with pytest.raises(UserError, match="did you mean 'mlflow'"):
        _trackers(["mlfow"])
    assert _trackers(["mlflow", "tensorboard", "mlflow"]) == {"log_with": ["mlflow"]} and _trackers([]) == {}


def test_a_device_is_chosen_for_whatever_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_chosen", "auto")
    monkeypatch.setenv("LIMNER_DEVICE", "meta")
    assert devices.device_of() == torch.device("meta")
    devices.choose("cpu")
    assert devices.device_of() == torch.device("cpu") and devices.device_of("meta") == torch.device("meta")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="no GPU 'cuda:1' here"):
        devices.choose("cuda:1")
    with pytest.raises(UserError, match="unknown device 'toaster'"):
        devices.choose("toaster")
    assert devices.device_of() == torch.device("cpu"), "what was refused is not chosen"


@pytest.mark.parametrize("command", ["train", "resume", "enlarge", "judge", "bench", "eval", "draw", "story", "morph",
                                     "walk", "reword", "caption", "attributes", "studio"])  # fmt: skip
def test_whatever_computes_takes_a_device(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--device" in told(capsys, command, "--help")[1]


def test_a_shell_completes_commands() -> None:
    words = {"_LIMNER_COMPLETE": "complete_bash", "COMP_WORDS": "limner dr", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", "from limner.cli import program; program()"]
    ran = subprocess.run(command, env=os.environ | words, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["draw"]
