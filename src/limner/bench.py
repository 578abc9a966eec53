"""Train and measure many systems on the same data, budget and seeds: the side-by-side table the literature never had.

bench.json       what was asked, so that the same command goes on where it was stopped
runs/ROW-sSEED/  each training, an ordinary run folder
results.jsonl    a report for each, as soon as it is measured
table.md         mean and deviation over seeds
sheet.png        the first held-out requests: real pictures, then a row a system
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from limner import catalogue, checkpoint, settings
from limner.artist import load
from limner.checkpoint import make_folder, write_file
from limner.data.dataset import Dataset
from limner.engine import Engine
from limner.errors import UserError
from limner.evaluate import Exam, draw, evaluate, resized
from limner.places import find
from limner.report import Report, read, side_by_side
from limner.runs import RunFolder
from limner.sheet import sheet, to_pil
from limner.train import Trainer

if TYPE_CHECKING:
    from limner.system import System

LONGEST = 150
"""Letters of a folder's name: file systems allow 255."""
SHOWN = 10
"""Requests on the sheet."""
COLUMNS = (
    "attributes",
    "all asked",
    "R-precision",
    "R-precision, own",
    "fid",
    "recall",
    "diversity, judge",
    "memorised",
)
"""Figures of the table, as their names begin; the others are in results.jsonl."""


@dataclass(frozen=True)
class Entry:
    """One row of the table: SYSTEM:PRESET or SYSTEM:PRESET:name=value,name=value."""

    spec: str
    cls: type[System]
    config: Any

    @classmethod
    def read(cls, spec: str, budget: Mapping[str, int]) -> Entry:
        """Read what a person wrote; `budget` (images=..., text_images=...) holds unless the row says otherwise.

        Raises:
            UserError: for what is no such row, an unknown system, preset or option.
        """
        name, _, rest = spec.partition(":")
        preset, _, changes = rest.partition(":")
        if not preset:
            raise UserError(f"{spec!r} is no row: write SYSTEM:PRESET or SYSTEM:PRESET:name=value,name=value")
        found = catalogue.load_class(name)
        pairs = settings.pairs(_split(changes) if changes else [])
        wanted = {name: str(count) for name, count in budget.items()} | pairs
        return cls(spec, found, catalogue.configure(found, preset, wanted))


def _split(text: str) -> list[str]:
    """Split at the commas that a new name follows, so that values may hold commas."""
    return re.split(r",(?=\w+=)", text)


@dataclass
class Bench:
    """Rows, budget and seeds, and where all of it goes."""

    folder: Path
    entries: Sequence[Entry]
    exam: Exam
    data: str
    seeds: int = 1
    start: str | None = None
    """A checkpoint to begin with, for rows of its system."""
    parts: Sequence[str] = ()
    """Modules to take from it."""
    precision: str = "auto"
    command: str = ""
    say: Callable[[str], None] = print
    facts: dict[str, Any] = field(default_factory=dict)
    """Written beside every report: commit, versions."""
    _opened: dict[int, Dataset] = field(default_factory=dict, repr=False)

    def run(self) -> str:
        """Do what is not done yet; return the table.

        Raises:
            UserError: where the folder holds another bench, or a row cannot be trained on this data.
            KeyboardInterrupt: where a person stopped it; the same command goes on.
        """
        self.exam.ranks.lead(self._claim)
        for number, (entry, seed) in enumerate(self._jobs()):
            if (entry.spec, seed) in self._done():
                continue
            if self.exam.ranks.leads:
                self.say(f"{number + 1} of {len(self.entries) * self.seeds}: {entry.spec}, seed {seed}")
            folder, seconds = self._train(entry, seed)
            report = evaluate(load(folder), self.exam)
            if self.exam.ranks.leads:
                self._note(entry, seed, report, seconds)
            self.exam.ranks.wait()
        return self._conclude()

    def _jobs(self) -> Iterator[tuple[Entry, int]]:
        """Seed by seed, so that a bench that is stopped has seen every row as often as it could."""
        for seed in range(self.seeds):
            for entry in self.entries:
                yield entry, seed

    def _claim(self) -> None:
        asked = {
            "rows": [entry.spec for entry in self.entries],
            "configs": [settings.to_json(entry.config) for entry in self.entries],
            "seeds": self.seeds, "from": self.start, "parts": list(self.parts), "precision": self.precision,
            "protocol": self.exam.protocol.__dict__,
        }  # fmt: skip
        path = self.folder / "bench.json"
        if path.exists():
            if json.loads(path.read_text())["asked"] != json.loads(json.dumps(asked)):
                raise UserError(f"{self.folder} holds another bench: choose another folder, or give its own command")
            return
        make_folder(self.folder)
        write_file(path, json.dumps({"asked": asked, "command": self.command}, indent=1).encode() + b"\n")

    def _done(self) -> dict[tuple[str, int], Report]:
        if not self._results.exists():
            return {}
        lines = [json.loads(line) for line in self._results.read_text().splitlines()]
        return dict(zip([(line["row"], line["seed"]) for line in lines], read(self._results), strict=True))

    @property
    def _results(self) -> Path:
        return self.folder / "results.jsonl"

    def _place(self, entry: Entry, seed: int) -> Path:
        name = re.sub(r"[^\w.=-]+", "-", entry.spec)
        if len(name) > LONGEST:
            name = f"{name[:LONGEST]}-{checkpoint.sha256(entry.spec.encode())[:8]}"
        return self.folder / "runs" / f"{name}-s{seed}"

    def _train(self, entry: Entry, seed: int) -> tuple[Path, float]:
        """Train, or go on; return the run's folder and the seconds it took now."""
        data = self._open(entry.cls.reads(entry.config))
        torch.manual_seed(seed)
        system = catalogue.build(entry.cls, entry.config, data.schema)
        path, engine = self._place(entry, seed), Engine(self.precision)
        record = {
            "system": catalogue.name_of(entry.cls), "config": settings.to_json(entry.config), "data": self.data,
            "seed": seed, "from": self.start, "parts": list(self.parts), "precision": self.precision,
            "skip_bad": False, "fingerprint": data.fingerprint,
        }  # fmt: skip
        run = self.exam.ranks.lead(
            lambda: RunFolder.open(path) if (path / "run.json").exists() else RunFolder.create(path, **record)
        )
        trainer = Trainer(system, data, run, seed=seed, engine=engine, grid_every=0)
        began = time.perf_counter()
        if run.checkpoints():
            trainer.resume()
        else:
            if self.start is not None:
                checkpoint.adopt(system, find(self.start), self.parts)
            trainer.fit()
        if not trainer.finished:
            raise KeyboardInterrupt
        return path, time.perf_counter() - began

    def _open(self, size: int) -> Dataset:
        if size not in self._opened:
            self._opened[size] = self.exam.ranks.in_turn(lambda: Dataset.open(self.data, size=size))
        return self._opened[size]

    def _note(self, entry: Entry, seed: int, report: Report, seconds: float) -> None:
        before = self._results.read_bytes() if self._results.exists() else b""
        more = {"row": entry.spec, "seed": seed, "config": settings.to_json(entry.config), "seconds": round(seconds, 1)}
        line = json.dumps(report.to_json() | more | {"command": self.command} | self.facts, ensure_ascii=False)
        write_file(self._results, before + line.encode() + b"\n")

    def _conclude(self) -> str:
        done = self._done()
        rows = {entry.spec: [done[entry.spec, seed] for seed in range(self.seeds)] for entry in self.entries}
        table = side_by_side(rows, columns(next(iter(rows.values()))[0]))
        if self.exam.ranks.leads:
            write_file(self.folder / "table.md", table.encode() + b"\n")
        self._sheet()
        return table

    def _sheet(self) -> None:
        """Draw the first held-out requests by each row's first seed, below the real pictures."""
        size, shown = self.exam.data.schema.size, min(SHOWN, self.exam.pictures)
        pictures = [self.exam.real[:shown]]
        for entry in self.entries:
            system = checkpoint.open(find(self._place(entry, 0)))
            requests = self.exam.data.requests(system.takes, shown, "test")
            pictures.append(resized(draw(system, requests, range(shown), self.exam.ranks), size))
        if self.exam.ranks.leads:
            sheet(to_pil(torch.cat(pictures)), shown).save(self.folder / "sheet.png")


def columns(report: Report) -> list[str]:
    """Return the names of the figures that a table shows."""
    return [name for begin in COLUMNS for name in report.figures if name == begin or name.startswith(begin + "[")]
