"""Columns of a table in the compact form that training reads: captions, attribute numbers, label numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from limner.data.problems import RESERVED, attribute_text
from limner.errors import UserError

_ROWS_AT_ONCE = 10_000
MOST_VALUES = 64
"""A column of text with more distinct values is not an attribute."""


@dataclass(frozen=True)
class Texts:
    """All captions of all rows, O(1) to reach, as compact as Arrow keeps them."""

    offsets: np.ndarray
    """int64 (N + 1,): row k has `values[offsets[k]:offsets[k + 1]]`."""
    values: Any
    """Arrow array of text."""

    def row(self, row: int) -> tuple[str, ...]:
        """Return the captions of one row."""
        start, stop = int(self.offsets[row]), int(self.offsets[row + 1])
        return tuple(self.values[k].as_py() for k in range(start, stop))

    def most(self, rows: np.ndarray) -> int:
        """Return the largest number of captions that one of `rows` has."""
        return int((self.offsets[rows + 1] - self.offsets[rows]).max(initial=0))

    def each(self, rows: np.ndarray) -> Iterator[str]:
        """Yield every caption of `rows`, many times faster than row by row."""
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield from self._of(rows[start : start + _ROWS_AT_ONCE]).to_pylist()

    def digest(self, rows: np.ndarray) -> bytes:
        """Return 16 bytes that stand for the captions of `rows`, in order."""
        hashed = hashlib.blake2b(digest_size=16)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            values = self._of(part)
            hashed.update((self.offsets[part + 1] - self.offsets[part]).tobytes())
            hashed.update(pc.binary_length(values).to_numpy().tobytes())
            hashed.update("".join(values.to_pylist()).encode())
        return hashed.digest()

    def _of(self, rows: np.ndarray) -> Any:
        starts, counts = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        firsts = np.concatenate(([0], np.cumsum(counts)[:-1])) if len(rows) else counts
        return self.values.take(pa.array(np.repeat(starts - firsts, counts) + np.arange(counts.sum())))

    def faults(self) -> tuple[np.ndarray, np.ndarray]:
        """Return for each row whether captions are missing and whether one is empty: two of bool (N,)."""
        blank = pc.fill_null(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(self.values)), 0), True)
        total = np.concatenate(([0], np.cumsum(blank.to_numpy(zero_copy_only=False))))
        missing = self.offsets[1:] == self.offsets[:-1]
        return missing, total[self.offsets[1:]] > total[self.offsets[:-1]]


def texts(column: pa.ChunkedArray, name: str, source: str) -> Texts:
    """Take in a column of captions: text, or lists of text.

    Raises:
        UserError: it holds something else.
    """
    array = joined(column)
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        offsets, values = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))), array.flatten()
    else:  # null is a missing caption: no value at all
        present = pc.is_valid(array).to_numpy(zero_copy_only=False)
        offsets, values = np.concatenate(([0], np.cumsum(present, dtype=np.int64))), array.drop_null()
    if not _is_text(values.type):
        raise UserError(f"the column {name} of {source} holds {kind}, but captions are text or lists of text")
    return Texts(offsets, values.cast(pa.large_string()))


def attribute_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Find the attributes: fields of the column `attributes`, then every other column of few distinct texts."""
    found: dict[str, Any] = {}
    if "attributes" in columns and pa.types.is_struct(columns["attributes"].type):
        struct = joined(columns["attributes"])
        found = {field.name: pc.struct_field(struct, field.name) for field in struct.type}
    for name, column in columns.items():
        if name in RESERVED or name in found or not _is_text(column.type):
            continue
        if 2 <= pc.count_distinct(column).as_py() <= min(MOST_VALUES, max(2, len(column) // 2)):
            found[name] = column
    return found


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def numbered(
    column: Any, values: tuple[str, ...] | None = None, name: str = "label"
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the sorted distinct values as text, and the number of each row's value: int32 (N,), -1 for none.

    With `values` given (names of classes), the column holds their numbers already.

    Raises:
        UserError: it holds lists or structures; `name` says whose values these are.
    """
    column = joined(column)
    if pa.types.is_nested(column.type):
        raise UserError(f"{name} holds {column.type!s:.60}, but each of its values is one text or number")
    if values is not None:
        numbers = pc.fill_null(column, -1).to_numpy(zero_copy_only=False).astype(np.int32)
        return values, np.where((numbers >= 0) & (numbers < len(values)), numbers, -1)
    encoded = column.dictionary_encode() if not pa.types.is_dictionary(column.type) else column
    distinct = encoded.dictionary.to_pylist()
    names = [attribute_text(value) for value in distinct]
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in distinct)
    ranked = sorted({n for n in names if n is not None}, key=int if whole else None)
    place = {name: number for number, name in enumerate(ranked)}
    lookup = np.array([-1 if name is None else place[name] for name in names] + [-1], dtype=np.int32)
    indices = pc.fill_null(encoded.indices, len(names)).to_numpy(zero_copy_only=False)
    return tuple(ranked), lookup[indices]


def joined(column: Any) -> Any:
    """Join the chunks of a column."""
    if isinstance(column, pa.ChunkedArray):
        kind = column.type
        if pa.types.is_string(kind):  # 32-bit offsets would limit all captions together to 2 GB
            column = column.cast(pa.large_string())
        joined = column.combine_chunks()
        return pa.concat_arrays(joined.chunks) if isinstance(joined, pa.ChunkedArray) else joined
    return column
