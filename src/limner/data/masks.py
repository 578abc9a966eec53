"""The masks of all rows of a data set, decoded once, and cut as their pictures were.

A mask is kept as the coverage of each pixel, a byte: the worlds draw theirs with soft edges, and at 32 pixels a large
part of a thing is edge. A bit a pixel would need an eighth of the room, and leave a fringe of ground around each thing
that is cut out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limner.data.cache import Kind, Progress, decoded, key_of
from limner.data.source import Source
from limner.pictures import BadPicture, Encoded, decode_mask

FOREGROUND = "foreground"
"""The name of a mask of all that stands before the ground."""


@dataclass(frozen=True, eq=False)
class Masks:
    """Masks of N rows, M in all; row k has those from `offsets[k]` to `offsets[k + 1]`."""

    offsets: np.ndarray
    """int64 (N + 1,)."""
    labels: np.ndarray
    """int64 (M,), numbers in `Schema.masks`; -1 for a mask that cannot be used."""
    turns: np.ndarray
    """int64 (M,): which of the masks of its label it is in its row, from 0."""
    pixels: np.ndarray
    """uint8 (M, 1, S, S), memory-mapped: the coverage of each pixel."""
    faults: tuple[tuple[int, str], ...] = ()
    """(row, what is wrong) of each mask that cannot be used."""

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (B, K), -1 where there is no mask, and masks uint8 (B, K, S, S); K is the most, or 1."""
        counts = self.offsets[rows + 1] - self.offsets[rows]
        longest = max(int(counts.max(initial=0)), 1)
        place = self.offsets[rows][:, None] + np.arange(longest)
        place = np.where(np.arange(longest) < counts[:, None], place, len(self.labels))
        labels = np.append(self.labels, -1)[place]
        return labels, self.at(np.where(labels >= 0, place, -1))

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """Return the masks of these numbers (...): uint8 (..., S, S), zeros for -1."""
        found = np.zeros((*numbers.shape, *self.pixels.shape[2:]), dtype=np.uint8)
        there = numbers >= 0
        found[there] = self.pixels[numbers[there], 0]
        return found

    def find(self, row: int, label: int, turn: int) -> int:
        """Return the number of a row's mask by its label and its turn, -1 where there is none."""
        start, stop = int(self.offsets[row]), int(self.offsets[row + 1])
        fits = (self.labels[start:stop] == label) & (self.turns[start:stop] == turn)
        return start + int(fits.argmax()) if fits.any() else -1


def read_masks(
    source: Source, names: Sequence[str], sizes: np.ndarray, side: int, root: Path, progress: Progress | None = None
) -> Masks:
    """Open the masks of the column `masks` at `side` pixels, decoding them first where that was not done yet.

    Raises:
        UserError: they cannot be kept.
    """
    offsets, labels, turns = _index(source, names)
    owner = np.repeat(np.arange(len(source.table)), np.diff(offsets))
    if not len(owner):
        return Masks(offsets, labels, turns, np.zeros((0, 1, side, side), np.uint8))

    def each(start: int, stop: int) -> Iterator[Encoded]:
        for row, cell in source.each("masks", start, stop):
            yield from (source.beside(row, one["mask"] if one else None) for one in cell or ())

    def fetch(start: int, stop: int) -> list[Encoded]:
        first = int(owner[start])
        skipped = start - int(offsets[first])
        return list(itertools.islice(each(first, int(owner[stop - 1]) + 1), skipped, skipped + stop - start))

    def decode(encoded: bytes, mask_side: int, number: int) -> np.ndarray:
        width, height = sizes[owner[number]].tolist()
        if not (width and height):
            raise BadPicture("wrong mask", "has no picture")
        return decode_mask(encoded, mask_side, (width, height))

    stamps = (_stamp(one) for one in each(0, len(source.table))) if source.rows is not None else ()
    key = key_of(["masks", source.key, *np.diff(offsets).tolist(), *stamps])
    kept = decoded(
        key, len(owner), side, fetch, root=root, keep_bad=True, progress=progress, kind=Kind("masks", 1, decode)
    )
    faults = []
    for number, _, message in kept.bad:
        row = int(owner[number])
        if sizes[row].all():  # a broken picture is told of already
            label = names[labels[number]] if labels[number] >= 0 else "without a label"
            faults.append((row, f"the mask {number - int(offsets[row]) + 1} ({label}) {message}"))
        labels[number] = -1
    return Masks(offsets, labels, turns, kept.pixels, tuple(faults))


def _index(source: Source, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the masks of each row begin (N + 1,), and the label and the turn of each mask: (M,) and (M,)."""
    import pyarrow.compute as pc

    column = source.column("masks")
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    numbers = {name: number for number, name in enumerate(names)}
    flat = itertools.chain.from_iterable(chunk.flatten().field("label").to_pylist() for chunk in column.chunks)
    labels = np.array([numbers.get(str(label), -1) for label in flat], dtype=np.int64)
    turns = np.zeros(len(labels), dtype=np.int64)
    for start, stop in itertools.pairwise(offsets.tolist()):
        before: dict[int, int] = {}
        for place, label in enumerate(labels[start:stop].tolist(), start=start):
            turns[place] = before.setdefault(label, 0)
            before[label] += 1
    return offsets, labels, turns


def _stamp(picture: Encoded) -> str:
    """Return what stands for the content of a mask that is a file."""
    if not isinstance(picture, Path):
        return ""
    try:
        status = picture.stat()
    except OSError:
        return str(picture)
    return f"{picture} {status.st_size} {status.st_mtime_ns}"
