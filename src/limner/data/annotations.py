"""What a source says of its pictures, read once and kept small."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.data.columns import Texts, attribute_columns, numbered, texts
from limner.data.problems import TEXT_NAMES, Problem
from limner.data.source import Source
from limner.data.story_index import Tales, tales_of

_TEXT = ("string", "large_string")


@dataclass(frozen=True, eq=False)
class Facts:
    """What is said of the pictures, for every row of the source."""

    texts: Texts | None
    labels: np.ndarray
    label_names: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]]
    numbers: np.ndarray
    """int16 (N, A)."""
    tales: Tales | None

    @property
    def story(self) -> int:
        """How many pictures a story has, 1 where there are no stories."""
        return self.tales.length if self.tales else 1

    @functools.cached_property
    def _faults(self) -> tuple[np.ndarray, np.ndarray]:
        none = np.zeros(len(self.labels), dtype=bool)
        return self.texts.faults() if self.texts else (none, none)

    @property
    def bad(self) -> np.ndarray:
        """Rows that cannot be used: for their captions, or for the story that they are in."""
        missing, empty = self._faults
        silent = np.flatnonzero(missing | empty)
        return self.with_stories(np.union1d(silent, self.tales.bad) if self.tales else silent)

    def with_stories(self, rows: np.ndarray) -> np.ndarray:
        """Return `rows` and the other rows of their stories, sorted: a story without one of its pictures is none."""
        return self.tales.whole(rows) if self.tales else rows

    def problems(self, source: Source) -> list[Problem]:
        """Say what is wrong with the captions and the stories of `bad`."""
        missing, empty = self._faults
        words = {True: ("missing caption", "the caption is missing"), False: ("empty caption", "the caption is empty")}
        silent = np.flatnonzero(missing | empty)
        found = [Problem(*source.place(int(row)), *words[bool(missing[row])]) for row in silent]
        return [*found, *(self.tales.problems(source) if self.tales else ())]


def facts_of(source: Source) -> Facts:
    """Read everything but the pictures.

    Raises:
        UserError: captions are no text, or stories no names and numbers.
    """
    columns = _plain_columns(source)
    text = next((name for name in TEXT_NAMES if name in columns), None)
    labels = np.full(len(source.table), -1, dtype=np.int32)
    label_names: tuple[str, ...] = ()
    if "label" in columns:
        label_names, labels = numbered(columns["label"], _class_names(source.table.features["label"]))
    found = {name: numbered(column) for name, column in attribute_columns(columns).items()}
    found = {name: (values, numbers) for name, (values, numbers) in found.items() if values}
    numbers = [numbers.astype(np.int16) for _, numbers in found.values()]
    return Facts(
        texts(columns[text], text, source.name) if text else None,
        labels,
        label_names,
        {name: values for name, (values, _) in found.items()},
        np.stack(numbers, axis=1) if numbers else np.empty((len(labels), 0), dtype=np.int16),
        tales_of(columns, source),
    )


def _plain_columns(source: Source) -> dict[str, Any]:
    """Return the columns that are captions, labels, stories or may be attributes; heavy ones stay on disk."""
    names = [
        name
        for name, feature in source.table.features.items()
        if name in (*TEXT_NAMES, "label", "story", "frame", "attributes") or getattr(feature, "dtype", "") in _TEXT
    ]
    if not names:
        return {}
    table = source.table.select_columns(names).with_format("arrow")[:]
    return {name: table.column(name) for name in names}


def _class_names(feature: Any) -> tuple[str, ...] | None:
    names = getattr(feature, "names", None)
    return tuple(names) if names else None


def picture_problem(source: Source, row: int, kind: str, message: str) -> Problem:
    """Say what is wrong with the picture of a row."""
    if source.rows is not None:
        picture = source.rows[row].path.relative_to(Path(source.name)).as_posix()
        message = f"the picture {picture} {message}" if source.rows[row].line else message
    else:
        message = f"the picture {message}"
    return Problem(*source.place(row), kind, message)
