"""Files of metadata, line by line: .jsonl, .csv and .parquet, each strict, so that what is lost is named.

A line that cannot be read is told with its number, and reading goes on behind it. Text is UTF-8, or UTF-16 where the
file begins with its mark; nothing else is guessed. A quote that never closes, or that would swallow lines which look
like rows of their own, costs its own line only.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from limner.errors import UserError
from limner.pictures import EXTENSIONS

Columns = dict[str, Any]
Line = tuple[int, Columns | str]
"""A number from 1, and the columns there, or what is wrong with the line."""
DEEPEST = 12
"""Levels of lists and objects in a line of JSON; no column needs half as many."""
_SEPARATORS = ",;\t|"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class NotText(ValueError):
    """Bytes that are not text in an encoding that can be told; the message says what they might be."""


def text_of(raw: bytes) -> str:
    """Decode UTF-8, or UTF-16 with its mark.

    Raises:
        NotText: it is neither.
    """
    try:
        return raw.decode("utf-16" if raw[:2] in _UTF16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        byte, wrong = error.object[error.start], " ".join(raw.decode("cp1252", "replace").split())
        raise NotText(
            f"is not UTF-8 text (byte 0x{byte:02X}); in Windows-1252 it reads {wrong!r:.60}: save the file as UTF-8"
        ) from None


def table_lines(path: Path, file_columns: Sequence[str] = ("file_name",)) -> Iterator[Line]:
    """Yield the number of each line of a .jsonl, .csv or .parquet file with its columns, or with what is wrong.

    A folder of such files, as Spark writes it, is read as one. In a .csv the first of `file_columns` names pictures.

    Raises:
        OSError: it cannot be read.
        UserError: it is not a Parquet file, or the first line of a .csv does not name columns.
    """
    kinds: dict[str, Callable[[Path], Iterator[Line]]] = {".jsonl": _jsonl, ".parquet": _parquet}
    kinds[".csv"] = functools.partial(_csv, file_columns=file_columns)
    for part in [path] if path.is_file() else sorted(path.glob(f"*{path.suffix}")):
        yield from kinds[path.suffix](part)


def _jsonl(path: Path) -> Iterator[Line]:
    with path.open("rb") as opened:
        file: IO[bytes] = opened
        if opened.peek(2)[:2] in _UTF16:
            file = io.BytesIO(text_of(opened.read()).encode("utf-8", "surrogatepass"))
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                columns = json.loads(text_of(line))
                if b"\\u" in line:
                    json.dumps(columns, ensure_ascii=False).encode()  # half an emoji cannot be kept as text
            except NotText as error:
                yield number, str(error)
                continue
            except (ValueError, RecursionError) as error:
                yield number, f"is not JSON: {error}"
                continue
            if _deeper(columns, DEEPEST):
                yield number, f"is nested more than {DEEPEST} deep"
            else:
                yield number, columns if isinstance(columns, dict) else "is not a JSON object"


def _deeper(value: Any, levels: int) -> bool:
    """Tell whether lists and objects are nested deeper than so many levels."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (levels == 0 or any(_deeper(one, levels - 1) for one in inner))


def _csv(path: Path, file_columns: Sequence[str]) -> Iterator[Line]:
    """Read a table with quotes as RFC 4180 has them; , ; tab or | separate, as the first line does."""
    with path.open("rb") as file:
        yield from _csv_lines(path, _Lines(_text_lines(file)), file_columns)


def _csv_lines(path: Path, lines: _Lines, file_columns: Sequence[str]) -> Iterator[Line]:
    first = lines.at(0)
    if first is None:
        return
    if isinstance(first, NotText):
        raise UserError(f"{path}:1: the first line {first}")
    separator = max(_SEPARATORS, key=lambda one: (first.count(one), one == ","))
    reader = _Records(lines, separator)
    _, names = reader.record(0)
    if isinstance(names, str):
        raise UserError(f"{path}:1: the first line {names}")
    names = [name.strip() for name in names]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{path}:1: the first line names the column {twice!r} twice: give each a name of its own")
    reader.cells = len(names)
    reader.file_place = next((names.index(name) for name in file_columns if name in names), -1)
    at = 1
    while lines.at(at) is not None:
        after, cells = reader.record(at)
        if isinstance(cells, str):
            yield at + 1, cells
        elif cells and len(cells) != len(names):
            many = "more" if len(cells) > len(names) else "fewer"
            yield at + 1, f"has {many} cells than the first line: put captions that hold commas in double quotes"
        elif cells:
            yield at + 1, dict(zip(names, cells, strict=True))
        at = after
        lines.forget(at)


def _text_lines(file: IO[bytes]) -> Iterator[str | NotText]:
    """Yield the lines, each with its end, or why it is not text."""
    mark = file.read(3)
    if mark[:2] in _UTF16:
        file.seek(0)
        yield from io.StringIO(text_of(file.read()), newline="")
        return
    file.seek(3 if mark == b"\xef\xbb\xbf" else 0)
    for some in file:
        for line in some.replace(b"\r\n", b"\n").replace(b"\r", b"\n").splitlines(keepends=True):
            try:
                yield text_of(line)
            except NotText as error:
                yield error


class _Lines:
    """Lines that are read when they are asked for, and forgotten when they are behind: a file may be of any length."""

    def __init__(self, lines: Iterator[str | NotText]) -> None:
        self._lines, self._kept = lines, deque[str | NotText]()
        self._first = 0
        """The number of the first line that is kept."""

    def at(self, number: int) -> str | NotText | None:
        """Return a line by its number, from 0; None where the file has ended."""
        while self._first + len(self._kept) <= number:
            line = next(self._lines, None)
            if line is None:
                return None
            self._kept.append(line)
        return self._kept[number - self._first]

    def forget(self, number: int) -> None:
        """Forget the lines before this one."""
        while self._kept and self._first < number:
            self._kept.popleft()
            self._first += 1


class _Records:
    """The records of a .csv, each of one line or, within quotes, of several."""

    def __init__(self, lines: _Lines, separator: str) -> None:
        self.lines, self.separator = lines, separator
        self.cells, self.file_place = 0, -1

    def record(self, at: int) -> tuple[int, list[str] | str]:
        """Return where the record after this one begins, and the cells of this one or what is wrong with it."""
        if isinstance(fault := self.lines.at(at), NotText):
            return at + 1, str(fault)
        read = 0

        def some() -> Iterator[str]:
            nonlocal read
            for number in itertools.count(at):
                line = self.lines.at(number)
                if line is None or isinstance(line, NotText):
                    return
                read += 1
                yield line

        try:
            cells = next(csv.reader(some(), delimiter=self.separator, strict=True), [])
        except csv.Error as error:
            return at + 1, self._fault(str(error), at, read)
        if swallowed := next((n for n in range(at + 1, at + read) if self._is_row(n)), None):
            return at + 1, f"opens a quote that goes on over line {swallowed + 1}, which looks like a row: close it"
        return at + max(read, 1), cells

    def _fault(self, error: str, at: int, read: int) -> str:
        if "field limit" in error:
            return f"has a cell of more than {csv.field_size_limit():,} letters, or a quote that does not close"
        if read > 1 or "unexpected end" in error:
            return "opens a quote that is not closed: close it, or write quotes within a cell twice"
        return f"is not CSV: {error}"

    def _is_row(self, number: int) -> bool:
        """Tell whether a line inside of a quoted cell looks like a row: as many cells, and the name of a picture."""
        line = self.lines.at(number)
        try:
            cells = [] if not isinstance(line, str) else next(csv.reader([line], delimiter=self.separator), [])
        except csv.Error:
            return False
        if len(cells) < 2 or len(cells) < self.cells - 1 or self.file_place < 0 or self.file_place >= len(cells):
            return False
        return Path(cells[self.file_place]).suffix.lower() in EXTENSIONS


def _parquet(path: Path) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        start = 0
        for batch in pq.ParquetFile(path).iter_batches(1024):
            yield from enumerate(batch.to_pylist(), start=start + 1)
            start += batch.num_rows
    except pa.ArrowException as error:
        raise UserError(f"{path} is not a Parquet file: {str(error).splitlines()[0]}") from None
