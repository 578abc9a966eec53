"""Commands with too little memory and on a disk that is too small: what they say, and what they leave.

    python benchmarks/limits.py            # both; the disk is a tmpfs, which takes root
    python benchmarks/limits.py memory     # under `prlimit --as`

Each command is run under one limit after the other. It must end with 0, or with 2 and one line; a traceback, another
code, or something half-written ends this with an error. One line a command is appended to results/limits.jsonl.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from independent import record

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from toy import shapes_folder

MEGABYTES = (300, 700, 1_500, 2_500)
"""Of address space, of which torch alone takes some 600."""
KILOBYTES = (64, 400, 1_500)
"""Of disks."""
UNFINISHED = (".part", ".partial", ".old")


def ran(command: Sequence[str], folder: Path, data: Path) -> dict[str, Any]:
    """Run a command in a folder, and return its code, what it said last, and what it left half-written."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "LIMNER_CACHE": str(data.parent / "cache"), "NO_COLOR": "1"}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    said = run.stderr.strip().splitlines()
    left = sorted(path.name for path in folder.rglob("*") if path.name.endswith(UNFINISHED))
    errors = [line for line in said if line.startswith("limner: error:")]
    assert "Traceback" not in run.stderr, run.stderr
    assert run.returncode == 0 or (run.returncode == 2 and len(errors) == 1), (run.returncode, run.stderr[-2000:])
    assert not left, f"left half-written: {left}"
    return {"code": run.returncode, "said": errors[0].removeprefix("limner: error: ") if errors else ""}


@contextlib.contextmanager
def disk(kilobytes: int) -> Iterator[Path]:
    """Mount a file system in memory that has so much room."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def commands(data: Path) -> dict[str, list[str]]:
    """Return what is run, each by its name."""
    limner = [sys.executable, "-m", "limner"]
    training = ["--preset", "tiny", "--set", "images=96", "--run", "run"]
    return {
        "draw, a batch of 2,048": [*limner, "draw", "a man", "-n", "2048", "--batch", "2048", "-o", "out"],
        "draw, 300 pictures": [*limner, "draw", "a man", "-n", "300", "-o", "out"],
        "train": [*limner, "train", "dcgan", "--data", str(data), *training],
        "train, wide": [*limner, "train", "dcgan", "--data", str(data), *training, "--set", "generator_width=1024"],
        "data build": [*limner, "data", "build", "avatars", "--images", "200", "--size", "64", "-o", "set"],
        "export": [*limner, "export", "avatars", "--onnx", "avatars.onnx"],
    }


def tried(command: list[str], part: str, data: Path) -> dict[str, Any]:
    """Run a command under all limits of memory, or on all disks."""
    found: dict[str, Any] = {}
    for limit in MEGABYTES if part == "memory" else KILOBYTES:
        if part == "memory":
            with tempfile.TemporaryDirectory() as folder:
                found[f"{limit} MB"] = ran(["prlimit", f"--as={limit * 2**20}", *command], Path(folder), data)
        else:
            with disk(limit) as small:
                found[f"{limit} kB"] = ran(command, small, data)
    return found


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="memory, disk; both where none is named")
    parser.add_argument("--only", default="", help="of the commands those whose name begins so")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        shapes_folder(data := Path(place) / "data", size=32)
        chosen = {name: command for name, command in commands(data).items() if name.startswith(options.only)}
        for name, command in chosen.items():
            for part in options.parts or ("memory", "disk"):
                found = tried(command, part, data)
                print(json.dumps({"command": name, "limit": part, **found}), flush=True)
                record("limits", what=name, limit=part, found=found)


if __name__ == "__main__":
    main()
