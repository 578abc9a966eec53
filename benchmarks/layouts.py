"""How fast the layouts world is built: whole builds (rules, icons, masks, captions, Parquet), best of three.

    python benchmarks/layouts.py --images 6000 --size 64

prints pictures a second of processor time of one core, and by the clock with `--workers` processes (lower where the
machine has other work); appends a line to results/layouts.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from independent import record

from limner.worlds import layouts


def main() -> None:
    """Build the world several times into fresh folders and print the best rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    processor, clock = [], []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            used = time.process_time()
            layouts.build(Path(folder) / "one", images=options.images, size=options.size, workers=1)
            processor.append(options.images / (time.process_time() - used))
            began = time.perf_counter()
            layouts.build(Path(folder) / "all", images=options.images, size=options.size, workers=options.workers)
            clock.append(options.images / (time.perf_counter() - began))
    numbers = {
        **vars(options),
        "pictures_per_second_a_core": round(max(processor), 1),
        "by_the_clock": round(max(clock), 1),
        "all": sorted(round(rate, 1) for rate in processor),
    }
    record("layouts", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
