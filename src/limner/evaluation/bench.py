"""Train and measure many systems on the same data, budget and seeds: the side-by-side table the literature never had.

bench.json       what was asked, so that the same command goes on where it was stopped
runs/ROW-sSEED/  each training, an ordinary run folder
results.jsonl    a report for each, as soon as it is measured
table.md         mean and deviation over seeds
sheet.png        the first held-out requests: real pictures, then a row a system; of stories a column a system
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from limner import catalogue, checkpoint, settings
from limner.data.dataset import Dataset
from limner.drawing.artist import load
from limner.drawing.resolve import find
from limner.errors import UserError
from limner.evaluation.evaluate import draw, evaluate
from limner.evaluation.protocol import Exam, resized
from limner.evaluation.report import Protocol, Report, read, side_by_side
from limner.evaluation.stories import strips
from limner.files import make_folder, sha256, write_file
from limner.imaging.sheets import sheet, to_pil
from limner.requests import Request, Story
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer

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
    "re-described",
    "re-described, BLEU-4",
    "fid",
    "recall",
    "diversity, judge",
    "memorised",
    "million parameters",
)
"""Figures of the table, as their names begin; the others are in results.jsonl."""
OF_STORIES = (
    "attributes",
    "objects",
    "whole stories",
    "nothing added",
    "appear",
    "keep colour",
    "keep all",
    "F1 of yes",
    "SSIM",
    "fid",
    "recall",
    "diversity, judge",
    "memorised",
)
"""The same where rows draw stories."""


@dataclass(frozen=True)
class Entry:
    """One row of the table: SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,name=value."""

    spec: str
    cls: type[System]
    config: Any

    @property
    def takes(self) -> type[Request]:
        """What it draws from."""
        return self.cls.request_type(self.config)

    @classmethod
    def read(cls, spec: str, budget: Mapping[str, int]) -> Entry:
        """Read what a person wrote; `budget` (images=..., text_images=...) holds unless the row says otherwise.

        Where no preset is written, it is the one that the system names.

        Raises:
            UserError: for what is no such row, an unknown system, preset or option.
        """
        name, _, rest = spec.partition(":")
        preset, _, changes = rest.partition(":")
        if not name or "=" in preset:
            raise UserError(f"{spec!r} is no row: write SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,name=value")
        found = catalogue.load_class(name)
        pairs = settings.pairs(_split(changes) if changes else [])
        wanted = {name: str(count) for name, count in budget.items()} | pairs
        return cls(spec, found, catalogue.configure(found, catalogue.preset_of(found, preset), wanted))


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
        kinds = {issubclass(entry.takes, Story) for entry in self.entries}
        if len(kinds) > 1:
            raise UserError(
                "rows that draw stories and rows that draw single pictures share no table: bench them apart"
            )
        self.exam = self.exam.of(self.entries[0].takes)
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
            "protocol": asdict(self.exam.protocol),
        }  # fmt: skip
        path = self.folder / "bench.json"
        if path.exists():
            before = json.loads(path.read_text())["asked"]
            before["protocol"] = asdict(Protocol(**before["protocol"]))  # an older one may lack what is 0 in it
            if before != json.loads(json.dumps(asked)):
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
            name = f"{name[:LONGEST]}-{sha256(entry.spec.encode())[:8]}"
        return self.folder / "runs" / f"{name}-s{seed}"

    def _train(self, entry: Entry, seed: int) -> tuple[Path, float]:
        """Train, or go on; return the run's folder and the seconds it took now."""
        data = self._open(entry.cls.data_size(entry.config))
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
        table = side_by_side(rows, columns([row[0] for row in rows.values()]))
        if self.exam.ranks.leads:
            write_file(self.folder / "table.md", table.encode() + b"\n")
        self._sheet()
        return table

    def _sheet(self) -> None:
        """Draw the first held-out requests by each row's first seed, beside the real pictures."""
        size, shown = self.exam.data.schema.size, min(SHOWN, self.exam.requests)
        pictures = [strips(self.exam.real, self.exam)[:shown]]
        for entry in self.entries:
            system = checkpoint.open(find(self._place(entry, 0)))
            drawn = draw(system, self._shown(entry, shown), range(shown), self.exam.ranks).flatten(0, -4)
            pictures.append(strips(resized(drawn, size), self.exam))
        if not self.exam.ranks.leads:
            return
        if not self.exam.stories:
            sheet(to_pil(torch.cat(pictures).flatten(0, 1)), shown).save(self.folder / "sheet.png")
            return
        told = [" / ".join(story.lines) for story in self._shown(self.entries[0], shown) if isinstance(story, Story)]
        captions = [text for lines in told for text in (lines, *(_words(entry.spec) for entry in self.entries))]
        across = to_pil(torch.stack(pictures, dim=1).flatten(0, 1))  # each story by all rows, and the next
        sheet(across, len(pictures), captions).save(self.folder / "sheet.png")

    def _shown(self, entry: Entry, count: int) -> list[Request]:
        return self.exam.data.requests(entry.takes, count, "test")


def _words(spec: str) -> str:
    """Part a row's name at its signs, so that it may be wrapped."""
    return re.sub(r"(?<=[:,])", " ", spec).strip()


def columns(reports: Sequence[Report]) -> list[str]:
    """Return the names of the figures that a table of such reports shows: those that any of them has."""
    wanted = OF_STORIES if reports[0].protocol.stories else COLUMNS
    names = list(dict.fromkeys(name for report in reports for name in report.figures))
    return [name for begin in wanted for name in names if name == begin or name.startswith(begin + "[")]
