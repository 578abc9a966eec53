"""A data set as training reads it: pictures from the decoded cache, captions, labels, attributes, and the schema."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.data.annotations import Annotations, picture_problem, read_annotations
from limner.data.boxes import Boxes, read_boxes
from limner.data.cache import Decoded, Progress, decoded, location
from limner.data.pictures import BadPicture, read, shorter_side, size_of
from limner.data.problems import TEXT_NAMES, Problem
from limner.data.schema import Lexicon, Schema, words_of
from limner.data.shuffle import order, rows_at
from limner.data.source import Source, held_out_rows, open_source
from limner.data.views import View
from limner.errors import UserError
from limner.requests import Box, Request, Takes, boxes_of, kinds_of

__all__ = ["Dataset", "order", "rows_at"]

_EXAMPLES = 12
_LARGEST_SIDE = 4096
_PAIRED = 1  # of the numbers by which rows are paired: not those by which they are held out
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of a data set in two splits, "train" and "test". Make one with `Dataset.open`."""

    schema: Schema
    columns: frozenset[str]
    """The columns that are there: `image`, and `text`, `label`, `attributes`, `boxes`, ... where known."""
    skipped: tuple[Problem, ...]
    """What was left out because it cannot be used (with `skip_bad`)."""
    fingerprint: str
    """Stands for pictures, captions, splits and size: equal where training reads the same."""
    _source: Source = field(repr=False)
    _decoded: Decoded = field(repr=False)
    _splits: dict[str, np.ndarray] = field(repr=False)
    _annotations: Annotations = field(repr=False)

    @classmethod
    def open(
        cls,
        name: str | Path,
        *,
        size: int,
        split: str = "train",
        held_out: float = 0.05,
        skip_bad: bool = False,
        cache: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Dataset:
        """Open a folder, a .parquet or .arrow file, or a Hub id, for pictures of `size` x `size` pixels.

        The source's split `split` is what "train" means afterwards. "test" is the source's own test split, or else
        its validation split, or else a share `held_out` of the training rows, chosen by their content and `seed`.
        Pictures are decoded once (`progress` is called with (done, all)) into the folder `cache`.

        Raises:
            UserError: there is no such data set, it holds nothing, or (without `skip_bad`) a row cannot be used.
        """
        if not 1 <= size <= _LARGEST_SIDE:
            raise UserError(f"pictures of {size} pixels are not possible: choose a size from 1 to {_LARGEST_SIDE}")
        if not 0 <= held_out < 1:
            raise UserError(f"the share held out must be at least 0 and less than 1, not {held_out}")
        root = location(cache)
        source = open_source(name, split=split, root=root)
        annotations = read_annotations(source)
        problems = [*source.problems, *annotations.problems(source)]
        _refuse(problems, source, skip_bad)
        _refuse_empty(len(source.table), source, problems)
        try:
            pictures = decoded(
                source.key,
                len(source.table),
                size,
                source.encoded,
                root=root,
                keep_bad=skip_bad,
                progress=progress,
            )
        except BadPicture as error:
            _refuse([picture_problem(source, error.row, error.kind, str(error))], source, skip_bad)
            raise
        problems += [picture_problem(source, *one) for one in pictures.bad]
        broken = np.array([row for row, *_ in pictures.bad], dtype=np.int64)
        bad = annotations.with_stories(np.union1d(annotations.bad, broken))
        splits = _split(source, pictures.digests, bad, held_out, seed)
        _refuse_empty(len(splits["train"]), source, problems)
        if problems:
            out, total = (count + len(source.problems) for count in (len(bad), len(source.table)))
            _log.warning("%s: left out %d of %d rows; `limner data check` lists them", name, out, total)
        columns = frozenset(source.table.column_names) - set(TEXT_NAMES)
        columns |= ({"text"} if annotations.texts else set()) | ({"attributes"} if annotations.attributes else set())
        schema = _schema(size, annotations, splits["train"])
        print_ = _fingerprint(size, pictures.digests, splits, annotations)
        return cls(schema, frozenset(columns), tuple(problems), print_, source, pictures, splits, annotations)

    def length(self, split: str = "train") -> int:
        """Return the number of rows of a split."""
        return len(self._rows(split))

    def pictures(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> Tensor:
        """Return pictures as bytes: uint8 (B, 3, S, S)."""
        return torch.from_numpy(np.take(self._decoded.pixels, self._rows(split)[np.asarray(rows)], axis=0))

    def original_sides(self, most: int = 1000) -> list[int]:
        """Return the shorter sides, in pixels, of the original pictures of `most` rows at most, spread evenly."""
        rows = np.sort(np.concatenate(list(self._splits.values())))
        chosen = rows[:: -(-len(rows) // most)].tolist()
        return [shorter_side(read(self._source.encoded(row, row + 1)[0])) for row in chosen]

    def captions(self, row: int, split: str = "train") -> tuple[str, ...]:
        """Return all captions of one row; none where the data set has no captions."""
        return self._annotations.texts.row(self._rows(split)[row]) if self._annotations.texts else ()

    def paired(self, share: float, split: str = "train") -> np.ndarray:
        """Return the rows of a split whose captions are read where only a share of them is: int64 (P,), at least one.

        They are chosen by the content of their pictures, so always the same ones, and of a larger share more.
        """
        rows = self._rows(split)
        chosen = _shares(self._decoded.digests[rows], _PAIRED) < share
        return np.flatnonzero(chosen) if chosen.any() else np.arange(min(len(rows), 1))

    def label(self, row: int, split: str = "train") -> int:
        """Return the number in `schema.labels` of the label of one row, -1 where it has none."""
        return int(self._annotations.labels[self._rows(split)[row]])

    def attributes(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> Tensor:
        """Return numbers of attribute values, -1 where not known: int64 (B, A), A in the order of the schema."""
        return torch.from_numpy(self._annotations.numbers[self._rows(split)[np.asarray(rows)]].astype(np.int64))

    def mentioned(self, rows: Sequence[int] | np.ndarray, caption: int = 0, split: str = "train") -> Tensor:
        """Return which attributes caption number `caption` of each row mentions: bool (B, A); see `mentions`."""
        return torch.stack([spoken[caption] for spoken in self.mentions(rows, split)])

    def mentions(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> list[Tensor]:
        """Return which attributes each caption of each row mentions: bool (K, A) of each row.

        The column `said` holds their names for each caption; without that column all count as mentioned.
        """
        names = list(self.schema.attributes)
        if "said" not in self._source.table.column_names:
            return [torch.ones(len(self.captions(row, split)), len(names), dtype=torch.bool) for row in rows]
        cells = self.column("said", rows, split)
        return [
            torch.tensor([[name in spoken for name in names] for spoken in cell], dtype=torch.bool) for cell in cells
        ]

    def column(self, name: str, rows: Sequence[int] | np.ndarray, split: str = "train") -> list[Any]:
        """Return the cells of any column (boxes, dialogue, story, ...) as plain values.

        Raises:
            UserError: there is no such column.
        """
        if name not in self._source.table.column_names:
            raise self._lacks(name, "this")
        wanted = self._rows(split)[np.asarray(rows)].tolist()
        return self._source.table.select_columns([name])[wanted][name]

    def stories(self, split: str = "train") -> np.ndarray:
        """Return the rows of each story of a split in the order of its frames: int64 (N, T), as they come in the data.

        Raises:
            UserError: there are no stories: no columns `story` and `frame`, or only parts of stories.
        """
        rows, stories = self._rows(split), self._annotations.stories
        if stories is None or not stories.has_frames:
            raise self._lacks("story" if stories is None else "frame", "a story")
        order = np.lexsort((stories.frames[rows], stories.story_of[rows]))
        order = order[stories.story_of[rows][order] >= 0]
        if not len(order):
            raise UserError(f"{self._source.name} has no whole story in its split {split!r}")
        found = order.reshape(-1, self.schema.story)  # those with a frame missing were left out whole, or refused
        return found[found.min(axis=1).argsort()]

    def require(self, view: type[View]) -> None:
        """Make sure that the columns are there which `view` needs.

        Raises:
            UserError: one is missing.
        """
        for name in sorted(view.needs - self.columns):
            raise self._lacks(name, f"the view {view.__name__}")

    def requests(self, takes: Takes, count: int, split: str = "train") -> list[Request]:
        """Return `count` requests that the first rows of a split answer, over again where there are fewer.

        Of several kinds of request it is the first that can be made of this data.

        Raises:
            UserError: the data set has not got the column that such requests are made of, or the split is empty.
        """
        first, *others = kinds_of(takes)
        for kind in (first, *others) if others else ():
            with contextlib.suppress(UserError):
                return list(kind.held_out(self, split, count))
        return list(first.held_out(self, split, count))

    def first_rows(self, count: int, column: str, needed_by: str, split: str = "train") -> list[int]:
        """Return the first `count` rows of a split, over again where there are fewer.

        Raises:
            UserError: the split is empty, or there is no such column (where one is named), which `needed_by` needs.
        """
        if not self.length(split):
            raise UserError(f"{self._source.name} has no rows in its split {split!r} to make requests of")
        if column and column not in self.columns:
            raise self._lacks(column, needed_by)
        return list(itertools.islice(itertools.cycle(range(self.length(split))), count))

    def named_attributes(self, row: int, split: str = "train") -> dict[str, str]:
        """Return the attributes of one row that are known, by name."""
        numbers, attributes = self.attributes([row], split)[0].tolist(), self.schema.attributes.items()
        return {name: values[k] for (name, values), k in zip(attributes, numbers, strict=True) if k >= 0}

    def named_label(self, row: int, split: str = "train") -> str | None:
        """Return the label of one row, None where it has none."""
        number = self.label(row, split)
        return self.schema.labels[number] if number >= 0 else None

    def boxes(self, row: int, split: str = "train") -> list[Box]:
        """Return the boxes of one row as (label, x, y, width, height) in shares of its picture, as it was cut.

        Raises:
            UserError: there is no such column.
        """
        place = int(self._rows(split)[row])
        (cell,) = self.column("boxes", [row], split)
        size = size_of(self._source.encoded(place, place + 1)[0]) if cell else (1, 1)
        return boxes_of(cell, *size)

    def layouts(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> tuple[tuple[str, ...], Tensor, Tensor]:
        """Return what labels are called, and labels and boxes of rows, the most of which have K boxes.

        Returns:
            names by number; labels (B, K), -1 where there is no box; boxes (B, K, 4) as `boxes` gives them.

        Raises:
            UserError: there are no boxes with labels.
        """
        if not self.schema.things:
            raise self._lacks("boxes", "a layout")
        labels, places = self._boxes.padded(self._rows(split)[np.asarray(rows, dtype=np.int64)])
        return self.schema.things, torch.from_numpy(labels), torch.from_numpy(places)

    @functools.cached_property
    def _boxes(self) -> Boxes:
        return read_boxes(self._source, self.schema.things)

    def _lacks(self, column: str, needed_by: str) -> UserError:
        found = ", ".join(sorted(self.columns))
        advice = _ADVICE.get(column, "")
        return UserError(
            f"{self._source.name} has no column {column}, which {needed_by} needs; it has: {found}{advice}"
        )

    def _rows(self, split: str) -> np.ndarray:
        if split not in self._splits:
            raise UserError(f"there is no split {split!r}: use train or test")
        return self._splits[split]


_ADVICE = {
    "text": '. Put captions in a metadata.jsonl ({"file_name": "1.png", "text": "a red hat"}), a captions.csv,'
    " or a .txt beside each picture"
}


def _refuse(problems: list[Problem], source: Source, skip_bad: bool) -> None:
    if not problems or skip_bad:
        return
    advice = f"`limner data check {source.name}` lists every problem, --skip-bad leaves such rows out"
    raise UserError(f"{problems[0]} ({advice})")


def _refuse_empty(count: int, source: Source, problems: list[Problem]) -> None:
    if count:
        return
    first = f": the first of {len(problems)} problems is {problems[0]}" if problems else ""
    raise UserError(f"{source.name} holds no rows that can be used{first}")


def _split(source: Source, digests: np.ndarray, bad: np.ndarray, held_out: float, seed: int) -> dict[str, np.ndarray]:
    good = np.setdiff1d(np.arange(len(source.table)), bad)
    train, test = good[good < source.train], good[good >= source.train]
    if source.train == len(source.table) and len(train):
        ids = digests[train]
        if "story" in source.table.column_names:  # pictures of one story stay together
            stories = source.table.select_columns(["story"])[train.tolist()]["story"]
            ids = np.array([_content(str(story)) for story in stories], dtype=np.uint64)
        chosen = held_out_rows(_shares(ids, seed), held_out)
        train, test = train[~chosen], train[chosen]
    return {"train": train, "test": test}


def _content(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _shares(ids: np.ndarray, seed: int) -> np.ndarray:
    """Spread content numbers over [0, 1), in another way for each seed (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        x = ids + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).astype(np.float64) / 2.0**64


def _schema(size: int, annotations: Annotations, train: np.ndarray) -> Schema:
    described = {"attributes": annotations.attributes, "labels": annotations.label_names, "story": annotations.story}
    described["things"] = annotations.things
    if annotations.texts is None:
        return Schema(size, **described)  # type: ignore[arg-type]
    counts: Counter[str] = Counter()
    longest = 0
    for text in annotations.texts.each(train):  # in one pass: this is the slow part of opening many captions
        words = words_of(text)
        counts.update(words)
        longest = max(longest, len(words))
    firsts = dict.fromkeys(annotations.texts.row(int(row))[0] for row in train[: 16 * _EXAMPLES])
    return Schema(
        size,
        Lexicon.counted(counts),
        captions=annotations.texts.most(train),
        longest=longest,
        examples=tuple(firsts)[:_EXAMPLES],
        **described,  # type: ignore[arg-type]
    )


def _fingerprint(size: int, digests: np.ndarray, splits: dict[str, np.ndarray], annotations: Annotations) -> str:
    hashed = hashlib.blake2b(
        f"{size} {sorted(annotations.attributes.items())} {annotations.label_names}".encode(), digest_size=16
    )
    for rows in splits.values():
        for part in (digests[rows], annotations.labels[rows], annotations.numbers[rows]):
            hashed.update(np.ascontiguousarray(part).tobytes() + b"|")
        if annotations.stories is not None:
            hashed.update(annotations.stories.story_of[rows].tobytes() + annotations.stories.frames[rows].tobytes())
        hashed.update(annotations.texts.digest(rows) if annotations.texts else b"")
    return hashed.hexdigest()
