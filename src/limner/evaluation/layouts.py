"""Measure what a system that draws layouts draws, and how likely real layouts are to it.

Beside each figure stands what the rules get that made the data, where the data is a world whose rules are known.

Letters: B layouts, K boxes, M draws of latent variables.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import torch

from limner import metrics
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.evaluation import report
from limner.imaging.answers import boxes_drawn, layouts
from limner.noise import RowNoise
from limner.processes import Processes
from limner.requests import Box, LabelSet, Takes
from limner.system import System, sample_drafts
from limner.worlds import build

if TYPE_CHECKING:
    from PIL.Image import Image

    from limner.drawing.artist import Artist

BATCH = 50
"""Layouts at once."""
DRAWS = 100
"""Draws of latent variables by which a likelihood is estimated."""
FEW_DRAWS = 20
"""The same where likelihoods are only compared, to tell odd layouts."""
Figures = dict[str, report.Figure]


class Rules(Protocol):
    """The rules that made a data set; a world module that says how likely a layout is has them."""

    log_likelihood: Callable[[Iterable[Box]], tuple[float, float]]
    violations: Callable[[Iterable[Box]], int]
    draw: Callable[..., list[Box]]


@dataclass
class HeldOutLayouts:
    """Held-out layouts, the same for every artist that gives layouts."""

    name: str
    data: Dataset
    requests: int = 1000
    """Held-out layouts; rows without a box are left out."""
    seed: int = 0
    """Layout i is drawn with seed + i."""
    processes: Processes = field(default_factory=Processes)
    rules: Rules | None = None
    """Those that made the data, where they are known."""

    @classmethod
    def open(cls, data: str, size: int, requests: int, seed: int) -> HeldOutLayouts:
        """Open a data set, whose pictures are decoded at `size` and not looked at.

        Raises:
            UserError: it has no boxes with labels, or no held-out rows; or the seed is negative.
        """
        return cls(Path(data).stem, Dataset.open(data, size=size), requests, seed, rules=rules_of(data))

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"the seed is a whole number from 0, not {self.seed}")
        count = min(self.requests, self.data.length("test"))
        if count < 2:
            raise UserError(f"{self.name} holds out {count} layouts: nothing to measure on")
        if not self.data.schema.things:
            raise UserError(f"{self.name} has no boxes with labels, which a layout needs")
        self.real = [row for row in (self.data.boxes(row, "test") for row in range(count)) if row]
        self.requests = len(self.real)

    @property
    def protocol(self) -> report.Protocol:
        """The protocol of reports measured on this."""
        return report.Protocol(
            data=self.name, fingerprint=self.data.fingerprint, size=self.data.schema.size, pictures=len(self.real),
            reference=0, prompts=0, seeds=0, seed=self.seed, judge="", kind="layouts",
        )  # fmt: skip

    def of(self, takes: Takes) -> Self:
        """Return what systems of this kind of request are measured on: the same for all."""
        return self

    def real_answers(self, count: int) -> list[Image]:
        """Return the first real layouts as pictures."""
        return [boxes_drawn(boxes, self.data.schema.things) for boxes in self.real[:count]]


def evaluate_layouts(artist: Artist, held_out: HeldOutLayouts) -> report.Report:
    """Measure an artist that draws layouts.

    Raises:
        UserError: it does not know a label of the data.
    """
    known, name = artist.system.schema.things, held_out.name
    if unknown := [label for label in held_out.data.schema.things if label not in known]:
        raise UserError(f"{artist.name} does not know the label {unknown[0]!r} of {name}: it knows {', '.join(known)}")
    figures = layout_figures(artist.system, held_out.real, held_out.rules, held_out.seed)
    trained: Mapping[str, Any] = artist.record.get("trained", {})
    return report.Report(artist.name, artist.record["system"], held_out.protocol, figures, {}, trained, ())


def rules_of(name: str) -> Rules | None:
    """Return the rules that made a data set; None where they are not known."""
    world: Any = build.world_of(name)
    return world if hasattr(world, "log_likelihood") and hasattr(world, "violations") else None


def layout_figures(system: System, real: Sequence[Sequence[Box]], rules: Rules | None, seed: int) -> Figures:
    """Return all figures on real layouts, none of which is empty; layout i is drawn with seed + i."""
    seeds = range(seed, seed + len(real))
    sets = [LabelSet(tuple(sorted({box[0] for box in boxes}))) for boxes in real]
    full = [LabelSet(tuple(box[0] for box in boxes)) for boxes in real]
    began = time.perf_counter()
    drawn = draw_layouts(system, sets, seeds)
    seconds = time.perf_counter() - began
    chance, exact = random.Random(seed), None
    if rules is not None:
        exact = [rules.draw(chance, one.labels) for one in sets]
    found: Figures = {
        "counts within 1": report.Figure(
            _mean(metrics.counts_within, drawn, real), _mean(metrics.counts_within, exact, real) if exact else None,
            note="share of labels; drawn from the set of labels",
        ),
        "IoU": report.Figure(
            _mean(metrics.matched_iou, draw_layouts(system, full, seeds), real),
            _mean(metrics.matched_iou, exact, real) if exact else None,
            _mean(metrics.matched_iou, [*real[1:], real[0]], real), note="boxes matched by label",
        ),
    }  # fmt: skip
    if rules is not None:
        found["rule violations"] = report.Figure(_broken(rules, drawn), _broken(rules, real), better=-1)
    found |= _likelihoods(system, real, rules, seed)
    found["ms a layout"] = report.Figure(1000 * seconds / len(real), better=0)
    return found


def draw_layouts(system: System, requests: Sequence[LabelSet], seeds: Sequence[int]) -> list[list[Box]]:
    """Draw each request with its own seed, cut to what the system draws.

    Raises:
        UserError: the system draws no layouts.
    """
    if (most := system.most_things) is not None:
        requests = [request.with_most(most) for request in requests]
    found: list[list[Box]] = []
    for places in _batches(len(requests)):
        *_, final = sample_drafts(system, [requests[i] for i in places], [seeds[i] for i in places])
        if final.layout is None:
            raise UserError("this artist draws no layouts")
        found += layouts(final, system.schema)
    return found


def log_likelihoods(
    system: System, real: Sequence[Sequence[Box]], draws: int, seed: int
) -> tuple[list[float], list[float]] | None:
    """Return the log-likelihood of the counts and of the boxes of each layout, None where a system has none."""
    counts, boxes = list[float](), list[float]()
    numbers = {label: number for number, label in enumerate(system.schema.things)}
    for places in _batches(len(real)):
        some = [real[i] for i in places]
        most = max(map(len, some))
        labels = torch.tensor([[numbers[box[0]] for box in row] + [-1] * (most - len(row)) for row in some])
        spots = torch.tensor([[box[1:] for box in row] + [(0.0,) * 4] * (most - len(row)) for row in some])
        noise = RowNoise([seed + i for i in places], system.device)
        pair = system.layout_log_likelihood(labels.to(system.device), spots.to(system.device), draws, noise)
        if pair is None:
            return None
        counts, boxes = counts + pair[0].tolist(), boxes + pair[1].tolist()
    return counts, boxes


def broken(boxes: Sequence[Box], chance: random.Random, rules: Rules | None = None) -> list[Box]:
    """Move all boxes of one label to random places, so that they break a rule where rules are known."""
    chosen = chance.choice(sorted({box[0] for box in boxes}))
    while True:
        moved = [
            (box[0], chance.uniform(0, 1 - box[3]), chance.uniform(0, 1 - box[4]), box[3], box[4])
            if box[0] == chosen
            else box
            for box in boxes
        ]
        if rules is None or rules.violations(moved):
            return moved


def _likelihoods(system: System, real: Sequence[Sequence[Box]], rules: Rules | None, seed: int) -> Figures:
    own = log_likelihoods(system, real, DRAWS, seed)
    if own is None:
        return {}
    true = [rules.log_likelihood(boxes) for boxes in real] if rules else None
    found = {
        name: report.Figure(
            -statistics.fmean(own[k]), -statistics.fmean(one[k] for one in true) if true else None, better=-1,
            note="negative log-likelihood a layout",
        )
        for k, name in enumerate(("count nats", "box nats"))
    }  # fmt: skip
    chance = random.Random(seed)
    odd = [broken(boxes, chance, rules) for boxes in real]
    scores = [log_likelihoods(system, some, FEW_DRAWS, seed) for some in (odd, real)]
    odd_score, usual = ([-value for value in one[1]] for one in scores if one)
    found["odd layouts, AUC"] = report.Figure(
        metrics.area_under_curve(odd_score, usual), floor=0.5, note="boxes of one label moved to random places"
    )
    return found


def _mean(score: Callable[[Sequence[Box], Sequence[Box]], float], drawn: Any, real: Any) -> float:
    return statistics.fmean(map(score, drawn, real))


def _broken(rules: Rules, some: Sequence[Sequence[Box]]) -> float:
    return sum(map(rules.violations, some)) / max(sum(map(len, some)), 1)


def _batches(count: int) -> Iterator[range]:
    for start in range(0, count, BATCH):
        yield range(start, min(start + BATCH, count))
