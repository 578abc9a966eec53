"""How soon a picture is there: a cold `limner draw` beside a bare `import torch`, and each further picture.

    python benchmarks/drawing.py avatars

Whole processes, interleaved, medians of several. One line is appended to results/drawing.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from independent import record

import limner


def seconds(command: Sequence[str]) -> float:
    """Run a whole process and return its wall time."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def per_picture(artist: limner.Artist, batch: int, repeats: int) -> float:
    """Return milliseconds a picture, the median of several batches after a warm-up."""
    taken = []
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        artist.draw("a smiling woman with curly red hair", n=batch, seed=repeat * batch, batch=batch)
        taken.append((time.perf_counter() - start) / batch * 1000)
    return statistics.median(taken[1:])


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    bare, cold = [], []
    with tempfile.TemporaryDirectory() as folder:
        draw = ["-m", "limner.cli", "draw", "a smiling woman with curly red hair", "--artist", options.artist]
        for _ in range(options.repeats + 1):
            bare.append(seconds([sys.executable, "-c", "import torch"]))
            cold.append(seconds([sys.executable, *draw, "--seed", "1", "-o", folder]))
    bare, cold = bare[1:], cold[1:]  # the first of each fills the disk's cache
    artist = limner.load(options.artist)
    numbers = {
        "artist": options.artist,
        "size": artist.system.config.size,
        "import_torch_seconds": round(statistics.median(bare), 3),
        "cold_draw_seconds": round(statistics.median(cold), 3),
        "ratio": round(statistics.median(cold) / statistics.median(bare), 3),
        "milliseconds_alone": round(per_picture(artist, 1, 30), 2),
        "milliseconds_in_batches_of_16": round(per_picture(artist, 16, 10), 2),
        "cores": os.cpu_count(),
        "repeats": options.repeats,
    }
    record("drawing", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
