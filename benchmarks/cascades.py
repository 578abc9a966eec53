"""Speed side by side: training images a second and milliseconds of a drawing, of many systems in one run.

    OMP_NUM_THREADS=1 python benchmarks/cascades.py gan-int-cls:avatars stackgan-v2:avatars --data data/avatars64

Every phase that draws is timed by Limner's own trainer, and a system's speed is that of its whole budget: phases count
as many pictures as they are shown. Encoders are untrained, which costs the same, and learning to read is left out. All
take turns, a few steps at a time, so that a busy machine is busy for all; figures are medians over the rounds, ratios
to the first system. One line a system goes to results/cascade_speed.jsonl.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from independent import record
from training import begun, prepared, turns

from limner.data.dataset import Dataset
from limner.evaluation.bench import Entry
from limner.noise import RowNoise
from limner.system import Phase


def steps(entry: Entry, data: Dataset, folder: Path) -> Iterator[tuple[Phase, Callable[[], None]]]:
    """Yield each phase that draws, and a step of it."""
    places = [at for at, phase in enumerate(prepared(entry, data).phases()) if phase.step and phase.draws]
    for at in places:
        yield begun(entry, data, folder / f"{at}", at)


def speed(plan: dict[str, Phase], seconds: dict[str, float]) -> float:
    """Return images a second over all phases of a plan, where a step of each takes so long."""
    taken = sum(phase.images / phase.batch * seconds[name] for name, phase in plan.items())
    return sum(phase.images for phase in plan.values()) / taken


def drawing(entry: Entry, data: Dataset) -> Callable[[], None]:
    """Return the drawing of one picture."""
    system = prepared(entry, data).eval()
    requests = data.requests(entry.takes, 1, "test")

    def draw() -> None:
        for _ in system.sample(requests, system.Knobs(), RowNoise([0])):
            pass

    return draw


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", help="SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,...")
    parser.add_argument("--data", required=True, help="what they are trained on")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn")
    options = parser.parse_args()
    entries = [Entry.read(spec, {}) for spec in options.systems]
    data = {side: Dataset.open(options.data, size=side) for side in {e.cls.data_size(e.config) for e in entries}}
    draws = {e.spec: drawing(e, data[e.cls.data_size(e.config)]) for e in entries}
    with tempfile.TemporaryDirectory() as folder:
        trains, plans = dict[str, Callable[[], None]](), dict[str, dict[str, Phase]]()
        for number, entry in enumerate(entries):
            found = steps(entry, data[entry.cls.data_size(entry.config)], Path(folder) / f"{number}")
            named = {f"{entry.spec} {place}": one for place, one in enumerate(found)}
            trains |= {name: step for name, (_, step) in named.items()}
            plans[entry.spec] = {name: phase for name, (phase, _) in named.items()}
        seconds = turns(trains, options.rounds, options.steps)
        drawn = turns(draws, options.rounds, 4 * options.steps)
    rates = {spec: speed(plan, seconds) for spec, plan in plans.items()}
    first = entries[0].spec
    for entry in entries:
        numbers = {
            "train_images_per_s": round(rates[entry.spec], 1),
            "relative_train": round(rates[entry.spec] / rates[first], 3),
            "draw_ms": round(1000 * drawn[entry.spec], 2),
            "relative_draw": round(drawn[entry.spec] / drawn[first], 3),
        }
        print(entry.spec, numbers, flush=True)
        place = {"batch": getattr(entry.config, "batch", None), "size": entry.config.size, "device": "cpu"}
        clock = "processor" if torch.get_num_threads() == 1 else "wall"
        record("cascade_speed", system=entry.spec, **numbers, **place, clock=clock, rounds=options.rounds)


if __name__ == "__main__":
    main()
