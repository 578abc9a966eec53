"""A newcomer's clock: from a clone to the first picture, to a training on pictures of one's own, to a drawing from it.

    python benchmarks/newcomer.py

Everything is typed in a fresh clone of this checkout, in a folder that is thrown away; packages are fetched as pip is
set up here. The pictures of one's own are 120 of coloured shapes, each with a caption beside it.
The training is stopped as a person would, by Ctrl-C, once it says how far it has come: it has begun, and what is
drawn from it is a drawing, though no good one. One line is appended to results/newcomer.jsonl, with how loaded the
machine was.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from independent import record
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
PICTURES, SIDE = 120, 64
COLOURS, SHAPES = ("red", "green", "blue", "yellow", "purple", "orange"), ("square", "circle")
LIMIT = 1800
"""Seconds that a command may take."""


class Clock:
    """Types commands in a folder and keeps when each was done, in seconds since the first."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.began = folder, time.perf_counter()
        self.steps: list[dict[str, Any]] = []
        self.environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def type(self, command: str, until: str = "") -> None:
        """Run a command as it is typed; with `until`, press Ctrl-C once it says that."""
        began = time.perf_counter()
        told = self.folder / ".told"
        with told.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}" if until else command], cwd=self.folder, env=self.environment,
                stdout=out, stderr=out,
            )  # fmt: skip
            while process.poll() is None and time.perf_counter() - began < LIMIT:
                if until and until in told.read_text():
                    break
                time.sleep(0.05)
            seen = time.perf_counter()
            if process.poll() is None:
                process.send_signal(signal.SIGINT if until else signal.SIGKILL)
                process.wait(LIMIT)
        if process.returncode:
            raise SystemExit(f"{command}: {told.read_text()[-2000:]}")
        self.keep(command, seen - began)

    def keep(self, what: str, seconds: float) -> None:
        """Keep what was typed, how long it took, and when it was done."""
        done = time.perf_counter() - self.began
        self.steps.append(
            {"typed": what.replace(str(ROOT), "HERE"), "seconds": round(seconds, 1), "since": round(done, 1)}
        )
        print(f"{done:7.1f} s  {seconds:6.1f} s  {what}", flush=True)


def bring(folder: Path) -> None:
    """Write pictures with a caption beside each, as somebody brings them."""
    folder.mkdir()
    chance = random.Random(0)
    for number in range(PICTURES):
        colour, shape, ground = chance.choice(COLOURS), chance.choice(SHAPES), chance.choice(("white", "black"))
        image = Image.new("RGB", (SIDE, SIDE), ground)
        left, top, wide = chance.randint(4, 24), chance.randint(4, 24), chance.randint(20, 34)
        pen = ImageDraw.Draw(image)
        paint = pen.rectangle if shape == "square" else pen.ellipse
        paint((left, top, left + wide, top + wide), fill=colour)
        image.save(folder / f"{number:03}.png")
        (folder / f"{number:03}.txt").write_text(f"a {colour} {shape} on {ground}\n")


def main() -> None:
    """Type it all, and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    load = os.getloadavg()[1]
    with tempfile.TemporaryDirectory() as folder:
        outside = Clock(Path(folder))
        outside.type(f"git clone --quiet {shlex.quote(str(ROOT))} limner")
        clock = Clock(Path(folder) / "limner")
        clock.began, clock.steps = outside.began, outside.steps
        clock.type("make demo")
        drawn = clock.steps[-1]["since"]
        activated = clock.folder / ".venv" / "bin"
        clock.environment |= {"PATH": f"{activated}:{clock.environment['PATH']}", "VIRTUAL_ENV": str(activated.parent)}
        clock.keep("source .venv/bin/activate", 0.0)
        clock.type("limner draw 'a bald man with a grey beard' --no-show -o mine.png")
        own = clock.steps[-1]["since"]
        clock.type("pip install --quiet -e '.[train]'")
        bring(clock.folder / "my-pictures")
        clock.type("limner data check my-pictures")
        clock.type(
            "limner train miniature:ten-minutes --data my-pictures --run runs/mine",
            until=" to the end of ",
        )
        learning = clock.steps[-1]["since"]
        clock.type("limner draw 'a red circle on white' --artist runs/mine --no-show -o circle.png")
        assert (clock.folder / "mine.png").is_file() and (clock.folder / "circle.png").is_file()
    record(
        "newcomer", first_picture=drawn, own_sentence=own, own_pictures_trained=learning,
        drawn_from_it=clock.steps[-1]["since"], steps=clock.steps, load_before=round(load, 1), cores=os.cpu_count(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
