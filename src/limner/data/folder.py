"""Pictures in a folder and their captions: metadata files, captions.csv, or a .txt beside each picture."""

from __future__ import annotations

import csv
import functools
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from limner.data.problems import TEXT_NAMES, BadRow, Problem, attributes_of, captions_of, frame_of
from limner.data.splits import SPLITS, UnknownSplit, folders_by_split, split_of
from limner.errors import UserError
from limner.pictures import EXTENSIONS

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
CAPTIONS = "captions.csv"
DEEPEST = 12
"""Levels of lists and objects in a line of JSON; no column needs half as many."""


@dataclass(frozen=True)
class Row:
    """One picture and its columns, `text` as a tuple of captions."""

    path: Path
    file: str
    line: int
    columns: dict[str, Any]
    split: str = "train"
    stamp: tuple[int, int] = (0, 0)
    """Size in bytes and time of change of the picture."""


@dataclass
class Listing:
    """What a folder holds."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unusable: set[Path] = field(default_factory=set)
    """Pictures that a line names which cannot be used."""


@dataclass(frozen=True)
class _Line:
    """A line of a metadata file before it was judged."""

    base: Path
    file: str
    line: int
    columns: dict[str, Any]
    split: str | None = None


def read_folder(root: Path) -> Listing:
    """Read every row of a folder of pictures; rows that cannot be used become problems.

    Raises:
        UserError: the folder holds no pictures, or its metadata lacks the column `file_name`.
    """
    listing = Listing()
    if found := metadata_of(root):
        lines = [line for path, split in found for line in _lines(path, split, listing)]
        _judge(root, lines, listing)
    elif (root / CAPTIONS).is_file():
        lines = list(_lines(_within(root, root / CAPTIONS), None, listing))
        _judge(root, _merged(lines), listing)
    else:
        _plain(root, listing)
    if not listing.rows and not listing.problems:
        raise UserError(f"{root} holds no pictures: put pictures and a metadata.jsonl there ({_EXAMPLE})")
    return listing


_EXAMPLE = 'a line such as {"file_name": "1.png", "text": "a red hat"} for each picture'


def metadata_of(root: Path) -> list[tuple[Path, str | None]]:
    """Return the metadata file of a folder, or those of its subfolders train, test, ... with their split.

    Raises:
        UserError: a subfolder has one and looks like a split, and is none that is known; or one lies outside `root`.
    """

    def first(folder: Path) -> Path | None:
        path = next((folder / name for name in METADATA if (folder / name).is_file()), None)
        return None if path is None else _within(root, path)

    if (path := first(root)) is not None:
        return [(path, None)]
    found = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if (path := first(folder)) is None:
            continue
        try:
            found.append((path, split_of(folder.name)))
        except UnknownSplit as error:
            raise UserError(f"{root}: the folder {error}") from None
    return sorted(((path, split) for path, split in found if split), key=lambda one: SPLITS.index(one[1]))


def is_within(root: Path, path: Path) -> bool:
    """Tell whether a file lies below a folder, links followed."""
    return path.resolve().is_relative_to(root.resolve())


def _within(root: Path, path: Path) -> Path:
    if not is_within(root, path):
        raise UserError(f"{path} is a link to a file outside the folder: copy that file into the folder")
    return path


def files_in(root: Path, extensions: Collection[str] = EXTENSIONS) -> Iterator[Path]:
    """Yield every picture (or every file with one of `extensions`) below `root`, sorted; hidden ones are left out."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in extensions and not name.startswith("."):
                yield Path(folder, name)


def _lines(path: Path, split: str | None, listing: Listing) -> Iterator[_Line]:
    shown = str(path)
    try:
        for number, columns in table_lines(path):
            if isinstance(columns, str):
                listing.problems.append(Problem(shown, number, "bad line", columns))
            else:
                yield _Line(path.parent, shown, number, columns, split)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def table_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield the number of each line of a .jsonl, .csv or .parquet file with its columns, or with what is wrong.

    Raises:
        OSError: it cannot be read.
        UserError: it is not a Parquet file.
    """
    return {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[path.suffix](path)


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                columns = json.loads(line.decode("utf-8-sig"))
                if b"\\u" in line:
                    json.dumps(columns, ensure_ascii=False).encode()  # half an emoji cannot be kept as text
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


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        try:
            for columns in reader:
                extra = columns.pop(None, None)
                fault = "has more cells than the first line: put captions that hold commas in double quotes"
                yield reader.line_num, fault if extra else dict(columns)
        except csv.Error as error:
            yield reader.line_num, f"is not CSV: {error}"


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for start, batch in _numbered(pq.ParquetFile(path).iter_batches(1024)):
            yield from enumerate(batch.to_pylist(), start=start + 1)
    except pa.ArrowException as error:
        raise UserError(f"{path} is not a Parquet file: {str(error).splitlines()[0]}") from None


def _numbered(batches: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    start = 0
    for batch in batches:
        yield start, batch
        start += batch.num_rows


def _merged(lines: list[_Line]) -> list[_Line]:
    """Join the lines of one picture: in captions.csv a picture is repeated for each of its captions."""
    first: dict[Any, _Line] = {}
    for line in lines:
        name, text = line.columns.get("file_name"), next((n for n in TEXT_NAMES if n in line.columns), None)
        if text is None:
            found = ", ".join(map(str, line.columns))
            raise UserError(f"{line.file} has no column text (or caption); its columns are: {found}")
        captions = [line.columns[text]]
        if name in first:
            captions = first[name].columns["text"] + captions
        kept = first.get(name, line)
        columns = {n: v for n, v in kept.columns.items() if n != text}
        first[name] = replace(kept, columns={**columns, "text": captions})
    return list(first.values())


def _judge(root: Path, lines: list[_Line], listing: Listing) -> None:
    names = dict.fromkeys(name for line in lines for name in line.columns)
    if lines and "file_name" not in names:
        found = ", ".join(map(str, names)) or "none"
        raise UserError(f"{lines[0].file} has no column file_name; its columns are: {found}")
    text = next((name for name in TEXT_NAMES if name in names), None)
    inside = _Inside(root)
    seen: dict[Path, _Line] = {}
    splits = folders_by_split(_first_folder(line.columns.get("file_name")) for line in lines)
    for line in lines:
        try:
            row = _row(line, text, inside, splits)
            if row.path in seen:
                first = seen[row.path]
                raise BadRow("duplicate name", f"names {row.columns['file_name']!r} again (first in line {first.line})")
            seen[row.path] = line
            del row.columns["file_name"]
            listing.rows.append(row)
        except BadRow as error:
            listing.problems.append(Problem(line.file, line.line, error.kind, str(error)))
            if isinstance(name := line.columns.get("file_name"), str):
                listing.unusable.add(line.base / name)


def _first_folder(name: object) -> str:
    return name.partition("/")[0] if isinstance(name, str) and "/" in name else ""


def _row(line: _Line, text: str | None, inside: _Inside, splits: Mapping[str, str | UnknownSplit | None]) -> Row:
    columns, name = dict(line.columns), line.columns.get("file_name")
    if not isinstance(name, str) or not name:
        raise BadRow("no file_name", "has no file_name")
    path, stamp = inside.find(line.base, name)
    split = line.split or str(columns.pop("split", None) or "").strip()
    if not split:
        by_folder = splits[_first_folder(name)]
        if isinstance(by_folder, UnknownSplit):
            raise BadRow("unknown split", f"the picture {name!r}: {by_folder}")
        split = by_folder or "train"
    columns.pop("image", None)  # the file is the picture
    if isinstance(columns.get("label"), list | dict):
        raise BadRow("wrong label", f"the label is one text or number, not {columns['label']!r:.40}")
    if text is not None:
        columns["text"] = list(captions_of(columns.pop(text, None)))
    if "attributes" in columns:
        columns["attributes"] = attributes_of(columns["attributes"])
    if "story" in columns and "frame" in columns:
        columns["frame"] = None if columns["story"] in (None, "") else frame_of(columns["frame"])
    return Row(path, line.file, line.line, columns, split, stamp)


class _Inside:
    """Finds files below a folder and nowhere else."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self._real = functools.cache(os.path.realpath)  # a folder is resolved once, not for each of its files

    def find(self, base: Path, name: str) -> tuple[Path, tuple[int, int]]:
        """Return the path and stamp of file `name`, given relative to `base`.

        Raises:
            BadRow: it is missing, no file, or lies outside the folder (also through a link).
        """
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name or Path(name).is_absolute():
            raise BadRow("outside", f"the file_name {name!r} points outside the folder")
        path = base / relative
        try:
            status = path.lstat()
            real = os.path.join(self._real(path.parent), path.name)
            if path.is_symlink():
                real, status = os.path.realpath(path), path.stat()
        except (OSError, ValueError):
            raise BadRow("missing file", f"the picture {name!r} does not exist") from None
        if os.path.commonpath((self.root, real)) != self.root:
            raise BadRow("outside", f"the file_name {name!r} points outside the folder, through a link")
        if not os.path.isfile(real):
            raise BadRow("missing file", f"the picture {name!r} is not a file")
        return path, (status.st_size, status.st_mtime_ns)


def _plain(root: Path, listing: Listing) -> None:
    """Read pictures without metadata: captions from same-named .txt files, labels from subfolders."""
    paths = list(files_in(root))
    captioned = any(path.with_suffix(".txt").is_file() for path in paths)
    inside = _Inside(root)
    places = [path.relative_to(root).parent.parts for path in paths]
    by_folder = folders_by_split(parts[0] if parts else "" for parts in places)
    splits = [by_folder[parts[0] if parts else ""] for parts in places]
    labels = [parts[1:] if split else parts for parts, split in zip(places, splits, strict=True)]
    labelled = all(len(parts) == 1 for parts in labels) and len(set(labels)) > 1
    for path, split, label in zip(paths, splits, labels, strict=True):
        relative = path.relative_to(root).as_posix()
        try:
            if isinstance(split, UnknownSplit):
                raise BadRow("unknown split", str(split))
            _, stamp = inside.find(root, relative)
            columns: dict[str, Any] = {"label": label[0]} if labelled else {}
            if captioned:
                columns["text"] = list(_beside(path, inside))
            listing.rows.append(Row(path, str(path), 0, columns, split or "train", stamp))
        except BadRow as error:
            listing.problems.append(Problem(str(path), 0, error.kind, str(error)))
            listing.unusable.add(path)


def _beside(path: Path, inside: _Inside) -> tuple[str, ...]:
    beside = path.with_suffix(".txt")
    if beside.is_symlink():  # what it says would be published with the words and examples of a checkpoint
        inside.find(beside.parent, beside.name)
    try:
        lines = beside.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise BadRow("missing caption", f"the caption is missing: there is no {beside.name}") from None
    except (OSError, ValueError) as error:
        raise BadRow("caption is not text", f"{beside.name} is not UTF-8 text: {error}") from None
    captions = tuple(line.strip() for line in lines if line.strip())
    if not captions:
        raise BadRow("empty caption", f"the caption is empty: {beside.name} holds no text")
    return captions
