"""`kill -9` at random moments, for some minutes: of a training, and of a server in whose gallery people write.

    python benchmarks/kills.py --minutes 5
    tests/studio/postgres.sh python benchmarks/kills.py --minutes 5     # a gallery in PostgreSQL, too

A training that was killed must end with the weights, grids and log of one that was not, to the bit. What a server had
answered must be in the gallery that the next one opens, and its file must be sound. Anything else ends this with an
error. One line is appended to results/kills.jsonl. `make test` does the same with ten and four kills.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import torch
from independent import record

import galleries
import kills


def trainings(seconds: float, chance: random.Random) -> dict[str, Any]:
    """Kill trainings, one after the other, each until it comes to its end."""
    torch.set_num_threads(1)
    deadline, killed, ended = time.monotonic() + seconds, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        (whole := Path(folder) / "whole").mkdir()
        kills.train_on(whole)
        longest, expected = 0.2 * (time.monotonic() - began), kills.facts(whole)
        while time.monotonic() < deadline:
            (broken := Path(folder) / f"{ended}").mkdir()
            killed += kills.kill_trainings(broken, chance, longest)
            found = kills.facts(broken)
            for what in expected:
                assert found[what] == expected[what], f"the {what} of {broken} differ"
            left = [path.name for path in (broken / "run").rglob(".*") if path.name != ".lock"]
            assert not left, f"left behind: {left}"
            ended += 1
    return {"trainings": ended, "kills": killed, "bit_for_bit": ended, "grids_of_each": len(expected["grids"])}


def servers(kind: str, seconds: float, chance: random.Random) -> dict[str, Any]:
    """Kill servers, one after the other, of one gallery."""
    deadline, survived = time.monotonic() + seconds, kills.Survived()
    with tempfile.TemporaryDirectory() as folder, galleries.database(kind, Path(folder)) as location:
        while time.monotonic() < deadline:
            kills.kill_server(location, chance, survived)
            assert not survived.lost, f"lost after kill {survived.kills}: {survived.lost}"
    on_their_way = len(survived.open - {None})
    return {"kills": survived.kills, "acknowledged": len(survived.acknowledged), "lost": 0, "open": on_their_way}


def main() -> None:
    """Kill and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="in all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    chance, parts = random.Random(options.seed), 1 + len(galleries.KINDS)
    seconds = 60 * options.minutes / parts
    found: dict[str, Any] = {"training": trainings(seconds, chance)}
    for kind in galleries.KINDS:
        found[kind] = servers(kind, seconds, chance)
    print(json.dumps(found))
    record("kills", minutes=options.minutes, seed=options.seed, **found)


if __name__ == "__main__":
    main()
