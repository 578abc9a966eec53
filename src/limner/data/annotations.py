"""Annotations of a source: captions, labels, attributes and stories, read once and kept in compact form."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from limner.data.columns import Texts, attribute_columns, numbered, texts
from limner.data.problems import Problem
from limner.data.source import Source
from limner.data.story_index import StoryIndex, index_stories

_TEXT = ("string", "large_string")


@dataclass(frozen=True, eq=False)
class Annotations:
    """Captions, labels, attributes and stories of every row of a source."""

    texts: Texts | None
    labels: np.ndarray
    label_names: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]]
    numbers: np.ndarray
    """int16 (N, A): the number of each attribute's value, -1 where not known."""
    stories: StoryIndex | None
    things: tuple[str, ...] = ()
    """Labels of boxes, the most frequent first."""
    points: tuple[str, ...] = ()
    """Labels of key points, in the order in which they come first."""
    masks: tuple[str, ...] = ()
    """Labels of masks, the most frequent first."""

    @property
    def story(self) -> int:
        """Pictures in a story, 1 where there are no stories."""
        return self.stories.length if self.stories else 1

    @functools.cached_property
    def _faults(self) -> tuple[np.ndarray, np.ndarray]:
        none = np.zeros(len(self.labels), dtype=bool)
        return self.texts.faults() if self.texts else (none, none)

    @property
    def bad(self) -> np.ndarray:
        """Rows that cannot be used: for their captions, or for the story that they are in."""
        missing, empty = self._faults
        uncaptioned = np.flatnonzero(missing | empty)
        return self.with_stories(np.union1d(uncaptioned, self.stories.bad) if self.stories else uncaptioned)

    def with_stories(self, rows: np.ndarray) -> np.ndarray:
        """Return `rows` and the other rows of their stories, sorted: a story that lacks a picture cannot be used."""
        return self.stories.with_stories(rows) if self.stories else rows

    def renumbered(self, attributes: Mapping[str, tuple[str, ...]], labels: tuple[str, ...]) -> Annotations:
        """Return the same with values numbered by their places in other lists, which hold more of them.

        Raises:
            KeyError, ValueError: a list of values lacks one that occurs here.
        """
        places = {name: place for place, name in enumerate(self.attributes)}
        columns = [
            _placed(self.attributes[name], values)[self.numbers[:, places[name]]] for name, values in attributes.items()
        ]
        numbers = np.stack(columns, axis=1).astype(np.int16) if columns else self.numbers
        numbered = _placed(self.label_names, labels)[self.labels].astype(np.int32)
        return replace(self, attributes=dict(attributes), numbers=numbers, label_names=labels, labels=numbered)

    def problems(self, source: Source) -> list[Problem]:
        """Say what is wrong with the captions and the stories of `bad`."""
        missing, empty = self._faults
        words = {True: ("missing caption", "the caption is missing"), False: ("empty caption", "the caption is empty")}
        uncaptioned = np.flatnonzero(missing | empty)
        found = [Problem(*source.origin(int(row)), *words[bool(missing[row])]) for row in uncaptioned]
        return [*found, *(self.stories.problems(source) if self.stories else ())]


def _placed(values: tuple[str, ...], among: tuple[str, ...]) -> np.ndarray:
    """Return the place of each value in a longer list, and behind them -1 for what is not known."""
    return np.array([*(among.index(value) for value in values), -1])


def read_annotations(source: Source) -> Annotations:
    """Read everything but the pictures.

    Raises:
        UserError: captions are not text, or stories not names and numbers.
    """
    columns = _plain_columns(source)
    text = "text" if "text" in columns else None
    labels = np.full(len(source.table), -1, dtype=np.int32)
    label_names: tuple[str, ...] = ()
    if "label" in columns:
        label_names, labels = numbered(
            columns["label"], _class_names(source.table.features["label"]), f"the column label of {source.name}"
        )
    found = {
        name: numbered(column, name=f"the attribute {name} of {source.name}")
        for name, column in attribute_columns(columns).items()
    }
    found = {name: (values, numbers) for name, (values, numbers) in found.items() if values}
    numbers = [numbers.astype(np.int16) for _, numbers in found.values()]
    return Annotations(
        texts(columns[text], text, source.name) if text else None,
        labels,
        label_names,
        {name: values for name, (values, _) in found.items()},
        np.stack(numbers, axis=1) if numbers else np.empty((len(labels), 0), dtype=np.int16),
        index_stories(columns, source),
        _by_frequency(_labels(source, "boxes", "box")),
        tuple(_labels(source, "keypoints", "x", "y")),
        _by_frequency(_labels(source, "masks", "mask")),
    )


def _labels(source: Source, name: str, *fields: str) -> Counter[str]:
    """Count the labels in a column of lists of {"label", ...}, as they come; none where it holds something else."""
    counts: Counter[str] = Counter()
    if name not in source.table.column_names:
        return counts
    for cells in (chunk.flatten() for chunk in source.column(name).chunks if hasattr(chunk, "flatten")):
        if hasattr(cells, "field") and {"label", *fields} <= {field.name for field in cells.type}:
            for one in cells.field("label").value_counts().to_pylist():
                if one["values"] is not None:
                    counts[str(one["values"])] += one["counts"]
    return counts


def _by_frequency(counts: Counter[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _plain_columns(source: Source) -> dict[str, Any]:
    """Return the columns that are captions, labels, stories or may be attributes; heavy ones stay on disk."""
    names = [
        name
        for name, feature in source.table.features.items()
        if name in ("text", "label", "story", "frame", "attributes") or getattr(feature, "dtype", "") in _TEXT
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
        picture = source.rows[row].path.relative_to(source.root or Path(source.name)).as_posix()
        message = f"the picture {picture} {message}" if source.rows[row].line else message
    else:
        message = f"the picture {message}"
    return Problem(*source.origin(row), kind, message)
