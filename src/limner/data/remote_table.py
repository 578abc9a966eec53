"""Parquet at an address, as a table of which columns and row groups are read when they are asked for, and no others.

It has what is used of a table of Hugging Face `datasets` here, which would copy the files whole. Columns without bytes
in them (captions, labels, boxes) are read once and kept; of those with bytes (pictures, masks) the row groups that hold
the rows, a few of which are kept.
"""

from __future__ import annotations

import bisect
import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_AT_ONCE = 16
"""Files, or row groups, that are read at once: each waits for the network most of the time."""
_KEPT = 4 * _AT_ONCE
"""Row groups of pictures that are kept."""


class ParquetFile:
    """A Parquet file at an address; only its footer is read when it is opened.

    Args:
        reached: the filesystem of `fsspec`.
        path: of the file in it.
    """

    def __init__(self, reached: Any, path: str) -> None:
        self._reached, self.path = reached, path
        self._footer: pq.FileMetaData | None = None
        opened = self._open()
        self._footer = opened.metadata
        self.schema: pa.Schema = opened.schema_arrow
        groups = range(self._footer.num_row_groups)
        self.ends = list(itertools.accumulate(self._footer.row_group(i).num_rows for i in groups))
        """The row after each row group."""

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def read(self, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Return some columns of some row groups."""
        return self._open().read_row_groups(list(groups), columns=list(columns))

    def leaves_without_bytes(self, column: str) -> list[str]:
        """Return the paths of what cells of a column hold beside bytes, as Parquet names them."""
        assert self._footer is not None
        schema = self._footer.schema
        leaves = (schema.column(i) for i in range(len(schema)))
        return [
            leaf.path
            for leaf in leaves
            if leaf.path.partition(".")[0] == column
            and (leaf.physical_type != "BYTE_ARRAY" or leaf.logical_type.type == "STRING")
        ]

    def _open(self) -> pq.ParquetFile:
        """Open the file anew: readers of several threads share no place in it."""
        import pyarrow.parquet as pq

        return pq.ParquetFile(self._reached.open(self.path, "rb", cache_type="none"), metadata=self._footer)


def opened(reached: Any, paths: Sequence[str]) -> list[ParquetFile]:
    """Open files, many at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda path: ParquetFile(reached, path), paths))


@dataclass
class _Read:
    """What was read so far, shared by all views of a table."""

    files: Sequence[ParquetFile]
    columns: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    made: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    groups: OrderedDict[tuple[int, int, str], pa.ChunkedArray] = field(default_factory=OrderedDict)


@dataclass(frozen=True)
class RemoteTable:
    """A table, or some columns of it; rows are those of its files, one after another."""

    features: Any
    """`datasets.Features` by the names that columns have here."""
    _names: Mapping[str, str]
    """The name of each column in the files; of one that is made of others, its own."""
    _made: Mapping[str, Callable[[RemoteTable], pa.ChunkedArray]]
    """How columns are made that the files do not have."""
    _read: _Read
    _arrow: bool = False

    @classmethod
    def of(cls, files: Sequence[ParquetFile], features: Any) -> RemoteTable:
        """Return the table of files that have the same columns."""
        return cls(features, {name: name for name in features}, {}, _Read(files))

    def __len__(self) -> int:
        return sum(map(len, self._read.files))

    @property
    def column_names(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.features)

    def select_columns(self, names: str | Sequence[str]) -> RemoteTable:
        """Return the same rows with these columns alone."""
        wanted = [names] if isinstance(names, str) else names
        return replace(self, features={name: self.features[name] for name in wanted})

    def with_format(self, kind: str) -> RemoteTable:
        """Return the same, whose rows come as a table of Arrow."""
        return replace(self, _arrow=kind == "arrow")

    def renamed(self, old: str, new: str, feature: Any) -> RemoteTable:
        """Return the same with another name, and kind, of a column; a column that had the name before is left out."""
        kept = {name: one for name, one in self.features.items() if name not in (old, new)}
        return replace(self, features={new: feature, **kept}, _names={**self._names, new: self._names[old]})

    def with_column(
        self, name: str, of: Sequence[str], feature: Any, make: Callable[[RemoteTable], pa.ChunkedArray]
    ) -> RemoteTable:
        """Return the same with a column that is made in the place of others."""
        kept = {one: kind for one, kind in self.features.items() if one not in (*of, name)}
        whole = self

        return replace(self, features={**kept, name: feature}, _made={**self._made, name: lambda _: make(whole)})

    def without_bytes(self, name: str) -> pa.ChunkedArray:
        """Return a whole column without the bytes that its cells hold: of masks, the labels."""
        import pyarrow as pa

        if not self._has_bytes(name):
            return self.select_columns(name).with_format("arrow")[:].column(name)
        leaves = self._read.files[0].leaves_without_bytes(own := self._names[name])
        if not leaves:
            return pa.chunked_array([pa.nulls(len(self))])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = list(pool.map(lambda file: file.read(range(len(file.ends)), leaves), self._read.files))
        return pa.chunked_array([chunk for part in parts for chunk in part.column(own).chunks])

    def __getitem__(self, rows: slice | Sequence[int]) -> Any:
        """Return rows: lists by the name of their column, or a table of Arrow."""
        import pyarrow as pa

        found = self._slice(*rows.indices(len(self))[:2]) if isinstance(rows, slice) else self._rows(list(rows))
        return pa.table(found) if self._arrow else {name: column.to_pylist() for name, column in found.items()}

    def _slice(self, start: int, stop: int) -> dict[str, pa.ChunkedArray]:
        small = [name for name in self.features if not self._has_bytes(name)]
        self._load([name for name in small if name not in self._made])
        return {
            name: self._column(name).slice(start, stop - start) if name in small else self._bytes(name, start, stop)
            for name in self.features
        }

    def _rows(self, rows: list[int]) -> dict[str, pa.ChunkedArray]:
        import pyarrow as pa

        if not any(map(self._has_bytes, self.features)):
            return {name: column.take(pa.array(rows, pa.int64())) for name, column in self._slice(0, len(self)).items()}
        parts = [self._slice(row, row + 1) for row in rows] or [self._slice(0, 0)]
        return {name: pa.chunked_array([c for part in parts for c in part[name].chunks]) for name in self.features}

    def _has_bytes(self, name: str) -> bool:
        if name in self._made or not self._read.files:
            return False
        return _holds_bytes(self._read.files[0].schema.field(self._names[name]).type)

    def _column(self, name: str) -> pa.ChunkedArray:
        """Return a whole column."""
        if name not in self._made:
            return self._read.columns[self._names[name]]
        if name not in self._read.made:
            self._read.made[name] = self._made[name](self)
        return self._read.made[name]

    def _load(self, names: Sequence[str]) -> None:
        """Read whole columns that were not read yet, of many files at once."""
        import pyarrow as pa

        missing = [own for name in names if (own := self._names[name]) not in self._read.columns]
        if not missing:
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = list(pool.map(lambda file: file.read(range(len(file.ends)), missing), self._read.files))
        for own in missing:
            kind = parts[0].schema.field(own).type
            self._read.columns[own] = pa.chunked_array([c for part in parts for c in part.column(own).chunks], kind)

    def _bytes(self, name: str, start: int, stop: int) -> pa.ChunkedArray:
        """Return rows of a column with bytes in it, read by row groups."""
        import pyarrow as pa

        own, wanted = self._names[name], list[tuple[int, int, int, int]]()
        ends = list(itertools.accumulate(map(len, self._read.files)))
        for number in range(bisect.bisect_right(ends, start), len(self._read.files)):
            file, before = self._read.files[number], ends[number] - len(self._read.files[number])
            for group, end in enumerate(file.ends):
                begin = before + (file.ends[group - 1] if group else 0)
                if begin < stop and before + end > start:
                    wanted.append((number, group, max(start - begin, 0), min(stop, before + end) - max(start, begin)))
            if ends[number] >= stop:
                break
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            groups = list(pool.map(lambda one: self._group(own, one[0], one[1]), wanted))
        for (number, group, *_), column in zip(wanted, groups, strict=True):
            self._read.groups[number, group, own] = column
        while len(self._read.groups) > _KEPT:
            self._read.groups.popitem(last=False)
        parts = [column.slice(skip, count) for column, (*_, skip, count) in zip(groups, wanted, strict=True)]
        kind = self._read.files[0].schema.field(own).type
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], kind)

    def _group(self, own: str, number: int, group: int) -> pa.ChunkedArray:
        kept = self._read.groups.get((number, group, own))
        return kept if kept is not None else self._read.files[number].read([group], [own]).column(own)


def _holds_bytes(kind: Any) -> bool:
    """Tell whether values of a kind hold bytes, at any depth."""
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))
