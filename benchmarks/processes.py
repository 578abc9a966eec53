"""Two processes on one machine: what a step costs beside one process, and how much of it is averaging gradients.

    python benchmarks/processes.py miniature:avatars gan-int-cls:avatars --data data/avatars64

Each system's last phase is trained for some steps by one process of one thread and by two of one thread each, in turns,
several times; figures are medians. Averaging has two parts: waiting until the other process has its gradients too, and
sending them. One line a system goes to results/processes.jsonl.
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
from pathlib import Path
from typing import Any

import torch
from independent import record

from limner import catalogue
from limner.data.dataset import Dataset
from limner.evaluation.bench import Entry
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Position, Trainer

WARM = 4  # steps before the clock starts


class Timed(Engine):
    """An engine that notes how long averaging takes: waiting apart from sending."""

    waited = sent = 0.0

    def average(self, parameters: Any, statistics: Any = ()) -> None:
        """Average as ever."""
        began = time.perf_counter()
        self.wait()
        met = time.perf_counter()
        super().average(parameters, statistics)
        self.waited += met - began
        self.sent += time.perf_counter() - met


def measure(spec: str, data: str, steps: int) -> dict[str, float]:
    """Train some steps of the last phase; return median milliseconds of a step, of its waiting and of its sending."""
    entry = Entry.read(spec, {})
    name, config = catalogue.name_of(entry.cls), entry.config
    cls, engine = catalogue.load_class(name), Timed("auto", quiet=True)
    pictures = engine.in_turn(lambda: Dataset.open(data, size=cls.data_size(config)))
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run")
        trainer = Trainer(catalogue.build(cls, config, pictures.schema), pictures, run, engine=engine, grid_every=0)
        trainer.at = Position(phase=len(trainer.phases) - 1)
        trainer.enter(fresh=True)
        took = []
        for _ in range(WARM + steps):
            engine.waited = engine.sent = 0.0
            began = time.perf_counter()
            trainer.step(trainer.phases[-1])
            took.append((time.perf_counter() - began, engine.waited, engine.sent))
    step, waited, sent = (1000 * statistics.median(part) for part in zip(*took[WARM:], strict=True))
    return {"step": step, "waited": waited, "sent": sent, "batch": trainer.phases[-1].batch}


def launched(spec: str, options: argparse.Namespace, processes: int) -> dict[str, float]:
    """Measure in so many processes of one thread each."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    own = [__file__, spec, "--data", options.data, "--steps", str(options.steps), "--worker"]
    answer = subprocess.run(
        [*launch, *own], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True, text=True
    )
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def compared(spec: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one process and two in turns; return the medians."""
    one, two = [], []
    for _ in range(options.repeats):
        one.append(launched(spec, options, 1))
        two.append(launched(spec, options, 2))

    def middle(found: list[dict[str, float]], part: str) -> float:
        return statistics.median(each[part] for each in found)

    step = middle(two, "step")
    return {
        "batch": int(one[0]["batch"]),
        "one_process_ms": round(middle(one, "step"), 1),
        "two_processes_ms": round(step, 1),
        "sending_ms": round(middle(two, "sent"), 2),
        "sending_share": round(middle(two, "sent") / step, 4),
        "averaging_share": round((middle(two, "sent") + middle(two, "waited")) / step, 4),
        "averaging_shares": [round((each["sent"] + each["waited"]) / each["step"], 4) for each in two],
        "speed_up": round(middle(one, "step") / step, 3),
    }


def main() -> None:
    """Measure some systems."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", help="SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,...")
    parser.add_argument("--data", required=True, help="what they are trained on")
    parser.add_argument("--steps", type=int, default=24, help="steps that are timed")
    parser.add_argument("--repeats", type=int, default=3, help="how often one process and two are measured in turns")
    parser.add_argument("--results", default="processes", help="file in results/ that gets the lines")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        found = measure(options.systems[0], options.data, options.steps)
        if os.environ.get("RANK") == "0":
            print(json.dumps(found))
        return
    for spec in options.systems:
        numbers = compared(spec, options)
        print(json.dumps({"system": spec} | numbers), flush=True)
        record(options.results, system=spec, cores=os.cpu_count(), processes=2, **numbers)


if __name__ == "__main__":
    main()
