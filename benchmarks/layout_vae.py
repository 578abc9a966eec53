"""LayoutVAE against no latent variable, an N(0, I) prior and a bag of boxes, beside the rules that made the layouts.

    python benchmarks/layout_vae.py layout-vae no-latent no-latent-learned-sigma standard-prior bag

Each row is trained on the same 60,000 layouts of the layouts world (no picture is drawn) and measured on other ones, by
`limner.evaluation.layouts`. A line for each row and seed is appended to results/layout_vae.jsonl; what is there is
skipped, so that the same command goes on after a stop.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from independent import is_recorded, record

from limner import catalogue
from limner.data.schema import Schema
from limner.data.views import Layouts
from limner.evaluation.layouts import layout_figures
from limner.system import Clock, System
from limner.worlds import layouts

ROWS: dict[str, dict[str, Any]] = {
    "layout-vae": {},
    "no-latent": {"latent": False},
    "no-latent-learned-sigma": {"latent": False, "sigma": None},
    "learned-sigma": {"sigma": None},
    "standard-prior": {"prior": "standard"},
    "bag": {"condition": "label", "latent": False, "sigma": None},
}
"""Changes to the preset `layouts`."""
HELD_OUT = 1000
"""What is added to the seed of held-out layouts, so that no seed is measured on what another one learns from."""


def batch(boxes: list[list[Any]], rows: np.ndarray, names: tuple[str, ...]) -> Layouts:
    """Gather rows as the view does."""
    chosen = [boxes[row] for row in rows]
    most = max(map(len, chosen))
    labels = [[names.index(box[0]) for box in row] + [-1] * (most - len(row)) for row in chosen]
    places = [[box[1:] for box in row] + [(0.0,) * 4] * (most - len(row)) for row in chosen]
    return Layouts(torch.tensor(labels), torch.tensor(places), names)


def train(system: System, boxes: list[list[Any]], names: tuple[str, ...]) -> dict[str, float]:
    """Go through all phases; return the seconds of processor time of each."""
    seconds = {}
    for phase in system.phases():
        (player,) = phase.players.values()
        began, rng = time.process_time(), np.random.default_rng(0)
        optimiser = player.optimiser([p for module in player.modules for p in module.parameters()])
        base = optimiser.param_groups[0]["lr"]
        for step in range(phase.images // phase.batch):
            clock = Clock(step * phase.batch, phase.images, step)
            rows = rng.integers(len(boxes), size=phase.batch)
            assert phase.step is not None
            for update in phase.step(batch(boxes, rows, names), clock):
                optimiser.param_groups[0]["lr"] = base * player.schedule(clock.progress)
                optimiser.zero_grad()
                update.loss.backward()
                torch.nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], player.clip or 1e9)
                optimiser.step()
        seconds[phase.name] = round(time.process_time() - began, 1)
    return seconds


def is_done(row: str, options: argparse.Namespace) -> bool:
    """Tell whether a line of the same row, seed and budget is there."""
    same = {name: value for name, value in vars(options).items() if name not in ("rows", "seeds")} | {"row": row}
    return is_recorded("layout_vae", same)


def measure(row: str, options: argparse.Namespace) -> None:
    """Train and measure one row of one seed; print and keep its figures."""
    names = layouts.KINDS
    known = [layouts.layout(options.seed, index) for index in range(options.layouts)]
    real = [layouts.layout(options.seed + HELD_OUT, index) for index in range(options.held_out)]
    cls = catalogue.load_class("layout-vae")
    torch.manual_seed(options.seed)
    shared = {"images": options.images, "count_images": options.images}
    shared |= {"width": options.width, "batch": options.batch, "rate": options.rate}
    config = dataclasses.replace(cls.presets["layouts"], **shared, **ROWS[row])
    system = cls(config, Schema(size=config.size, things=names)).train()
    seconds = train(system, known, names)
    figures = layout_figures(system.eval(), real, SimpleNamespace(**vars(layouts)), options.seed)
    numbers = {name: value for name, value in vars(options).items() if name not in ("rows", "seeds")}
    numbers |= {"row": row, "seconds": seconds}
    numbers["figures"] = {name: [one.value, one.real] for name, one in figures.items()}
    record("layout_vae", **numbers)
    print(json.dumps(numbers), flush=True)


def main() -> None:
    """Train and measure rows; print and keep their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", choices=list(ROWS))
    parser.add_argument("--layouts", type=int, default=60_000)
    parser.add_argument("--images", type=int, default=600_000, help="layouts shown in each phase")
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    for seed in options.seeds:
        one = argparse.Namespace(**vars(options), seed=seed)
        for row in options.rows:
            if not is_done(row, one):
                measure(row, one)


if __name__ == "__main__":
    main()
