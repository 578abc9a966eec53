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
    story: int

    @functools.cached_property
    def _faults(self) -> tuple[np.ndarray, np.ndarray]:
        none = np.zeros(len(self.labels), dtype=bool)
        return self.texts.faults() if self.texts else (none, none)

    @property
    def bad(self) -> np.ndarray:
        """Rows whose captions cannot be used."""
        missing, empty = self._faults
        return np.flatnonzero(missing | empty)

    def problems(self, source: Source) -> list[Problem]:
        """Say what is wrong with the captions of `bad`."""
        missing, _ = self._faults
        words = {True: ("missing caption", "the caption is missing"), False: ("empty caption", "the caption is empty")}
        return [Problem(*source.place(int(row)), *words[bool(missing[row])]) for row in self.bad]


def facts_of(source: Source) -> Facts:
    """Read everything but the pictures.

    Raises:
        UserError: captions are no text.
    """
    columns = _plain_columns(source)
    text = next((name for name in TEXT_NAMES if name in columns), None)
    labels = np.full(len(source.table), -1, dtype=np.int32)
    label_names: tuple[str, ...] = ()
    story = 1
    if "label" in columns:
        label_names, labels = numbered(columns["label"], _class_names(source.table.features["label"]))
    if "story" in columns:
        _, stories = numbered(columns["story"])
        story = int(np.bincount(stories[stories >= 0]).max(initial=1))
    found = {name: numbered(column) for name, column in attribute_columns(columns).items()}
    found = {name: (values, numbers) for name, (values, numbers) in found.items() if values}
    numbers = [numbers.astype(np.int16) for _, numbers in found.values()]
    return Facts(
        texts(columns[text], text, source.name) if text else None,
        labels,
        label_names,
        {name: values for name, (values, _) in found.items()},
        np.stack(numbers, axis=1) if numbers else np.empty((len(labels), 0), dtype=np.int16),
        story,
    )


def _plain_columns(source: Source) -> dict[str, Any]:
    """Return the columns that are captions, labels, stories or may be attributes; heavy ones stay on disk."""
    names = [
        name
        for name, feature in source.table.features.items()
        if name in (*TEXT_NAMES, "label", "story", "attributes") or getattr(feature, "dtype", "") in _TEXT
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
