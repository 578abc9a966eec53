"""The script that runs the tests: what it installs, what it says, and that it hides no failure."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from house_rules import ROOT

NEEDED = ("bash", "dirname", "mktemp", "rm", "tail")


def run(folder: Path, command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a machine that has what is in `folder`, and a database."""
    environment = {"PATH": str(folder), "LIMNER_TEST_DATABASE": "postgresql://somewhere", "OUT": str(folder / "out")}
    script = [str(folder / "bash"), str(ROOT / "tests" / "programs.sh"), "bash", "-c", command]
    return subprocess.run(script, env=environment | more, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name in NEEDED:
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!{shutil.which('bash')}\n{text}\n")
    (folder / name).chmod(0o755)


def test_what_is_there_is_not_installed_and_nothing_is_said(machine: Path) -> None:
    program(machine, "id", "echo 0")
    program(machine, "apt-get", 'echo "$*" >>"$OUT"')
    program(machine, "google-chrome", "")
    done = run(machine, "echo tested; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "tested\n", "")
    assert not (machine / "out").exists()


def test_root_gets_what_is_missing(machine: Path) -> None:
    program(machine, "id", "echo 0")
    installed = (
        f'if [[ $1 == install ]]; then : >"{machine}/chromium"; {shutil.which("chmod")} +x "{machine}/chromium"; fi'
    )
    program(machine, "apt-get", f'echo "$*" >>"$OUT"; {installed}')
    done = run(machine, "exit 0")
    assert (done.returncode, done.stderr) == (0, "Installing what tests need: chromium\n")
    assert (machine / "out").read_text() == "update\ninstall --yes --no-install-recommends chromium\n"


@pytest.mark.parametrize("who", ["nobody", "root without a network"])
def test_elsewhere_a_line_says_what_is_missing(machine: Path, who: str) -> None:
    program(machine, "id", "echo 0" if who == "root without a network" else "echo 1000")
    program(machine, "apt-get", "echo no network; exit 100")
    done = run(machine, "exit 5")
    *before, last = done.stderr.splitlines()
    assert done.returncode == 5 and "on Debian: apt-get install chromium" in last
    assert before == (["Installing what tests need: chromium", "no network"] if who != "nobody" else [])


def test_a_browser_that_is_named_is_believed(machine: Path) -> None:
    program(machine, "id", "echo 1000")
    assert run(machine, "exit 0", LIMNER_BROWSER=os.devnull).stderr == ""
