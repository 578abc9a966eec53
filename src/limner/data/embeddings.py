"""Sentence vectors that came with a data set: the column `embedding`, a vector for each caption of each row.

Letters: N rows, M captions of all rows together, K those of one row, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from limner.data.columns import Texts, joined
from limner.data.problems import Problem
from limner.data.source import Source

COLUMN = "embedding"
_KIND = "wrong embedding"
_FORM = "lists of vectors, one for each caption, all with equally many numbers"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The vectors of all captions, as Arrow keeps them: nothing is copied before it is asked for."""

    offsets: np.ndarray
    """int64 (N + 1,): row k has the vectors from `offsets[k]` to `offsets[k + 1]`."""
    values: np.ndarray
    """(M, D)."""
    wrong: np.ndarray
    """bool (N,): whether a row's vectors cannot be used: not one for each caption, or numbers that are none."""

    @property
    def message(self) -> str:
        """Return what is said of a row that cannot be used."""
        return f"the embedding must be a list of vectors, one of {self.width} finite numbers for each caption"

    @property
    def width(self) -> int:
        """Return D."""
        return self.values.shape[1]

    def row(self, row: int) -> np.ndarray:
        """Return the vectors of one row: float32 (K, D)."""
        return np.array(self.values[self.offsets[row] : self.offsets[row + 1]], np.float32)

    def fault(self, rows: np.ndarray) -> int | None:
        """Return the first of `rows` whose vectors cannot be used, None where all can."""
        found = rows[self.wrong[rows]]
        return int(found[0]) if len(found) else None


def width_of(source: Source) -> int:
    """Return D, as the first row has it; 0 where the column is not there or holds something else."""
    if COLUMN not in source.table.column_names or not len(source.table):
        return 0
    cell = source.cells(COLUMN, 0, 1)[0]
    return len(cell[0]) if _are_vectors(cell) else 0


def problems(source: Source, texts: Texts | None) -> Iterator[Problem]:
    """Say what is wrong with the column `embedding`."""
    if COLUMN not in source.table.column_names or texts is None:
        return
    found = read_embeddings(source, texts)
    if found is None:
        yield Problem(source.name, 0, _KIND, f"the column {COLUMN} must hold {_FORM}")
        return
    for row in np.flatnonzero(found.wrong).tolist():
        yield Problem(*source.origin(row), _KIND, found.message)


def read_embeddings(source: Source, texts: Texts) -> Embeddings | None:
    """Read the column `embedding`; None where it holds no lists of equally long vectors."""
    array = joined(source.column(COLUMN))
    if not (_is_list(array.type) and _is_list(array.type.value_type)):
        return None
    counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    vectors = array.flatten()
    lengths, numbers = pc.unique(pc.list_value_length(vectors)).to_pylist(), vectors.flatten()
    plain = pa.types.is_floating(numbers.type) or pa.types.is_integer(numbers.type)
    if len(lengths) != 1 or not lengths[0] or not plain:
        return None
    offsets = np.concatenate(([0], np.cumsum(counts)))
    values = numbers.to_numpy(zero_copy_only=False).reshape(-1, lengths[0])
    unusable = np.concatenate(([0], np.cumsum(~np.isfinite(values.sum(axis=1)))))
    wrong = (counts != np.diff(texts.offsets)) | (unusable[offsets[1:]] > unusable[offsets[:-1]])
    return Embeddings(offsets, values, wrong)


def _are_vectors(cell: Any) -> bool:
    return isinstance(cell, list) and bool(cell) and isinstance(cell[0], list)


def _is_list(kind: Any) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
