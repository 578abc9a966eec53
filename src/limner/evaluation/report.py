"""What was measured, and how: figures of different protocols cannot be compared, so they share no table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from limner.errors import UserError

VERSION = 2
"""Of the protocol; figures of two versions cannot be compared. 2: SSIM of light from 0 to 1, no longer from -1."""
REAL = {"pictures": "real pictures", "layouts": "the rules", "sentences": "real sentences"}
"""What the figures of each kind are compared with: of layouts, the rules that made the data."""
OF_REAL = " of real pictures"
"""Suffix of details: the same shares as the detail without it, of real pictures."""


@dataclass(frozen=True)
class Protocol:
    """All that a figure depends on besides the pictures."""

    data: str
    """Name of the data set."""
    fingerprint: str
    """Of its pictures, captions, splits and size."""
    size: int
    """Side of the pictures that are compared, in pixels."""
    pictures: int
    """How many held-out requests are drawn, one picture each; of stories, all their frames."""
    reference: int
    """Real training pictures that distributions are compared with."""
    prompts: int
    """Requests that are drawn several times, to measure how much the drawings differ."""
    seeds: int
    """How often each of these is drawn."""
    seed: int
    """Picture i is drawn with seed + i."""
    judge: str
    """SHA-256 of the judge's weights, its first 12 digits."""
    split: str = "test"
    version: int = VERSION
    stories: int = 0
    """How many held-out stories are drawn; 0 where single pictures are. The two share no table."""
    second: str = ""
    """The second judge, likewise; empty where there is none."""
    kind: str = "pictures"
    """What is measured: pictures (those of stories, too), layouts or sentences."""
    sentences: str = ""
    """SHA-256, likewise, of the held-out sentences that texts are compared with, cut as the artist cuts them."""


@dataclass(frozen=True)
class Figure:
    """One number, and what it is to be compared with."""

    value: float
    real: float | None = None
    """The same of real held-out pictures: what a perfect system would get."""
    floor: float | None = None
    """The same where pictures and requests are shuffled: the value for ignoring the request."""
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % confidence interval, for shares."""
    better: int = 1
    """1 where more is better, -1 where less is, 0 where neither."""
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What `limner.evaluation.evaluate` measures of one artist."""

    artist: str
    system: str
    protocol: Protocol
    figures: Mapping[str, Figure]
    details: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Figures in parts, such as the accuracy of each attribute."""
    trained: Mapping[str, Any] = field(default_factory=dict)
    """What the checkpoint records of its training."""
    flags: Sequence[str] = ()
    """Warnings to the reader: samples too small, an inaccurate judge."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Report:
        """Return the report that `to_json` wrote; what a results file adds to it is left out."""
        known = {name: body[name] for name in ("artist", "system", "details", "trained", "flags") if name in body}
        figures = {name: Figure(**figure) for name, figure in body["figures"].items()}
        return cls(protocol=Protocol(**body["protocol"]), figures=figures, **known)

    def markdown(self) -> str:
        """Return the figures as a table: value, interval, real pictures, floor."""
        lines = [f"| figure | value | 95 % | {REAL[self.protocol.kind]} | shuffled |", "|---|---:|---:|---:|---:|"]
        for name, figure in self.figures.items():
            arrow = {1: " ↑", -1: " ↓"}.get(figure.better, "")
            between = "" if figure.low is None or figure.high is None else f"{_short(figure.low)}-{_short(figure.high)}"
            cells = [_short(figure.value), between, _short(figure.real), _short(figure.floor)]
            lines.append(f"| {name}{arrow} | " + " | ".join(cells) + " |")
        return "\n".join([*lines, *(f"\n{flag}" for flag in self.flags)])

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows."""
        return f"{self.artist}, a {self.system}, on {self.protocol.data}:\n\n{self.markdown()}"

    def breakdown(self) -> str:
        """Return the details as tables: each share of the drawings, and of real pictures where it is known."""
        tables = []
        for name, shares in self.details.items():
            if name.endswith(OF_REAL):
                continue
            real = self.details.get(name + OF_REAL, {})
            lines = [f"| {name} | value | real pictures |", "|---|---:|---:|"]
            lines += [f"| {part} | {_short(share)} | {_short(real.get(part))} |" for part, share in shares.items()]
            tables.append("\n".join(lines))
        return "\n\n".join(tables)


def together(reports: Sequence[Report]) -> Protocol:
    """Return the protocol that all reports share.

    Raises:
        UserError: naming what differs; such figures cannot stand in one table.
    """
    kinds = {report.protocol.kind: report.artist for report in reports}
    if len(kinds) > 1:
        named = " and ".join(f"{kind} ({artist})" for kind, artist in kinds.items())
        raise UserError(f"{named} are measured by figures of their own and share no table: give each kind its own")
    first = asdict(reports[0].protocol)
    for report in reports[1:]:
        for name, value in asdict(report.protocol).items():
            if value != first[name]:
                raise UserError(
                    f"{reports[0].artist} and {report.artist} were measured by different protocols "
                    f"({name}: {first[name]} and {value}) and cannot stand in one table: measure them again alike"
                )
    return reports[0].protocol


def side_by_side(rows: Mapping[str, Sequence[Report]], figures: Sequence[str] = ()) -> str:
    """Return a Markdown table with a row a system: mean of its reports (one a seed), with their deviation.

    Args:
        rows: reports by what the row is called.
        figures: which, in order; all that any report has where none is named.

    Raises:
        UserError: where protocols differ.
    """
    every = [report for reports in rows.values() for report in reports]
    together(every)
    names = list(figures) or list(dict.fromkeys(name for report in every for name in report.figures))
    arrows = {name: figure.better for report in every for name, figure in report.figures.items()}
    heads = [name + {1: " ↑", -1: " ↓"}.get(arrows.get(name, 0), "") for name in names]
    lines = ["| | seeds | " + " | ".join(heads) + " |", "|---|---:|" + "---:|" * len(names)]
    for called, reports in rows.items():
        cells = []
        for name in names:
            values = [report.figures[name].value for report in reports if name in report.figures]
            cells.append(_spread(values))
        lines.append(f"| {called} | {len(reports)} | " + " | ".join(cells) + " |")
    real = [next((r.figures[n].real for r in every if n in r.figures), None) for n in names]
    if any(value is not None for value in real):
        lines.append(f"| *{REAL[every[0].protocol.kind]}* | | " + " | ".join(_short(value) for value in real) + " |")
    return "\n".join(lines)


def read(path: Path) -> list[Report]:
    """Read the reports of a results file, one line each.

    Raises:
        UserError: where a line is not a report.
    """
    reports = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            reports.append(Report.from_json(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{path}, line {number}: this is not a report of `limner eval`") from None
    return reports


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = _short(statistics.fmean(values))
    return f"{middle} ± {_short(statistics.stdev(values))}" if len(values) > 1 else middle


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
