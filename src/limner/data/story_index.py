"""Which rows make up which story, and what is wrong with it: frames missing, repeated or not a number.

The order of rows in the file means nothing: the column `frame` decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from limner.data.columns import joined, numbered
from limner.data.problems import BadRow, Problem, frame_of
from limner.data.source import Source
from limner.errors import UserError


@dataclass(frozen=True, eq=False)
class StoryIndex:
    """Which rows of a source make up which story, and what is wrong with their frames."""

    names: tuple[str, ...]
    story_of: np.ndarray
    """int64 (N,): a number for the story of each row, -1 for none. Training and other rows never share a story."""
    frames: np.ndarray
    """int64 (N,): the frame of each row, from 1; 0 where it has none."""
    wrong: Mapping[int, str]
    """What is wrong with a row's frame."""
    length: int
    """How many rows most stories have."""
    faulty: np.ndarray
    """int64 (F,): the stories that have not just the frames 1 to `length`, each once."""
    has_frames: bool
    """Whether there is a column `frame`."""

    def with_stories(self, rows: np.ndarray) -> np.ndarray:
        """Return `rows` and the other rows of their stories, sorted: a story that lacks a picture cannot be used."""
        stories = self.story_of[rows]
        return np.union1d(rows, np.flatnonzero(np.isin(self.story_of, stories[stories >= 0])))

    @property
    def bad(self) -> np.ndarray:
        """Rows of stories whose frames are faulty."""
        return np.flatnonzero(np.isin(self.story_of, self.faulty))

    def problems(self, source: Source) -> Iterator[Problem]:
        """Say what is wrong: the first fault of each story, and every frame that is not a number."""
        if not self.has_frames:
            message = "the column story needs a column frame: the number of each picture in its story, from 1"
            yield Problem(source.name, 0, "no frame column", message)
            return
        for row, message in self.wrong.items():
            yield Problem(*source.origin(row), "wrong frame", message)
        for story in self.faulty:
            rows = np.flatnonzero(self.story_of == story)
            if not self.wrong.keys() & set(rows.tolist()):
                yield self._fault(source, rows[np.argsort(self.frames[rows], kind="stable")])

    def _fault(self, source: Source, rows: np.ndarray) -> Problem:
        """Say what is wrong with a story, its rows in the order of their frames."""
        name, frames = self.names[self.story_of[rows[0]] % len(self.names)], self.frames[rows]
        story = f"the story {name!r:.60}"
        for place, (row, frame) in enumerate(zip(rows, frames, strict=True), start=1):
            if frame < place:
                file, line = source.origin(int(rows[place - 2]))
                message = f"{story} has its frame {frame} twice (first at {file}{f':{line}' if line else ''})"
                return Problem(*source.origin(int(row)), "frame repeated", message)
            if frame > place:
                return Problem(*source.origin(int(row)), "frame missing", f"{story} has no frame {place}")
        ends = f"{story} has {len(rows)} frames, most others have {self.length}"
        return Problem(*source.origin(int(rows[-1])), "story length", ends)

    def notes(self, source: Source) -> Iterator[Problem]:
        """Say whether the rows of a story do not stand together; that is not an error."""
        stories = self.story_of[self.story_of >= 0]
        starts = np.flatnonzero(np.diff(stories, prepend=-1))
        again = np.setdiff1d(np.arange(len(starts)), np.unique(stories[starts], return_index=True)[1])
        if len(again):
            row = int(np.flatnonzero(self.story_of >= 0)[starts[again[0]]])
            name, count = self.names[self.story_of[row] % len(self.names)], len(np.unique(stories[starts[again]]))
            message = f"the rows of {count} stories do not stand together, here those of {name!r:.60}: frame decides"
            yield Problem(*source.origin(row), "scattered", message)


def index_stories(columns: Mapping[str, Any], source: Source) -> StoryIndex | None:
    """Read the columns `story` and `frame`; None where no row belongs to a story.

    Raises:
        UserError: one of them holds lists or the like.
    """
    if "story" not in columns:
        return None
    names, stories = numbered(_plain(columns["story"], "story", source))
    known = stories >= 0
    if not known.any():
        return None
    held = np.arange(len(stories)) >= source.train
    story_of = np.where(known, stories + held * len(names), -1).astype(np.int64)
    frames, wrong = np.zeros(len(story_of), dtype=np.int64), dict[int, str]()
    if "frame" in columns:
        frames, wrong = _frames(_plain(columns["frame"], "frame", source), known)
    counts = np.bincount(story_of[known])
    lengths = np.bincount(counts[counts > 0])
    length = int(len(lengths) - 1 - lengths[::-1].argmax())  # of two equally common ones the longer
    faulty = _faulty(story_of, frames, counts, length) if "frame" in columns else np.empty(0, dtype=np.int64)
    return StoryIndex(names, story_of, frames, wrong, length, faulty, "frame" in columns)


def _faulty(story_of: np.ndarray, frames: np.ndarray, counts: np.ndarray, length: int) -> np.ndarray:
    order = np.lexsort((frames, story_of))
    order = order[story_of[order] >= 0]
    starts = np.cumsum(counts) - counts
    story = story_of[order]
    misplaced = frames[order] != np.arange(len(order)) - starts[story] + 1
    return np.union1d(story[misplaced], np.flatnonzero((counts > 0) & (counts != length)))


def _frames(column: Any, known: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    encoded = column.dictionary_encode()
    indices = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    numbers, faults = [], {}
    for place, value in enumerate([*encoded.dictionary.to_pylist(), None]):
        try:
            numbers.append(frame_of(value))
        except BadRow as error:
            numbers.append(0)
            faults[place] = str(error)
    suspects = np.flatnonzero(known & np.isin(indices, list(faults)))
    return np.array(numbers, dtype=np.int64)[indices], {int(row): faults[int(indices[row])] for row in suspects}


def _plain(column: Any, name: str, source: Source) -> Any:
    column = joined(column)
    if pa.types.is_nested(column.type):
        what = "names or numbers of stories" if name == "story" else "whole numbers"
        raise UserError(f"the column {name} of {source.name} holds {column.type}, but it must hold {what}")
    return column
