"""How fast the avatars world is built: whole builds (drawing, captions, encoding, Parquet), best of three.

    python benchmarks/avatars.py --images 2000 --size 64 --workers 2

prints pictures a second and appends a line to results/avatars.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from independent import record

from limner.worlds import avatars


def main() -> None:
    """Build the world several times into fresh folders and print the best rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    seconds = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            avatars.build(Path(folder) / "world", images=options.images, size=options.size, workers=options.workers)
            seconds.append(time.perf_counter() - start)
    rates = sorted(round(options.images / taken, 1) for taken in seconds)
    numbers = {**vars(options), "pictures_per_second": rates[-1], "all": rates}
    record("avatars", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
