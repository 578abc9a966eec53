"""What was found in a data set and what was not read: `limner data check` tells it, and `limner train` at first."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.data.annotations import Annotations
from limner.data.problems import RESERVED, Problem
from limner.data.schema import words_of
from limner.data.source import Source
from limner.pictures import EXTENSIONS, BadPicture, size_of

LOOKED_AT = 1000
"""Pictures whose sizes are looked at, spread evenly."""
_FEW, _FEW_HELD_OUT = 500, 50
_NOT_DATA = ("readme", "license", "licence", "citation", "dataset_info", "import.json", "world.json", "drawing.json")
_CONVERT = frozenset(
    {
        ".heic",
        ".heif",
        ".jxl",
        ".psd",
        ".tga",
        ".pcx",
        ".svg",
        ".eps",
        ".exr",
        ".hdr",
        ".raw",
        ".cr2",
        ".nef",
        ".arw",
        ".dng",
        ".ico",
        ".jp2k",
    }
)
"""Suffixes of pictures that Limner does not read."""


@dataclass(frozen=True)
class Summary:
    """What was found in a data set, and what was not read."""

    name: str
    rows: Mapping[str, int]
    """Rows of each split that the set has."""
    used: Mapping[str, int]
    """Rows that are trained on and held out; none where nothing was divided."""
    captions: int
    words: int
    """Distinct ones."""
    longest: int
    """Words in the longest caption."""
    text: tuple[str, ...]
    """The columns that captions come from."""
    columns: tuple[str, ...]
    """All columns with a meaning, attributes included."""
    ignored: tuple[str, ...]
    """The other columns."""
    sides: tuple[int, int, int]
    """The shorter side of pictures in pixels: the least, the median, the most; zeros where there are none."""
    cropped: float
    """The share of a picture's area that is cut off, on average."""
    passed_over: Mapping[str, int]
    """Files of the folder that nothing reads, by their suffix."""
    left_out: Mapping[str, int]
    """Rows that cannot be used, by the kind of their problem."""
    advice: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines to print."""
        found = [f"rows: {_counts(self.rows) or 'none'}"]
        found += [f"used: {_counts(self.used)}"] if self.used else []
        if self.captions:
            where = f", from {', '.join(self.text)}" if self.text not in ((), ("text",)) else ""
            found.append(
                f"captions: {self.captions:,}, of {self.words:,} distinct words and at most {self.longest} each{where}"
            )
        found += [f"columns: {', '.join(self.columns)}"] if self.columns else []
        found += [f"columns not used: {', '.join(self.ignored)}"] if self.ignored else []
        if self.sides[2]:
            least, median, most = self.sides
            sides = f"{least} pixels" if least == most else f"{least} to {most} pixels, most often about {median}"
            cut = f"; {self.cropped:.0%} of a picture is cut off on average" if self.cropped >= 0.005 else ""
            found.append(f"shorter sides: {sides}{cut}")
        found += [f"files passed over: {_counts(self.passed_over)}"] if self.passed_over else []
        found += [f"left out: {_counts(self.left_out)}"] if self.left_out else []
        return found + [f"advice: {one}" for one in self.advice]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def summarise(
    source: Source,
    annotations: Annotations,
    problems: Iterable[Problem],
    splits: Mapping[str, np.ndarray] | None = None,
    size: int = 0,
) -> Summary:
    """Look through a source.

    Args:
        source: the opened set.
        annotations: what was read of it.
        problems: what is wrong with it, of which errors count as left out.
        splits: rows that are trained on ("train") and held out ("test"), where they were divided.
        size: side in pixels at which pictures are read, 0 where that is not known.
    """
    rows = np.arange(len(source.table)) if splits is None else np.sort(np.concatenate(list(splits.values())))
    sizes = list(_sizes(source, rows)) if source.pictured else []
    shorter = sorted(map(min, sizes))
    sides = (shorter[0], int(statistics.median(shorter)), shorter[-1]) if shorter else (0, 0, 0)
    cropped = statistics.fmean(1 - min(one) / max(one) for one in sizes) if sizes else 0.0
    captions, words, longest = _captions(annotations, rows)
    known = [n for n in source.table.column_names if n in RESERVED or n in annotations.attributes]
    used = {} if splits is None else {"for training": len(splits["train"]), "held out": len(splits["test"])}
    left_out = Counter(problem.kind for problem in problems if problem.is_error)
    advice = _advice(source, len(rows), used, sides, cropped, size, captions)
    return Summary(
        source.name,
        dict(source.splits),
        used,
        captions,
        words,
        longest,
        source.text,
        tuple(dict.fromkeys([*known, *annotations.attributes])),
        tuple(name for name in source.table.column_names if name not in known),
        sides,
        cropped,
        dict(Counter(path.suffix.lower() or path.name for path in passed_over(source)).most_common()),
        dict(left_out.most_common()),
        advice,
    )


def _captions(annotations: Annotations, rows: np.ndarray) -> tuple[int, int, int]:
    """Return how many captions there are, how many distinct words, and the most words of one."""
    if annotations.texts is None:
        return 0, 0, 0
    known: set[str] = set()
    count = longest = 0
    for text in annotations.texts.each(rows):
        words = words_of(text or "")
        known.update(words)
        count, longest = count + 1, max(longest, len(words))
    return count, len(known), longest


def _sizes(source: Source, rows: np.ndarray) -> Iterator[tuple[int, int]]:
    for row in rows[:: -(-len(rows) // LOOKED_AT) or 1].tolist():
        try:
            yield size_of(source.encoded(row, row + 1)[0])
        except BadPicture:
            continue


def _advice(
    source: Source,
    rows: int,
    used: Mapping[str, int],
    sides: Sequence[int],
    cropped: float,
    size: int,
    captions: int,
) -> tuple[str, ...]:
    found = []
    if 0 < rows < _FEW:
        found.append(f"{rows} rows are few, and will be learnt by heart: gather more, or begin --from a trained artist")
    held_out = used.get("held out")
    if held_out is not None and held_out < _FEW_HELD_OUT:
        found.append(f"figures of {held_out} held-out rows say little: give a split test of some hundred")
    if unread := [name for name in source.splits if used and name in ("validation",) and len(source.splits) > 2]:
        found.append(f"the split {unread[0]} is not read, since there is test")
    if not captions and source.pictured:
        found.append("there are no captions, so only systems that are told nothing can learn from this")
    if cropped > 0.2:
        found.append("the middle square of a picture is kept: crop beforehand what does not lie in the middle")
    if size and sides[1] and sides[1] < size:
        found.append(f"most pictures are smaller than {size} pixels and are enlarged: choose a smaller size")
    return tuple(found)


def passed_over(source: Source) -> Iterator[Path]:
    """Yield the files of a folder that nothing reads, but for hidden ones and those about the set such as README.md."""
    if source.root is None or not Path(source.name).is_dir():
        return
    known = named_files(source) | set(source.read) | {Path(file) for file, _ in source.shards}
    saved = source.rows is None and not source.shards
    for folder, folders, files in os.walk(source.root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            about = name.startswith(".") or name.lower().startswith(_NOT_DATA)
            if not about and not saved and (path := Path(folder, name)) not in known:
                yield path


def named_files(source: Source) -> set[Path]:
    """Return the pictures and masks of a folder that its rows name, those that cannot be used among them."""
    named = {row.path for row in source.rows or ()} | set(source.unusable)
    if "masks" in source.table.column_names and source.rows is not None:
        for row, cell in source.each("masks"):
            ones = (one.get("mask") for one in (cell if isinstance(cell, list) else ()) if isinstance(one, dict))
            named |= {path for one in ones if isinstance(path := source.beside(row, one), Path)}
    return named


def passed_over_problems(source: Source) -> Iterator[Problem]:
    """Yield a note for each kind of file that nothing reads; pictures that no line names are told one by one."""
    first: dict[str, Path] = {}
    counts: Counter[str] = Counter()
    for path in passed_over(source):
        suffix = path.suffix.lower()
        if suffix in EXTENSIONS and source.rows is not None:
            yield Problem(str(path), 0, "unreferenced", "no line of the metadata names this picture")
            continue
        first.setdefault(suffix or path.name, path)
        counts[suffix or path.name] += 1
    for suffix, count in counts.most_common():
        advice = (
            ": convert them to PNG or JPEG, no such picture is read" if suffix in _CONVERT else ": nothing reads them"
        )
        shown = f"{count} files end in {suffix}" if count > 1 else f"a file ends in {suffix}"
        yield Problem(
            str(first[suffix]), 0, "passed over", f"{shown}, this one {'first' if count > 1 else 'alone'}{advice}"
        )
