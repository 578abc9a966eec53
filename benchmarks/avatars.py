"""How fast the avatars world is built: whole builds (drawing, captions, encoding, Parquet), best of three.

    python benchmarks/avatars.py --images 2000 --size 64 --workers 2
    python benchmarks/avatars.py --images 1000 --workers 1 --beside

prints pictures a second and appends a line to results/avatars.jsonl. With `--beside` builds of avatars, of avatars with
masks of parts and of the placed world take turns in this process, so that a busy machine is as busy for each: pictures
a second of processor time and bytes a picture of each are printed, and nothing is appended.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from independent import record

from limner.worlds import avatars, placed

Kinds = dict[str, tuple[Callable[..., Path], dict[str, Any]]]
"""What is built: how a world is, and what it is told."""
BESIDE: Kinds = {
    "avatars": (avatars.build, {}),
    "avatars with masks of parts": (avatars.build, {"part_masks": True}),
    "placed": (placed.build, {}),
}


def speeds(kinds: Kinds, images: int, size: int, repeats: int) -> dict[str, dict[str, float]]:
    """Build each kind in turns with one process; return the best rate, by processor time, and the bytes a picture."""
    found: dict[str, dict[str, float]] = {}
    for turn in range(repeats + 1):  # the first warms caches
        for name, (build, more) in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.process_time()
                out = build(Path(folder) / "world", images=images, size=size, workers=1, **more)
                rate = images / (time.process_time() - start)
                room = sum(path.stat().st_size for path in out.glob("*.parquet")) / images
            best = max(rate, found.get(name, {}).get("pictures a second of a core", 0.0)) if turn else 0.0
            found[name] = {"pictures a second of a core": round(best, 1), "bytes a picture": round(room)}
    return found


def main() -> None:
    """Build the world several times into fresh folders and print the best rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--beside", action="store_true", help="avatars, with masks of parts, and placed, in turns")
    options = parser.parse_args()
    if options.beside:
        print(json.dumps(speeds(BESIDE, options.images, options.size, options.repeats)))
        return
    seconds = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            avatars.build(Path(folder) / "world", images=options.images, size=options.size, workers=options.workers)
            seconds.append(time.perf_counter() - start)
    rates = sorted(round(options.images / taken, 1) for taken in seconds)
    asked = {name: value for name, value in vars(options).items() if name != "beside"}
    numbers = {**asked, "pictures_per_second": rates[-1], "all": rates}
    record("avatars", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
