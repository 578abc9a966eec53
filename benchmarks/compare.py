"""Systems side by side: the same pictures, the same minutes, the same machine, one after another.

    python benchmarks/compare.py miniature:avatars gan-int-cls:avatars gan-int-cls:avatars-modern \
        --data data/avatars64 --minutes 10

Each system's speed is measured first in a short rehearsal; its budget is then what fills the minutes, a fifth of them
for learning to read. Out come a sheet (docs/images/compare.png: the first held-out captions, not chosen ones; real
pictures in the first row) and a line a system in results/compare.jsonl with its independent R-precision.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from independent import drawn, held_out, judge, record, train

from limner import catalogue
from limner.data.dataset import Dataset
from limner.sheet import plain_sheet
from limner.system import Update

READING = 0.2  # share of the minutes
WARM, TIMED = 8, 24  # steps of a rehearsal (three times a lazy penalty's interval)


def asked(spec: str) -> tuple[str, str, Any]:
    """Read SYSTEM:PRESET:name=value,... into system, what the table calls it, and configuration."""
    name, preset, *changes = spec.split(":")
    pairs = dict(change.split("=", 1) for change in changes[0].split(",")) if changes else {}
    config = catalogue.configure(catalogue.load_class(name), preset, pairs)
    return name, " ".join([preset, *(f"{k}={v}" for k, v in pairs.items())]), config


def speeds(name: str, config: Any, data: Dataset) -> dict[str, float]:
    """Measure pictures a second of each phase."""
    steps = WARM + TIMED
    system = catalogue.load_class(name)(
        dataclasses.replace(config, images=steps * config.batch, text_images=steps * config.text_batch), data.schema
    )
    began: dict[str, list[float]] = {}

    def watched(phase: Any) -> Any:
        def step(batch: Any, clock: Any) -> Iterator[Update]:
            began.setdefault(phase.name, []).append(time.perf_counter())
            yield from phase.step(batch, clock)

        return dataclasses.replace(phase, step=step, check=None) if phase.step else phase

    phases = [watched(phase) for phase in system.phases()]
    system.phases = lambda: phases  # type: ignore[method-assign]
    train(system, data, 0)
    sizes = {phase.name: phase.batch for phase in phases}
    return {name: sizes[name] * (len(t) - 1 - WARM) / (t[-1] - t[WARM]) for name, t in began.items()}


def main() -> None:
    """Train, draw, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", help="SYSTEM:PRESET, or SYSTEM:PRESET:name=value,name=value")
    parser.add_argument("--data", required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=12, help="captions on the sheet")
    parser.add_argument("--sheet", type=Path, default=Path("docs/images/compare.png"))
    options = parser.parse_args()
    chosen = [asked(spec) for spec in options.systems]
    data = Dataset.open(options.data, size=chosen[0][2].size)
    captions, real = held_out(data)
    referee = judge(data)
    rows = [real[: options.columns]]
    ceiling = round(referee.r_precision(real, captions), 4)
    for name, preset, config in chosen:
        speed = speeds(name, config, data)
        reading, painting = options.minutes * 60 * READING, options.minutes * 60 * (1 - READING)
        config = dataclasses.replace(
            config, text_images=int(speed["text"] * reading), images=int(speed["gan"] * painting)
        )
        torch.manual_seed(options.seed)
        system = catalogue.load_class(name)(config, data.schema)
        began = time.perf_counter()
        train(system, data, options.seed)
        minutes = (time.perf_counter() - began) / 60
        pictures = drawn(system.eval(), captions)
        rows.append(pictures[: options.columns])
        numbers = {
            "system": name, "preset": preset, "seed": options.seed, "minutes": round(minutes, 2),
            "images": config.images, "text_images": config.text_images, "size": config.size,
            "images_per_second": round(speed["gan"], 1), "captions": len(captions),
            "r_precision": round(referee.r_precision(pictures, captions), 4), "real_pictures": ceiling,
        }  # fmt: skip
        record("compare", **numbers)
        print(json.dumps(numbers), flush=True)
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    plain_sheet(torch.stack(rows)).save(options.sheet, optimize=True)


if __name__ == "__main__":
    main()
