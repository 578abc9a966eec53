"""Finds everything that is wrong with a data set, with file and line."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from limner.data import embeddings
from limner.data.annotations import Annotations, picture_problem, read_annotations
from limner.data.cache import Progress, location
from limner.data.choose import BY_NAME, Choice
from limner.data.problems import Problem, box_faults, point_faults, turn_fault
from limner.data.remote import open_set
from limner.data.source import Source
from limner.data.summary import Summary, passed_over_problems, summarise
from limner.pictures import BadPicture, Encoded, digest, load, mask, read

__all__ = ["Problem", "check", "examine"]

_CHUNK = 256


def check(
    name: str | Path,
    *,
    choice: Choice = BY_NAME,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Problem]:
    """Read every row of every split of a data set and return all problems, in the order of file and line.

    Each picture is decoded in full. Found are: pictures that are missing, unreadable, too large, outside the folder,
    named twice or the same as another to the byte; captions that are missing, empty or not text; wrong attributes,
    boxes, key points, masks, turns of dialogues and sentence vectors; lines that cannot be read; frames of stories that
    are missing, repeated or not a number; and, as notes, files that nothing reads, pictures that several stories share,
    masks in which nothing is, and stories whose rows lie scattered.

    Raises:
        UserError: there is no data set, or nothing in it to check.
    """
    return examine(name, choice=choice, cache=cache, progress=progress)[0]


def examine(
    name: str | Path,
    *,
    choice: Choice = BY_NAME,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[Problem], Summary]:
    """Return all problems of a data set, as `check` does, and a summary of what was found and what was not read.

    Raises:
        UserError: as `check`.
    """
    source = open_set(name, split=None, root=location(cache), choice=choice)
    annotations = read_annotations(source)
    problems = [
        *source.problems,
        *annotations.problems(source),
        *(_pictures(source, annotations, progress) if source.pictured else ()),
        *_turns(source),
        *embeddings.problems(source, annotations.texts),
        *passed_over_problems(source),
    ]
    problems += annotations.stories.notes(source) if annotations.stories else []
    if annotations.texts is None and len(source.table):
        columns = ", ".join(name for name in source.table.column_names if name != "image")
        there = f"; its columns are: {columns}: name one with --text-column" if columns else ""
        message = f"no picture has a caption: only unconditional systems can learn from this{there}"
        problems.append(Problem(source.name, 0, "missing caption", message))
    problems.sort(key=lambda problem: (problem.file, problem.line))
    return problems, summarise(source, annotations, problems)


def _pictures(source: Source, annotations: Annotations, progress: Progress | None) -> Iterator[Problem]:
    """Judge every picture, and its boxes, key points and masks by its size."""
    count, mask_notes = len(source.table), _MaskNotes()
    first: dict[int, int] = {}
    shared: list[int] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `load` judges size by its own limit
        for start in range(0, count, _CHUNK):
            stop = min(start + _CHUNK, count)
            placed = zip(*(_cells(source, name, start, stop) for name in ("boxes", "keypoints", "masks")), strict=True)
            judged = pool.map(_judge, source.encoded(start, stop))
            for row, (content, size, error), cells in zip(range(start, stop), judged, placed, strict=True):
                if error is not None:
                    yield picture_problem(source, row, error.kind, str(error))
                elif content in first and _in_two_stories(annotations, first[content], row):
                    shared.append(row)
                elif content in first:
                    file, line = source.origin(first[content])
                    twin = f"{file}:{line}" if line else file
                    yield picture_problem(source, row, "duplicate", f"is the same, byte for byte, as that of {twin}")
                else:
                    first[content] = row
                if error is None:
                    boxes, points, masks = cells
                    faults = [("wrong box", fault) for fault in box_faults(boxes, *size)]
                    faults += [("wrong point", fault) for fault in point_faults(points, annotations.points, *size)]
                    faults += [("wrong mask", fault) for fault in mask_notes.mask_faults(source, row, masks, size)]
                    yield from (Problem(*source.origin(row), *fault) for fault in faults)
            if progress:
                progress(stop, count)
    if shared:
        message = f"the first of {len(shared)} pictures that are also in an earlier story, byte for byte"
        yield Problem(*source.origin(shared[0]), "shared picture", message)
    yield from mask_notes.notes(source)


def _in_two_stories(annotations: Annotations, row: int, other: int) -> bool:
    if annotations.stories is None:
        return False
    one, two = annotations.stories.story_of[[row, other]]
    return bool(one >= 0 and two >= 0 and one != two)


def _judge(source: Encoded) -> tuple[int, tuple[int, int], BadPicture | None]:
    try:
        encoded = read(source)
        return digest(encoded), load(encoded).size, None
    except BadPicture as error:
        return 0, (0, 0), error


def _cells(source: Source, name: str, start: int, stop: int) -> Sequence[Any]:
    return source.cells(name, start, stop) if name in source.table.column_names else [None] * (stop - start)


@dataclass
class _MaskNotes:
    """What was seen of masks so far."""

    empty: list[int] = field(default_factory=list)
    """The row of each mask in which nothing is."""
    brightest: int = 0

    def mask_faults(self, source: Source, row: int, cell: Any, size: tuple[int, int]) -> Iterator[str]:
        """Say what is wrong with the masks of a row."""
        if not isinstance(cell, list | None):
            yield 'masks must be a list such as [{"label": "hat", "mask": "1-hat.png"}]'
            return
        for place, one in enumerate(cell or (), start=1):
            label = one.get("label") if isinstance(one, dict) else None
            if not isinstance(one, dict) or "mask" not in one or not label:
                yield f'the mask {place} must be such as {{"label": "hat", "mask": "1-hat.png"}}, with both'
                continue
            try:
                _, highest = mask(read(source.beside(row, one["mask"])), size).getextrema()
            except BadPicture as error:
                yield f"the mask {place} ({label}) {error}"
                continue
            self.brightest = max(self.brightest, int(highest))  # type: ignore[arg-type]
            self.empty += [] if highest else [row]

    def notes(self, source: Source) -> Iterator[Problem]:
        """Say what is odd about all masks together."""
        if self.empty:
            message = f"the first of {len(self.empty)} masks in which nothing is: what is hidden by other things?"
            yield Problem(*source.origin(self.empty[0]), "empty mask", message)
        if self.brightest == 1:
            message = "no mask has a value above 1: write 255 where the thing is, 0 where it is not"
            yield Problem(source.name, 0, "wrong mask", message)


def _turns(source: Source) -> Iterator[Problem]:
    if "dialogue" in source.table.column_names:
        for row, cell in source.each("dialogue"):
            if (fault := turn_fault(cell)) is not None:
                yield Problem(*source.origin(row), "wrong turn", fault)
