"""Training: images a second, beside a straightforward eager loop over the same nets, losses and batches.

    OMP_NUM_THREADS=1 python benchmarks/training.py miniature:avatars gan-int-cls:avatars-modern --data data/avatars64

The house's optimisations are put into the baseline (benchmarks/eager.py) one after the other, and last stands Limner's
own trainer. All take turns, a few steps at a time, so that a busy machine is busy for all; figures are medians over the
rounds, speeds as ratios to the baseline. Lazy penalties change the algorithm, so the baseline has them too; what they
give is measured apart. Peak memory is that of processes of their own. One line a system goes to results/training.jsonl.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from eager import Loop, Switches
from independent import record

from limner import catalogue
from limner.data.dataset import Dataset
from limner.evaluation.bench import Entry
from limner.system import Phase
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Position, Trainer

LADDER = [
    Switches(),
    Switches(cache=True),
    Switches(cache=True, table=True),
    Switches(cache=True, table=True, layout=True),
    Switches(cache=True, table=True, layout=True, fused=True),
    Switches(cache=True, table=True, layout=True, fused=True, own=True),
    Switches(cache=True, table=True, layout=True, fused=True, own=True, bf16=True),
]
LIMNER = "Limner's trainer"
STEPS = 8  # of a turn: one interval of a lazy penalty


def prepared(entry: Entry, data: Dataset) -> Any:
    """Build the system, its text encoders untrained: they cost the same."""
    torch.manual_seed(0)
    changes = {name: 0 for name in ("text_images", "style_images") if hasattr(entry.config, name)}
    return catalogue.build(entry.cls, dataclasses.replace(entry.config, **changes), data.schema)


def reader(entry: Entry, data: Dataset) -> Any:
    """Build the system and let it read all captions."""
    system = prepared(entry, data).eval()
    next(phase for phase in system.phases() if phase.name == "gan").on_enter(data)
    return system


def trainer(entry: Entry, data: Dataset, folder: Path, precision: str = "auto") -> Callable[[], None]:
    """Return a step of Limner's own trainer at the phase `gan`."""
    at = next(i for i, phase in enumerate(prepared(entry, data).phases()) if phase.name == "gan")
    return begun(entry, data, folder, at, precision)[1]


def begun(
    entry: Entry, data: Dataset, folder: Path, at: int, precision: str = "auto"
) -> tuple[Phase, Callable[[], None]]:
    """Begin a phase by its place; return it and a step of Limner's own trainer in it."""
    made = Trainer(
        prepared(entry, data), data, RunFolder.create(folder), engine=Engine(precision, quiet=True), grid_every=0
    )
    made.at = Position(phase=at)
    made._enter(fresh=True)
    return made.phases[at], lambda: made._step(made.phases[at])


def memory(spec: str, data: str, which: str) -> float:
    """Return the peak memory, in MB, of a process that trains for two turns."""
    command = [sys.executable, __file__, spec, "--data", data, "--alone", which]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout.splitlines()[-1])


def alone(spec: str, where: str, which: str) -> None:
    """Train by the baseline or by Limner and print the peak memory."""
    entry = Entry.read(spec, {})
    data = Dataset.open(where, size=entry.cls.data_size(entry.config))
    with tempfile.TemporaryDirectory() as folder:
        if which == LIMNER:
            step = trainer(entry, data, Path(folder) / "run")
        else:
            step = Loop(prepared(entry, data), data, LADDER[0], entry.config.batch, reader(entry, data)).step
        for _ in range(2 * STEPS):
            step()
    print(peak_mb())


def peak_mb() -> float:
    """Return the peak memory of this process so far, in MB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024  # getrusage would tell the parent's peak where that is higher


def turns(runners: dict[str, Callable[[], None]], rounds: int, steps: int = STEPS) -> dict[str, float]:
    """Return the median seconds of a step of each, over rounds in which all take their turn of so many steps."""
    for step in runners.values():
        for _ in range(steps):
            step()
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, step in runners.items():
            began = time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()
            for _ in range(steps):
                step()
            ended = time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()
            seconds[name].append((ended - began) / steps)
    return {name: statistics.median(found) for name, found in seconds.items()}


def measure(spec: str, where: str, rounds: int) -> dict[str, Any]:
    """Measure one system."""
    entry = Entry.read(spec, {})
    data = Dataset.open(where, size=entry.cls.data_size(entry.config))
    with tempfile.TemporaryDirectory() as folder:
        read, batch = reader(entry, data), entry.config.batch
        runners = {on.described(): Loop(prepared(entry, data), data, on, batch, read).step for on in LADDER}
        runners[LIMNER] = trainer(entry, data, Path(folder) / "run")
        found = turns(runners, rounds)
        module = importlib.import_module(entry.cls.__module__)
        lazy = {}
        for every in (module.LAZY, 1):
            module.LAZY = every
            lazy[every] = turns({LIMNER: runners[LIMNER]}, max(rounds // 2, 1))[LIMNER]
    base = found["eager"]
    return {
        "batch": entry.config.batch,
        "clock": "processor" if torch.get_num_threads() == 1 else "wall",
        "images_per_second": {name: round(entry.config.batch / one, 1) for name, one in found.items()},
        "ratio": {name: round(base / one, 3) for name, one in found.items()},
        "lazy_penalty_ratio": round(lazy[1] / min(lazy.values()), 3),
        "peak_mb": {name: round(memory(spec, where, name)) for name in ("eager", LIMNER)},
    }


def main() -> None:
    """Measure some systems."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", help="SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,...")
    parser.add_argument("--data", required=True, help="what they are trained on")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each, of 8 steps")
    parser.add_argument("--results", default="training", help="file in results/ that gets the lines")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(options.systems[0], options.data, options.alone)
        return
    for spec in options.systems:
        numbers = measure(spec, options.data, options.rounds)
        print(json.dumps({"system": spec} | numbers), flush=True)
        record(options.results, system=spec, rounds=options.rounds, **numbers)


if __name__ == "__main__":
    main()
