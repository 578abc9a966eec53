"""A data set as training reads it: pictures from the decoded cache, captions, labels, attributes, and the schema."""

from __future__ import annotations

import functools
import itertools
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.data.annotations import Annotations, picture_problem, read_annotations
from limner.data.answered import requests_of
from limner.data.cache import Decoded, Progress, location
from limner.data.choose import BY_NAME, Choice
from limner.data.decoding import pictures_of
from limner.data.dialogues import Dialogues, read_dialogues, spoken
from limner.data.embeddings import Embeddings, read_embeddings
from limner.data.held_out import divide, paired_rows
from limner.data.learnt import fingerprint_of, schema_of
from limner.data.placed import Placed
from limner.data.problems import Problem
from limner.data.refusals import refuse, refuse_empty
from limner.data.remote import open_set
from limner.data.rows import item
from limner.data.schema import Schema
from limner.data.shuffle import order, rows_at
from limner.data.source import Source
from limner.data.summary import Summary, summarise
from limner.data.views import View
from limner.errors import UserError
from limner.pictures import read, shorter_side
from limner.requests import Box, Request, Takes, boxes_of
from limner.requests.dialogue import Turns

__all__ = ["Dataset", "order", "rows_at"]

_LARGEST_SIDE = 4096
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
    _placed: Placed = field(repr=False)
    _dialogues: Dialogues | None = field(repr=False, default=None)
    _skip_bad: bool = field(repr=False, default=False)

    @classmethod
    def open(
        cls,
        name: Any,
        *,
        size: int,
        split: str = "train",
        held_out: float = 0.05,
        skip_bad: bool = False,
        choice: Choice = BY_NAME,
        cache: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Dataset:
        """Open a folder, a .parquet or .arrow file, or a Hub id, for pictures of `size` x `size` pixels.

        `name` may also be a data set in memory: of Hugging Face `datasets`, or a pandas DataFrame (`data.in_memory`).
        The source's split `split` is what "train" means afterwards. "test" is the source's own test split, or else
        its validation split, or else a share `held_out` of the training rows, chosen by their content and `seed`.
        Pictures are decoded once (`progress` is called with (done, all)) into the folder `cache`. A set of captions
        alone has no column `image`, which views of pictures then miss. `choice` says which columns hold pictures and
        captions, where their names do not.

        Raises:
            UserError: there is no such data set, it holds nothing, or (without `skip_bad`) a row cannot be used.
        """
        if not 1 <= size <= _LARGEST_SIDE:
            raise UserError(f"pictures of {size} pixels are not possible: choose a size from 1 to {_LARGEST_SIDE}")
        if not 0 <= held_out < 1:
            raise UserError(f"the share held out must be at least 0 and less than 1, not {held_out}")
        root = location(cache)
        source = open_set(name, split=split, root=root, choice=choice)
        annotations = read_annotations(source)
        problems = [*source.problems, *annotations.problems(source)]
        refuse(problems, source, skip_bad)
        refuse_empty(len(source.table), source, problems)
        pictures = pictures_of(source, annotations, size, root, skip_bad, progress)
        problems += [picture_problem(source, *one) for one in pictures.bad]
        broken = np.array([row for row, *_ in pictures.bad], dtype=np.int64)
        bad = annotations.with_stories(np.union1d(annotations.bad, broken))
        splits = divide(source, pictures.digests, bad, held_out, seed)
        refuse_empty(len(splits["train"]), source, problems)
        if problems:
            out, total = (count + len(source.problems) for count in (len(bad), len(source.table)))
            _log.warning("%s: left out %d of %d rows; `limner data check` lists them", source.name, out, total)
        columns = frozenset(source.table.column_names) - {"text"}
        columns |= ({"text"} if annotations.texts else set()) | ({"attributes"} if annotations.attributes else set())
        dialogues, train = read_dialogues(source), splits["train"]
        schema = schema_of(size, source, annotations, train)
        schema = replace(
            schema, turns=dialogues.most(train) if dialogues else 0, spoken=spoken(source, dialogues, train)
        )
        print_ = fingerprint_of(size, pictures.digests, splits, annotations)
        placed = Placed(source, schema, root)
        return cls(
            schema, frozenset(columns), tuple(problems), print_, source, pictures, splits, annotations, placed,
            dialogues, skip_bad,
        )  # fmt: skip

    def summary(self) -> Summary:
        """Return what was found and what was not read, in a form to print."""
        return summarise(self._source, self._annotations, self.skipped, self._splits, self.schema.size)

    def numbered_as(self, attributes: Mapping[str, tuple[str, ...]], labels: tuple[str, ...]) -> Dataset:
        """Return the same rows with values of attributes and labels numbered by their places in longer lists.

        Raises:
            KeyError, ValueError: a list lacks a value that occurs here.
        """
        annotations = self._annotations.renumbered(attributes, labels)
        return replace(
            self, schema=replace(self.schema, attributes=dict(attributes), labels=labels), _annotations=annotations
        )

    def __len__(self) -> int:
        return self.length()

    def __getitem__(self, row: int | slice) -> Any:
        return item(self, row)

    def length(self, split: str = "train") -> int:
        """Return the number of rows of a split."""
        return len(self._rows(split))

    @property
    def pictured(self) -> bool:
        """Whether there are pictures, not sentences alone."""
        return self._source.pictured

    def pictures(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> Tensor:
        """Return pictures as bytes: uint8 (B, 3, S, S).

        Raises:
            UserError: there are none, only sentences.
        """
        if not self._source.pictured:
            raise self._lacks("image", "what reads pictures")
        return torch.from_numpy(np.take(self._decoded.pixels, self._rows(split)[np.asarray(rows)], axis=0))

    def original_sides(self, most: int = 1000) -> list[int]:
        """Return the shorter sides, in pixels, of the original pictures of `most` rows at most, spread evenly."""
        if not self._source.pictured:
            raise self._lacks("image", "what reads pictures")
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
        return paired_rows(self._decoded.digests[self._rows(split)], share)

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

    def descriptions(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> list[str | None]:
        """Return what the column `description` says of each row, None where it says nothing."""
        return self.column("description", rows, split) if "description" in self.columns else [None] * len(rows)

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

    def require(self, view: type[View], progress: Progress | None = None) -> None:
        """Make sure that the columns are there which `view` needs, and can be used; masks are decoded, if need be.

        Raises:
            UserError: one is missing, or (without `skip_bad`) holds boxes, key points, masks or turns of a dialogue
                that cannot be used. With `skip_bad` these are left out, and their rows stay.
        """
        for name in sorted(view.needs - self.columns):
            raise self._lacks(name, f"the view {view.__name__}")
        rows = np.concatenate(list(self._splits.values()))
        problems = list(self._placed.problems(view.needs & self.columns, rows, view.masks_side, progress))
        refuse(problems, self._source, self._skip_bad, "what is wrong")
        if problems:
            counts = ", ".join(f"{count} {kind}" for kind, count in Counter(one.kind for one in problems).items())
            _log.warning("%s: left out %s; `limner data check` lists them", self._source.name, counts)

    def requests(
        self, takes: Takes, count: int, split: str = "train", *, most_things: int | None = None
    ) -> list[Request]:
        """Return `count` requests that the first rows of a split answer, over again where there are fewer.

        Of several kinds of request it is the first that can be made of this data; a kind that holds others has one of
        them beside it, where one can be made. Of more boxes or labels than `most_things` the largest or first are left.

        Raises:
            UserError: the data set has not got the column that such requests are made of, or the split is empty.
        """
        made = requests_of(self, takes, count, split)
        return made if most_things is None else [request.with_most(most_things) for request in made]

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
        (cell,) = self.column("boxes", [row], split)
        return boxes_of(cell, *self._placed.sizes[self._rows(split)[row]].tolist())

    def layouts(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> tuple[tuple[str, ...], Tensor, Tensor]:
        """Return what labels are called, and labels and boxes of rows, the most of which have K boxes.

        Returns:
            names by number; labels (B, K), -1 where there is no box; boxes (B, K, 4) as `boxes` gives them.

        Raises:
            UserError: there are no boxes with labels.
        """
        if not self.schema.things:
            raise self._lacks("boxes", "a layout")
        labels, places = self._placed.boxes.padded(self._places(rows, split))
        return self.schema.things, torch.from_numpy(labels), torch.from_numpy(places)

    def points(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> Tensor:
        """Return key points in the order of `schema.points`, in shares of the pictures as they were cut.

        Returns:
            float (B, P, 3): x, y and 1; zeros for a point that is not there, cannot be seen, or was cut away.

        Raises:
            UserError: there are no key points.
        """
        if not self.schema.points:
            raise self._lacks("keypoints", "a key point")
        return torch.from_numpy(self._placed.points.places[self._places(rows, split)])

    def named_points(self, row: int, split: str = "train") -> list[tuple[str, float, float]]:
        """Return the key points of one row that can be seen, (name, x, y); none where the data set has none."""
        found = self.points([row], split)[0].tolist() if self.schema.points else []
        return [(name, x, y) for name, (x, y, seen) in zip(self.schema.points, found, strict=True) if seen]

    def masks(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> tuple[Tensor, Tensor]:
        """Return the masks of rows, the most of which have K, cut and resized as their pictures.

        Returns:
            labels (B, K) numbers in `schema.masks`, -1 where there is no mask; masks uint8 (B, K, S, S), the coverage
            of each pixel.

        Raises:
            UserError: there are no masks.
        """
        if not self.schema.masks:
            raise self._lacks("masks", "a mask")
        labels, pixels = self._placed.masks().padded(self._places(rows, split))
        return torch.from_numpy(labels), torch.from_numpy(pixels)

    def foreground(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> tuple[Tensor, Tensor]:
        """Return the mask `foreground` of each row, or else all its masks together, and whether it has any.

        Returns:
            masks uint8 (B, 1, S, S); bool (B,), False where nothing is known.

        Raises:
            UserError: there are no masks.
        """
        if not self.schema.masks:
            raise self._lacks("masks", "a mask")
        pixels, known = self._placed.foreground(self._places(rows, split))
        return torch.from_numpy(pixels), torch.from_numpy(known)

    def scenes(
        self, rows: Sequence[int] | np.ndarray, split: str = "train", most: int = 0, side: int = 0
    ) -> tuple[Tensor, ...]:
        """Return labels, boxes, masks and whose masks are their own; see `Placed.scenes`.

        Raises:
            UserError: there are no boxes with labels, or no masks.
        """
        for column, names in (("boxes", self.schema.things), ("masks", self.schema.masks)):
            if not names:
                raise self._lacks(column, "a scene")
        return tuple(map(torch.from_numpy, self._placed.scenes(self._places(rows, split), most, side)))

    def _places(self, rows: Sequence[int] | np.ndarray, split: str) -> np.ndarray:
        return self._rows(split)[np.asarray(rows, dtype=np.int64)]

    def dialogues(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> tuple[Turns, ...]:
        """Return the turns of the dialogue about each row: questions with their answers.

        Raises:
            UserError: there is no such column.
        """
        if self._dialogues is None:
            raise self._lacks("dialogue", "a dialogue")
        return tuple(map(self._dialogues.row, self._rows(split)[np.asarray(rows, dtype=np.int64)]))

    @functools.cached_property
    def _embeddings(self) -> Embeddings:
        texts = self._annotations.texts
        found = read_embeddings(self._source, texts) if self.schema.embedding and texts else None
        if found is None:
            raise self._lacks("embedding", "a sentence vector")
        return found

    def embeddings(self, rows: Sequence[int] | np.ndarray, split: str = "train") -> list[np.ndarray]:
        """Return the sentence vectors that came with the captions of rows: float32 (K, D) of each row, K captions.

        Raises:
            UserError: there are none, or those of a row cannot be used.
        """
        found, places = self._embeddings, self._places(rows, split)
        if (row := found.fault(places)) is not None:
            raise UserError(f"{Problem(*self._source.origin(row), 'wrong embedding', found.message)}")
        return [found.row(int(place)) for place in places]

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
    "embedding": ": vectors come with `limner data import legacy` and `clevr-sv`, or as a list of vectors in each row",
    "text": '. Put captions in a metadata.jsonl ({"file_name": "1.png", "text": "a red hat"}), a captions.csv,'
    " or a .txt beside each picture",
}
