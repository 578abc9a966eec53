"""Finds everything that is wrong with a data set, with file and line."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from limner.data.annotations import Annotations, picture_problem, read_annotations
from limner.data.cache import Progress, location
from limner.data.folder import files_in
from limner.data.pictures import BadPicture, Encoded, digest, load, read
from limner.data.problems import Problem, box_fault
from limner.data.source import Source, open_source

__all__ = ["Problem", "check"]

_CHUNK = 256


def check(name: str | Path, *, cache: str | Path | None = None, progress: Progress | None = None) -> list[Problem]:
    """Read every row of every split of a data set and return all problems, in the order of file and line.

    Each picture is decoded in full. Found are: pictures that are missing, unreadable, too large, outside the folder,
    named twice or the same as another to the byte; captions that are missing, empty or not text; wrong attributes
    and boxes; lines that cannot be read; frames of stories that are missing, repeated or not a number; and, as notes,
    pictures that no line names or that several stories share, and stories whose rows lie scattered.

    Raises:
        UserError: there is no data set, or nothing in it to check.
    """
    source = open_source(name, split=None, root=location(cache))
    annotations = read_annotations(source)
    problems = [
        *source.problems,
        *annotations.problems(source),
        *_pictures(source, annotations, progress),
        *_unreferenced(source),
    ]
    problems += annotations.stories.notes(source) if annotations.stories else []
    if annotations.texts is None and len(source.table):
        message = "no picture has a caption: only unconditional systems can learn from this"
        problems.append(Problem(source.name, 0, "missing caption", message))
    return sorted(problems, key=lambda problem: (problem.file, problem.line))


def _pictures(source: Source, annotations: Annotations, progress: Progress | None) -> Iterator[Problem]:
    """Judge every picture, and every box by the size of its picture."""
    count = len(source.table)
    first: dict[int, int] = {}
    shared: list[int] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `load` judges size by its own limit
        for start in range(0, count, _CHUNK):
            stop = min(start + _CHUNK, count)
            boxes = _boxes(source, start, stop)
            judged = pool.map(_judge, source.encoded(start, stop))
            for row, (content, size, error), found in zip(range(start, stop), judged, boxes, strict=True):
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
                    yield from _wrong_boxes(source, row, found, size)
            if progress:
                progress(stop, count)
    if shared:
        message = f"the first of {len(shared)} pictures that are also in an earlier story, byte for byte"
        yield Problem(*source.origin(shared[0]), "shared picture", message)


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


def _boxes(source: Source, start: int, stop: int) -> Sequence[Any]:
    if "boxes" not in source.table.column_names:
        return [None] * (stop - start)
    return source.table.select_columns(["boxes"])[start:stop]["boxes"]


def _wrong_boxes(source: Source, row: int, boxes: Any, size: tuple[int, int]) -> Iterator[Problem]:
    for one in boxes or ():
        box = one.get("box") if isinstance(one, dict) else one
        if (fault := box_fault(box, *size)) is not None:
            label = f" ({one['label']})" if isinstance(one, dict) and one.get("label") else ""
            yield Problem(*source.origin(row), "wrong box", fault + label)


def _unreferenced(source: Source) -> Iterator[Problem]:
    if source.rows is None or source.root is None:
        return
    named = {row.path for row in source.rows} | set(source.unusable)
    for path in files_in(source.root):
        if path not in named:
            yield Problem(str(path), 0, "unreferenced", "no line of the metadata names this picture")
