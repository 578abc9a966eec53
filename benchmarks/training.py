"""Training: images a second, beside a straightforward eager loop over the same nets, losses and batches.

    OMP_NUM_THREADS=1 python benchmarks/training.py miniature:avatars gan-int-cls:avatars-modern --data data/avatars64
    OMP_NUM_THREADS=1 python benchmarks/training.py miniature:avatars --data data/avatars64 --since bf16

The house's optimisations are put into the baseline (benchmarks/eager.py) one after the other, and last stands Limner's
own trainer. All take turns, a few steps at a time, so that a busy machine is busy for all; figures are medians over the
rounds, speeds as medians of each round's ratios to the baseline. Penalties at every eighth step change the algorithm,
so the baseline has them too, and what they give is measured apart; lazier ones in bf16 are the one switch that changes
it again. With `--since` the ladder begins at the rung whose newest switch is named, and that is then the baseline.
Page faults of a step and peak memory are those of processes of their own. One line a system goes to
results/training.jsonl.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
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
    Switches(cache=True, table=True, layout=True, fused=True, own=True, bf16=True, merged=True),
    Switches(cache=True, table=True, layout=True, fused=True, own=True, bf16=True, merged=True, lazier=True),
    Switches(*[True] * len(dataclasses.fields(Switches))),
]
LIMNER = "Limner's trainer"
STEPS = 16  # of a turn: one interval of the laziest penalty


def prepared(entry: Entry, data: Dataset) -> Any:
    """Build the system, its text encoders untrained: they cost the same."""
    torch.manual_seed(0)
    names = ("text_images", "style_images", "teacher_images", "gate")
    changes = {name: 0 for name in names if hasattr(entry.config, name)}
    return catalogue.build(entry.cls, dataclasses.replace(entry.config, **changes), data.schema)


def reader(entry: Entry, data: Dataset) -> Any:
    """Build the system and let it read all captions."""
    system = prepared(entry, data).eval()
    next(phase for phase in system.phases() if phase.name == "gan").on_enter(data)
    return system


def trainer(
    entry: Entry, data: Dataset, folder: Path, precision: str = "auto", switches: Switches | None = None
) -> Callable[[], None]:
    """Return a step of Limner's own trainer at the phase `gan`, as the last switches are set, where they are given."""
    at = next(i for i, phase in enumerate(prepared(entry, data).phases()) if phase.name == "gan")
    return begun(entry, data, folder, at, precision, switches)[1]


def begun(
    entry: Entry, data: Dataset, folder: Path, at: int, precision: str = "auto", switches: Switches | None = None
) -> tuple[Phase, Callable[[], None]]:
    """Begin a phase by its place; return it and a step of Limner's own trainer in it."""
    made = Trainer(
        prepared(entry, data), data, RunFolder.create(folder), engine=Engine(precision, quiet=True), grid_every=0
    )
    made.at = Position(phase=at)
    made.enter(fresh=True)

    def step() -> None:
        with switches.applied(made.system) if switches else nullcontext():
            made.step(made.phases[at])

    return made.phases[at], step


def by_itself(spec: str, data: str, which: str) -> tuple[int, int]:
    """Return page faults of a step, and the peak memory in MB, of a process that trains for a turn."""
    command = [sys.executable, __file__, spec, "--data", data, "--alone", which]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    faults, peak = answer.stdout.splitlines()[-2:]
    return round(float(faults)), round(float(peak))


def alone(spec: str, where: str, which: str) -> None:
    """Train by a rung of the ladder or by Limner; print page faults of a step, after the first two, and peak memory."""
    entry = Entry.read(spec, {})
    data = Dataset.open(where, size=entry.cls.data_size(entry.config))
    with tempfile.TemporaryDirectory() as folder:
        if which == LIMNER:
            step = trainer(entry, data, Path(folder) / "run", switches=LADDER[-1])
        else:
            on = next(rung for rung in LADDER if rung.described() == which)
            step = Loop(prepared(entry, data), data, on, entry.config.batch, reader(entry, data)).step
        for _ in range(2):
            step()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(STEPS):
            step()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / STEPS)
    print(peak_mb())


def peak_mb() -> float:
    """Return the peak memory of this process so far, in MB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024  # getrusage would tell the parent's peak where that is higher


def turns(runners: dict[str, Callable[[], None]], rounds: int, steps: int = STEPS) -> dict[str, float]:
    """Return the median seconds of a step of each, over rounds in which all take their turn of so many steps."""
    return {name: statistics.median(found) for name, found in in_turns(runners, rounds, steps).items()}


def in_turns(runners: dict[str, Callable[[], None]], rounds: int, steps: int = STEPS) -> dict[str, list[float]]:
    """Return the seconds of a step of each in every round, in which all take their turn of so many steps."""
    for step in runners.values():
        for _ in range(2):
            step()
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, step in runners.items():
            began = clock()
            for _ in range(steps):
                step()
            seconds[name].append((clock() - began) / steps)
    return seconds


def ratios(seconds: dict[str, list[float]], base: str) -> dict[str, float]:
    """Return how many times as fast as `base` each is: the median of its rounds' ratios."""
    return {
        name: round(statistics.median(a / b for a, b in zip(seconds[base], found, strict=True)), 3)
        for name, found in seconds.items()
    }


def processor() -> str:
    """Return what the processor is called, and whether it multiplies matrices of bf16 in tiles or in vectors."""
    about = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    entries = {name.strip(): value.strip() for name, value in about.items()}
    can = [flag for flag in ("amx_bf16", "avx512_bf16") if flag in entries.get("flags", "").split()]
    return f"{entries.get('model name', 'unknown')} ({', '.join(can) or 'no bf16'})"


def measure(spec: str, where: str, rounds: int, since: str | None = None) -> dict[str, Any]:
    """Measure one system."""
    entry = Entry.read(spec, {})
    data = Dataset.open(where, size=entry.cls.data_size(entry.config))
    ladder = LADDER[next(i for i, on in enumerate(LADDER) if since is None or getattr(on, since)) :]
    lazy = {}
    with tempfile.TemporaryDirectory() as folder:
        read, batch = reader(entry, data), entry.config.batch
        runners = {on.described(): Loop(prepared(entry, data), data, on, batch, read).step for on in ladder}
        runners[LIMNER] = trainer(entry, data, Path(folder) / "run", switches=LADDER[-1])
        seconds = in_turns(runners, rounds)
        if since is None:
            module = importlib.import_module(entry.cls.__module__)
            plain = trainer(entry, data, Path(folder) / "plain")
            for every in (module.LAZY, 1):
                module.LAZY = every
                lazy[every] = turns({LIMNER: plain}, max(rounds // 2, 1))[LIMNER]
    base = ladder[0].described()
    single = {name: by_itself(spec, where, name) for name in (base, LIMNER)}
    numbers = {
        "batch": entry.config.batch,
        "clock": "processor" if torch.get_num_threads() == 1 else "wall",
        "processor": processor(),
        "images_per_second": {
            name: round(entry.config.batch / statistics.median(found), 1) for name, found in seconds.items()
        },
        "ratio": ratios(seconds, base),
        "page_faults": {name: faults for name, (faults, _) in single.items()},
        "peak_mb": {name: peak for name, (_, peak) in single.items()},
    }
    return numbers | ({"lazy_penalty_ratio": round(lazy[1] / min(lazy.values()), 3)} if lazy else {})


def main() -> None:
    """Measure some systems."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", help="SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,...")
    parser.add_argument("--data", required=True, help="what they are trained on")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each, of 16 steps")
    parser.add_argument("--since", choices=[field.name for field in dataclasses.fields(Switches)], help="begin there")
    parser.add_argument("--results", default="training", help="file in results/ that gets the lines")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(options.systems[0], options.data, options.alone)
        return
    for spec in options.systems:
        numbers = measure(spec, options.data, options.rounds, options.since)
        print(json.dumps({"system": spec} | numbers), flush=True)
        record(options.results, system=spec, rounds=options.rounds, **numbers)


if __name__ == "__main__":
    main()
