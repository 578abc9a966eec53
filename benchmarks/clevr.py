"""How fast the clevr world is built: whole builds in one process (tracing, masks, Parquet), best of three.

    python benchmarks/clevr.py --images 40 --size 64

prints pictures a second a core, by processor time and by the clock (lower where the machine has other work), and how
long CLEVR-SV's 52,000 pictures would take on this machine's cores with nothing else to do, by processor time; appends
a line to results/clevr.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from independent import record

from limner.worlds import clevr

WHOLE = 52_000


def main() -> None:
    """Build the world several times into fresh folders and print the best rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=80)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    clevr.row(0, 0, 8)  # Mitsuba loads, once a process
    processor, clock = [], []
    for seed in range(options.repeats):  # each has stories of its own: those once chosen are remembered
        with tempfile.TemporaryDirectory() as folder:
            start, used = time.perf_counter(), time.process_time()
            out = Path(folder) / "world"
            clevr.build(out, images=options.images, size=options.size, seed=seed, workers=1)
            processor.append(options.images / (time.process_time() - used))
            clock.append(options.images / (time.perf_counter() - start))
    best, cores = max(processor), os.cpu_count() or 1
    numbers = {
        **vars(options),
        "pictures_per_second_a_core": round(best, 2),
        "by_the_clock": round(max(clock), 2),
        "all": sorted(round(rate, 2) for rate in processor),
        "projected_minutes_for_52000": round(WHOLE / best / cores / 60, 1),
        "cores": cores,
    }
    record("clevr", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
