"""Two processes on one machine: what they learn is the same in both, and what one process would have learnt."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from artists import FAKE, TEXTS
from limner import catalogue, checkpoint, cli
from limner.drawing import bulk
from limner.drawing.artist import load
from toy import shapes_folder

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent / "helpers"


def torchrun(folder: Path, *arguments: str, restarts: int = 0) -> subprocess.CompletedProcess[str]:
    """Start two processes of a script or a module; `--` keeps torchrun from reading the options behind it."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    launch += ["--max-restarts", str(restarts), *arguments]
    caches = {"LIMNER_CACHE": str(folder / "cache"), "PYTHONPATH": str(HERE)}
    return subprocess.run(
        launch, cwd=folder, capture_output=True, text=True, timeout=800, env=os.environ | caches, check=False
    )


def limner(folder: Path, *arguments: str, restarts: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command by two processes."""
    return torchrun(folder, "-m", "--", "limner", *arguments, restarts=restarts)


def files(folder: Path) -> list[str]:
    """Return the files of a run or a drawing; TensorBoard names its own by chance."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != "tensorboard")


def weights(run: Path) -> str:
    (*_, newest) = sorted((run / "checkpoints").iterdir())
    return str(checkpoint.read(newest)["sha256"]["weights.safetensors"])


def test_two_processes_stay_the_same_and_learn_what_one_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = torchrun(tmp_path, str(HERE / "two_processes.py"), str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    one, other = (torch.load(tmp_path / f"found{rank}.pt", weights_only=True) for rank in (0, 1))
    assert any("running_mean" in name for name in one["fifty"])
    for name, value in one["fifty"].items():
        assert torch.equal(value, other["fifty"][name]), f"{name} differs between the processes"

    from two_processes import one_step

    monkeypatch.setattr(catalogue, "name_of", lambda cls: cls.__name__.lower())
    for name, alone in one_step(tmp_path).items():
        assert alone.abs().max() > 1e-4, f"{name} did not move"
        torch.testing.assert_close(one["one step"][name], alone, rtol=1e-4, atol=1e-7)

    assert one["stop"] == other["stop"], "one process stopped where the other did not"
    assert one["stop"]["step"] == 20 and (tmp_path / "stop" / "checkpoints" / f"{one['stop']['total']:010d}").is_dir()


MORTAL = """
import os, signal
from fake_system import *

class Mortal(Fake):
    '''Kills its second process once, in the middle of the training.'''

    def step(self, batch, clock):
        first = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
        if os.environ.get("MORTAL") and first and os.environ["RANK"] == "1" and clock.step == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from super().step(batch, clock)
"""


def test_a_killed_worker_comes_back_from_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes_folder(tmp_path / "shapes", size=8)
    (tmp_path / "mortal.py").write_text(MORTAL)
    command = ("train", "mortal.py", "--data", "shapes", "--preset", "tiny", "--images", "64", "--save-every", "12")
    whole = limner(tmp_path, *command, "--run", "whole", "--json")
    assert whole.returncode == 0, whole.stderr[-3000:]
    assert [json.loads(line)["images"] for line in whole.stdout.splitlines()] == [64]  # told once

    monkeypatch.setenv("MORTAL", "yes")
    back = limner(tmp_path, *command, "--run", "back", "--continue", restarts=1)
    assert back.returncode == 0, back.stderr[-3000:]
    assert "SIGKILL" in back.stderr or "exitcode: -9" in back.stderr
    assert weights(tmp_path / "back") == weights(tmp_path / "whole")
    log = [json.loads(line) for line in (tmp_path / "back" / "log.jsonl").read_text().splitlines()]
    kinds = [(line.get("total"), "seen" in line) for line in log]  # a line of losses, and one of drawn pictures
    assert sorted(set(kinds)) == sorted(kinds) and [total for total, _ in kinds] == sorted(t for t, _ in kinds)
    assert kinds[-1][0] == 64

    monkeypatch.delenv("MORTAL")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(HERE))
    assert cli.main([*command, "--run", "alone"]) == 0
    assert files(tmp_path / "alone") == files(tmp_path / "whole") == files(tmp_path / "back")


def pair(folder: Path, *arguments: str) -> list[subprocess.CompletedProcess[str]]:
    """Start a command as two processes without torchrun, which keeps their exit codes to itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    job = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LIMNER_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "limner", *arguments]
    pipes: Any = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [
        subprocess.Popen(command, env=os.environ | job | {"RANK": rank, "LOCAL_RANK": rank}, **pipes) for rank in "01"
    ]
    told = [one.communicate(timeout=800) for one in started]
    return [
        subprocess.CompletedProcess(command, one.returncode, *both) for one, both in zip(started, told, strict=True)
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--data", "nowhere"), "there is no data set at nowhere: no such folder or file"),
        (("--data", "shapes", "--set", "batch=3"), "a batch of 3 cannot be shared by 2 processes"),
    ],
    ids=["data", "batch"],
)
def test_a_mistake_is_told_once_and_ends_all(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    shapes_folder(tmp_path / "shapes", size=8)
    first, second = pair(tmp_path, "train", str(FAKE), *arguments, "--preset", "tiny", "--run", "r")
    assert (first.returncode, first.stdout, first.stderr) == (2, "", f"limner: error: {says}\n")
    assert (second.returncode, second.stdout, second.stderr) == (2, "", "")
    assert not (tmp_path / "r").exists()


def test_two_processes_share_a_file_of_prompts(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("".join(f"{text}\n" for text in TEXTS * 5))
    first, second = pair(tmp_path, "draw", "--prompts", "p.txt", "--seed", "3", "--batch", "4", "-o", "two")
    assert (first.returncode, first.stdout) == (0, "10 pictures of 10 prompts lie in two\n"), first.stderr
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    bulk.draw_all(load("avatars", device="cpu"), tmp_path / "p.txt", tmp_path / "one", seed=3, batch=4)
    assert files(tmp_path / "two") == files(tmp_path / "one") and len(files(tmp_path / "one")) == 12
    for name in files(tmp_path / "one"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name
