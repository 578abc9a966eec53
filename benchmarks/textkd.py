"""IWGAN and TextKD-GAN's three couplings side by side: the same captions, steps and seeds, words as units.

    python benchmarks/textkd.py --data data/avatars64
    python benchmarks/textkd.py --data data/avatars64 --images 6400 --seeds 1 --out runs/textkd-trial --results trial

Every row is trained and measured by `limner bench` in the folder `--out`, so a run that was stopped goes on when the
same command is given again. results/NAME.jsonl gets a line for each training that is done, with how sure the
autoencoder was (the mean of its largest probability) over the last fifty steps and over the first.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from limner.evaluation.bench import Bench, Entry
from limner.evaluation.sentences import HeldOutSentences
from limner.files import write_file
from limner.training.run_folder import commit, versions

RESULTS = Path(__file__).parent.parent / "results"
TEACHERS = ("none", "own loss", "with critic", "frozen")
"""`none` is IWGAN: real sentences are one-hot."""


def rows(images: int, changes: str) -> list[Entry]:
    """Return a row for each coupling; where the autoencoder learns before, it sees a quarter as many sentences more."""
    shared = f"images={images},teacher_images={images // 4}{changes and ','}{changes}"
    return [Entry.read(f"textkd-gan:avatars:teacher={teacher},{shared}", {}) for teacher in TEACHERS]


def sureness(log: Path) -> dict[str, float]:
    """Return how sure the autoencoder was in the adversarial phase, at its beginning and at its end."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    found = [line["critic.sureness"] for line in lines if "critic.sureness" in line]
    return {"first": found[0], "last": found[-1]} if found else {}


def collect(bench: Bench, path: Path) -> None:
    """Write what is done to a results file, with how sure each autoencoder was."""
    done = bench.folder / "results.jsonl"
    text = ""
    for line in done.read_text().splitlines() if done.exists() else ():
        report: dict[str, Any] = json.loads(line)
        (entry,) = (entry for entry in bench.entries if entry.spec == report["row"])
        report["sureness"] = sureness(bench.place(entry, report["seed"]) / "log.jsonl")
        text += json.dumps(report, ensure_ascii=False) + "\n"
    if text:
        write_file(path, text.encode())


def main() -> None:
    """Train and measure what is not done, and collect it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="captions; of a world, its grammar judges, too")
    parser.add_argument("--images", type=int, default=200_000, help="sentences of the adversarial phase")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--written", type=int, default=1000, help="sentences that each writes to be measured")
    parser.add_argument("--set", default="", help="changes to every row, name=value,name=value")
    parser.add_argument("--out", type=Path, default=Path("bench/textkd"))
    parser.add_argument("--results", default="textkd", help="file in results/ that gets the lines")
    options = parser.parse_args()
    entries = rows(options.images, options.set)
    size = entries[0].cls.data_size(entries[0].config)
    exam = HeldOutSentences.open(options.data, size, options.written, 0)
    about = {"commit": commit(), "versions": versions()}
    command = " ".join(["python", *sys.argv])
    bench = Bench(options.out, entries, exam, options.data, options.seeds, command=command, provenance=about)
    try:
        print(bench.run())
    finally:
        collect(bench, RESULTS / f"{options.results}.jsonl")


if __name__ == "__main__":
    main()
