"""Train and measure many systems on the same data, budget and seeds: the side-by-side table the literature never had.

bench.json       rows, settings and protocol, so that the same command resumes a bench that was stopped
runs/ROW-sSEED/  the run folder of each training
results.jsonl    a report of each, as soon as it is measured
table.md         mean and deviation over seeds
sheet.png        the first held-out requests: real pictures, then a row a system; of stories a column a system; layouts
                 are drawn as boxes, sentences as cards
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
from limner.evaluation.draw import draw
from limner.evaluation.exam import Exam, common_kind, measure
from limner.evaluation.protocol import HeldOut, resized
from limner.evaluation.report import Protocol, Report, read, side_by_side
from limner.evaluation.stories import strips
from limner.files import make_folder, sha256, write_file
from limner.imaging.answers import pictures
from limner.imaging.sheets import sheet, to_pil
from limner.requests import Request, Takes, kinds_of
from limner.system import sample_drafts
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer

if TYPE_CHECKING:
    from limner.system import System

LONGEST = 150
"""Characters of a folder's name: file systems allow 255."""
ON_SHEET = 10
"""Requests on the sheet."""
COLUMNS = (
    "attributes",
    "all asked",
    "attribute cosine",
    "answered",
    "objects",
    "nothing added",
    "place IoU",
    "key points",
    "R-precision",
    "R-precision, own",
    "re-described",
    "re-described, BLEU-4",
    "fid",
    "recall",
    "diversity, judge",
    "diversity within captions, judge",
    "identity",
    "edits obeyed",
    "change outside",
    "structure kept",
    "rewording",
    "high-frequency power",
    "memorised",
    "posterior error",
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
    "high-frequency power",
    "memorised",
)
"""The same for rows that draw stories."""
OF_LAYOUTS = ("count nats", "box nats", "counts within 1", "IoU", "rule violations", "odd layouts, AUC")
"""For rows that draw layouts."""
OF_SENTENCES = (
    *(f"JSD-{n}[words]" for n in (1, 2, 3, 4)),
    "JSD-4[letters]",
    *(f"BLEU-{n}" for n in (2, 3, 4)),
    "self-BLEU-4",
    "novel",
    "grammatical",
)
"""For rows that write."""
WANTED = {"pictures": COLUMNS, "layouts": OF_LAYOUTS, "sentences": OF_SENTENCES}


@dataclass(frozen=True)
class Entry:
    """One row of the table: SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,name=value."""

    spec: str
    cls: type[System]
    config: Any

    @property
    def takes(self) -> Takes:
        """The kind of request it draws, or several."""
        return self.cls.request_type(self.config)

    @classmethod
    def read(cls, spec: str, budget: Mapping[str, int]) -> Entry:
        """Parse a row of the command line; `budget` (images=..., text_images=...) holds unless the row overrides it.

        Where no preset is written, it is the one that the system names.

        Raises:
            UserError: where it is not such a row, or its system, preset or option is unknown.
        """
        name, preset, pairs = catalogue.parted(spec)
        found = catalogue.load_class(name)
        wanted = {name: str(count) for name, count in budget.items()} | pairs
        return cls(spec, found, catalogue.configure(found, catalogue.preset_of(found, preset), wanted))


@dataclass
class Bench:
    """Rows and seeds to train and measure, and the folder of the results."""

    folder: Path
    entries: Sequence[Entry]
    held_out: Exam
    data: str
    seeds: int = 1
    start: str | None = None
    """A checkpoint whose weights every row starts with."""
    parts: Sequence[str] = ()
    """Modules to take from it; all where empty."""
    precision: str = "auto"
    command: str = ""
    say: Callable[[str], None] = print
    provenance: dict[str, Any] = field(default_factory=dict)
    """Written with every report: commit, versions."""
    _opened: dict[int, Dataset] = field(default_factory=dict, repr=False)

    def run(self) -> str:
        """Train and measure all rows that have no result yet; return the table.

        Raises:
            UserError: where the folder holds another bench, or a row cannot be trained on this data.
            KeyboardInterrupt: where a person stopped it; the same command resumes it.
        """
        common_kind({entry.spec: entry.cls.gives for entry in self.entries})
        kinds = {kinds_of(entry.takes)[0].several for entry in self.entries}
        if len(kinds) > 1:
            raise UserError(
                "rows that draw stories and rows that draw single pictures share no table: give each its own bench"
            )
        self.held_out = self.held_out.of(self.entries[0].takes)
        self.held_out.processes.lead(self._claim)
        for number, (entry, seed) in enumerate(self._jobs()):
            if (entry.spec, seed) in self._done():
                continue
            if self.held_out.processes.leads:
                self.say(f"{number + 1} of {len(self.entries) * self.seeds}: {entry.spec}, seed {seed}")
            folder, seconds = self._train(entry, seed)
            report = measure(load(folder), self.held_out)
            if self.held_out.processes.leads:
                self._note(entry, seed, report, seconds)
            self.held_out.processes.wait()
        return self._conclude()

    def _jobs(self) -> Iterator[tuple[Entry, int]]:
        """Yield all rows for one seed before the next, so that a stopped bench has measured all rows equally often."""
        for seed in range(self.seeds):
            for entry in self.entries:
                yield entry, seed

    def _claim(self) -> None:
        settled = {
            "rows": [entry.spec for entry in self.entries],
            "configs": [settings.to_json(entry.config) for entry in self.entries],
            "seeds": self.seeds, "from": self.start, "parts": list(self.parts), "precision": self.precision,
            "protocol": asdict(self.held_out.protocol),
        }  # fmt: skip
        path = self.folder / "bench.json"
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))["asked"]
            before["protocol"] = asdict(Protocol(**before["protocol"]))  # an older one may lack fields that are 0 in it
            if before != json.loads(json.dumps(settled)):
                raise UserError(f"{self.folder} holds another bench: choose another folder, or give its own command")
            return
        make_folder(self.folder)
        write_file(path, json.dumps({"asked": settled, "command": self.command}, indent=1).encode() + b"\n")

    def _done(self) -> dict[tuple[str, int], Report]:
        if not self._results.exists():
            return {}
        lines = [json.loads(line) for line in self._results.read_text(encoding="utf-8").splitlines()]
        return dict(zip([(line["row"], line["seed"]) for line in lines], read(self._results), strict=True))

    @property
    def _results(self) -> Path:
        return self.folder / "results.jsonl"

    def place(self, entry: Entry, seed: int) -> Path:
        """Return the run folder of a row and a seed."""
        name = re.sub(r"[^\w.=-]+", "-", entry.spec)
        if len(name) > LONGEST:
            name = f"{name[:LONGEST]}-{sha256(entry.spec.encode())[:8]}"
        return self.folder / "runs" / f"{name}-s{seed}"

    def _train(self, entry: Entry, seed: int) -> tuple[Path, float]:
        """Train, or resume a training; return its run folder and the seconds that this call took."""
        data = self._open(entry.cls.data_size(entry.config))
        torch.manual_seed(seed)
        system = catalogue.build(entry.cls, entry.config, data.schema)
        path, engine = self.place(entry, seed), Engine(self.precision)
        record = {
            "system": catalogue.name_of(entry.cls), "config": settings.to_json(entry.config), "data": self.data,
            "seed": seed, "from": self.start, "parts": list(self.parts), "precision": self.precision,
            "skip_bad": False, "fingerprint": data.fingerprint,
        }  # fmt: skip
        run = self.held_out.processes.lead(
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
            self._opened[size] = self.held_out.processes.in_turn(lambda: Dataset.open(self.data, size=size))
        return self._opened[size]

    def _note(self, entry: Entry, seed: int, report: Report, seconds: float) -> None:
        before = self._results.read_bytes() if self._results.exists() else b""
        more = {"row": entry.spec, "seed": seed, "config": settings.to_json(entry.config), "seconds": round(seconds, 1)}
        line = json.dumps(report.to_json() | more | {"command": self.command} | self.provenance, ensure_ascii=False)
        write_file(self._results, before + line.encode() + b"\n")

    def _conclude(self) -> str:
        done = self._done()
        rows = {entry.spec: [done[entry.spec, seed] for seed in range(self.seeds)] for entry in self.entries}
        table = side_by_side(rows, columns([row[0] for row in rows.values()]))
        if self.held_out.processes.leads:
            write_file(self.folder / "table.md", table.encode() + b"\n")
        self._sheet()
        return table

    def _sheet(self) -> None:
        """Draw the first held-out requests by each row's first seed, beside the real answers."""
        count = min(ON_SHEET, self.held_out.requests)
        if isinstance(self.held_out, HeldOut):
            return self._sheet_of_pictures(self.held_out, count)
        answers = self.held_out.real_answers(count)
        for entry in self.entries:
            system = checkpoint.open(find(self.place(entry, 0)))
            *_, final = sample_drafts(system, self._requests(system, count), range(count))
            answers += pictures(final, system.schema)
        if self.held_out.processes.leads:
            sheet(answers, count).save(self.folder / "sheet.png")

    def _sheet_of_pictures(self, held_out: HeldOut, count: int) -> None:
        """Draw pictures or stories."""
        rows = [strips(held_out.real, held_out)[:count]]
        for entry in self.entries:
            system = checkpoint.open(find(self.place(entry, 0)))
            drawn = draw(system, self._requests(system, count), range(count), held_out.processes).flatten(0, -4)
            rows.append(strips(resized(drawn, held_out.data.schema.size), held_out))
        if not held_out.processes.leads:
            return
        if not held_out.stories:
            sheet(to_pil(torch.cat(rows).flatten(0, 1)), count).save(self.folder / "sheet.png")
            return
        stories = held_out.data.requests(self.entries[0].takes, count, "test")
        texts = [" / ".join(story.captions()) for story in stories]
        captions = [text for story in texts for text in (story, *(_words(entry.spec) for entry in self.entries))]
        across = to_pil(torch.stack(rows, dim=1).flatten(0, 1))  # story by story, each drawn by all rows
        sheet(across, len(rows), captions).save(self.folder / "sheet.png")

    def _requests(self, system: System, count: int) -> list[Request]:
        return self.held_out.data.requests(system.takes, count, "test", most_things=system.most_things)


def _words(spec: str) -> str:
    """Put spaces after the colons and commas of a row, so that it may be wrapped."""
    return re.sub(r"(?<=[:,])", " ", spec).strip()


def columns(reports: Sequence[Report]) -> list[str]:
    """Return the names of the figures that a table of such reports shows: those that any of them has."""
    protocol = reports[0].protocol
    wanted = OF_STORIES if protocol.stories else WANTED[protocol.kind]
    names = list(dict.fromkeys(name for report in reports for name in report.figures))
    return [name for begin in wanted for name in names if name == begin or name.startswith(begin + "[")]
