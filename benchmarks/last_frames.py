"""Build the last frames of clevr stories, four things each: the data on which ChatPainter is compared.

    python benchmarks/last_frames.py data/clevr-last --pictures 12000 --size 32

The caption of a last frame speaks of the newest thing alone, its ten turns of dialogue of the whole scene. Rows are
those of the clevr world (seed, story, fourth frame) without their masks and without the columns of the story. The last
`--held-out` of them are the test split. A build that was stopped goes on where it was; workers are as many as cores.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from limner.worlds import clevr
from limner.worlds.build import arrow_schema
from limner.worlds.clevr.scenes import FRAMES

SHARD = 200
LEFT_OUT = ("masks", "story", "frame")


def row(seed: int, story: int, size: int) -> dict[str, Any]:
    """Return the last frame of a story."""
    found = clevr.row(seed, story * FRAMES + FRAMES - 1, size)
    return {name: value for name, value in found.items() if name not in LEFT_OUT}


def shard(path: Path, seed: int, stories: range, size: int) -> Path:
    """Write the last frames of some stories."""
    features = {name: kind for name, kind in clevr.features().items() if name not in LEFT_OUT}
    rows = [row(seed, story, size) for story in stories]
    part = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(features)), part, row_group_size=100)
    part.replace(path)
    return path


def main() -> None:
    """Build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=12_000, help="for training")
    parser.add_argument("--held-out", type=int, default=1_000, help="for the test split")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    total = options.pictures + options.held_out
    jobs = []
    for split, stories in (("train", range(options.pictures)), ("test", range(options.pictures, total))):
        for start in range(stories.start, stories.stop, SHARD):
            some = range(start, min(start + SHARD, stories.stop))
            path = options.folder / f"{split}-s{options.seed}-{some.start:06d}-{some.stop:06d}-{options.size}.parquet"
            jobs += [] if path.exists() else [(path, options.seed, some, options.size)]
    began = time.perf_counter()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for done, future in enumerate([pool.submit(shard, *job) for job in jobs], start=1):
            print(f"{future.result().name}, {done} of {len(jobs)}, {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
