"""Pictures in a folder and their captions: metadata files, captions.csv, or a text file beside each picture."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from limner.data.beside import Beside
from limner.data.choose import BY_NAME, FILE_NAMES, Choice, captions_in
from limner.data.inside import Inside, within
from limner.data.problems import BadRow, Problem, attributes_of, captions_of, frame_of
from limner.data.splits import SPLITS, UnknownSplit, folders_by_split, split_of
from limner.data.table_files import NotText, table_lines
from limner.errors import UserError
from limner.pictures import EXTENSIONS

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
CAPTIONS = "captions.csv"
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar", ".zst")


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
    read: set[Path] = field(default_factory=set)
    """Files of metadata and of captions that were read."""
    columns: tuple[str, ...] = ()
    """The columns that captions come from."""


@dataclass(frozen=True)
class _Line:
    """A line of a metadata file before it was judged."""

    base: Path
    file: str
    line: int
    columns: dict[str, Any]
    split: str | None = None


def read_folder(root: Path, choice: Choice = BY_NAME) -> Listing:
    """Read every row of a folder of pictures; rows that cannot be used become problems.

    Raises:
        UserError: the folder holds no pictures, or its metadata does not name them.
    """
    listing = Listing()
    if found := metadata_of(root):
        lines = [line for path, split in found for line in _lines(path, split, listing, choice)]
        _judge(root, lines, listing, choice)
    elif (root / CAPTIONS).is_file():
        lines = list(_lines(within(root, root / CAPTIONS), None, listing, choice))
        _judge(root, _merged(lines, choice), listing, choice)
    else:
        _plain(root, listing)
    if not listing.rows and not listing.problems:
        raise UserError(f"{root} holds no pictures{_way_on(root)}")
    return listing


_EXAMPLE = 'a line such as {"file_name": "1.png", "text": "a red hat"} for each picture'


def _way_on(root: Path) -> str:
    """Say what to do with a folder in which no picture is."""
    if archive := next(files_in(root, ARCHIVES), None):
        return f", and {archive.relative_to(root)} is an archive: {unpacking(archive, root)}"
    if any(path.is_symlink() and path.is_dir() for path in root.iterdir()):
        return ", and folders in it that are links are not followed: name the folder that they lead to"
    return f": put pictures and a metadata.jsonl there ({_EXAMPLE})"


def unpacking(archive: Path, root: Path) -> str:
    """Say how an archive, or the shards of a folder, become a folder of pictures."""
    tool = f"unzip {archive} -d {root}" if archive.suffix.lower() == ".zip" else f"tar -xf {archive} -C {root}"
    more = ", each shard of it," if archive.parent == root else ""
    return f"unpack it first{more} and name the folder ({tool})"


def metadata_of(root: Path) -> list[tuple[Path, str | None]]:
    """Return the metadata file of a folder, or those of its subfolders train, test, ... with their split.

    Raises:
        UserError: a subfolder has one and looks like a split, and is none that is known, or lies beside such folders;
            or a file lies outside `root`.
    """

    def first(folder: Path) -> Path | None:
        path = next((folder / name for name in METADATA if _has_lines(folder / name)), None)
        return None if path is None else within(root, path)

    if (path := first(root)) is not None:
        return [(path, None)]
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = {folder.name: path for folder in folders if (path := first(folder)) is not None}
    splits = folders_by_split(found)
    for split in splits.values():
        if isinstance(split, UnknownSplit):
            raise UserError(f"{root}: the folder {split}")
    order = (*SPLITS, None)
    return sorted(((found[name], split) for name, split in splits.items()), key=lambda one: order.index(one[1]))  # type: ignore[misc]


def _has_lines(path: Path) -> bool:
    """Tell whether there is a file of metadata, or a folder of its parts, as Spark writes it."""
    return path.is_file() or (path.is_dir() and any(path.glob(f"*{path.suffix}")))


def files_in(root: Path, extensions: Collection[str] = EXTENSIONS) -> Iterator[Path]:
    """Yield every picture (or every file with one of `extensions`) below `root`, sorted; hidden ones are left out."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in extensions and not name.startswith("."):
                yield Path(folder, name)


def _lines(path: Path, split: str | None, listing: Listing, choice: Choice) -> Iterator[_Line]:
    shown, names = str(path), FILE_NAMES if choice.image is None else (choice.image,)
    listing.read.update([path] if path.is_file() else path.glob(f"*{path.suffix}"))
    try:
        for number, columns in table_lines(path, names):
            if isinstance(columns, str):
                listing.problems.append(Problem(shown, number, "bad line", columns))
            else:
                yield _Line(path.parent, shown, number, columns, split)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except NotText as error:
        raise UserError(f"{path} {error}") from None


def _merged(lines: list[_Line], choice: Choice) -> list[_Line]:
    """Join the lines of one picture: in captions.csv a picture is repeated for each of its captions."""
    first: dict[Any, _Line] = {}
    for line in lines:
        file, text = choice.file_column(line.columns), choice.text_columns(line.columns)
        if not text:
            found = ", ".join(map(str, line.columns))
            raise UserError(
                f"{line.file} has no column text (or caption); its columns are: {found}: name one with --text-column"
            )
        name, captions = line.columns.get(file), captions_in(line.columns, text)  # type: ignore[arg-type]
        captions = captions if isinstance(captions, list) else [captions]
        if name in first:
            captions = first[name].columns[text[0]] + captions
        kept = first.get(name, line)
        columns = {n: v for n, v in kept.columns.items() if n not in text}
        first[name] = replace(kept, columns={**columns, text[0]: captions})
    return list(first.values())


def _judge(root: Path, lines: list[_Line], listing: Listing, choice: Choice) -> None:
    names = dict.fromkeys(name for line in lines for name in line.columns)
    file = choice.file_column(names)
    if lines and file is None:
        found = ", ".join(map(str, names)) or "none"
        advice = "name the one with the pictures' file names by --image-column"
        raise UserError(f"{lines[0].file} has no column file_name; its columns are: {found}: {advice}")
    if lines:
        choice.check(names, lines[0].file)
        listing.columns = choice.text_columns(names)
    inside = Inside(root)
    seen: dict[Path, _Line] = {}
    lines = [replace(line, columns=_with_file_name(line.columns, file or "")) for line in lines]
    splits = folders_by_split(_first_folder(line.columns["file_name"]) for line in lines)
    for line in lines:
        try:
            row = _row(line, listing.columns, inside, splits)
            if row.path in seen:
                first = seen[row.path]
                raise BadRow("duplicate name", f"names {row.columns['file_name']!r} again (first in line {first.line})")
            seen[row.path] = line
            del row.columns["file_name"]
            listing.rows.append(row)
        except BadRow as error:
            listing.problems.append(Problem(line.file, line.line, error.kind, str(error)))
            if isinstance(name := line.columns["file_name"], str):
                listing.unusable.add(line.base / name)


def _with_file_name(columns: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Return the columns of a line with the name of its picture as `file_name`, first."""
    return {"file_name": columns.get(file)} | {name: cell for name, cell in columns.items() if name != file}


def _first_folder(name: object) -> str:
    return name.partition("/")[0] if isinstance(name, str) and "/" in name else ""


def _row(line: _Line, text: tuple[str, ...], inside: Inside, splits: Mapping[str, str | UnknownSplit | None]) -> Row:
    columns, name = dict(line.columns), line.columns["file_name"]
    if not isinstance(name, str) or not name:
        raise BadRow("no file_name", "has no file_name")
    path, stamp = inside.find(line.base, name)
    split = _split(line, columns, splits)
    columns.pop("image", None)  # the file is the picture
    if isinstance(columns.get("label"), list | dict):
        raise BadRow("wrong label", f"the label is one text or number, not {columns['label']!r:.40}")
    if text:
        captions = list(captions_of(captions_in(columns, text)))
        columns = {name: cell for name, cell in columns.items() if name not in text} | {"text": captions}
    if "attributes" in columns:
        columns["attributes"] = attributes_of(columns["attributes"])
    if "story" in columns and "frame" in columns:
        columns["frame"] = None if columns["story"] in (None, "") else frame_of(columns["frame"])
    return Row(path, line.file, line.line, columns, split, stamp)


def _split(line: _Line, columns: dict[str, Any], splits: Mapping[str, str | UnknownSplit | None]) -> str:
    """Return the split of a line: that of its file's folder, its column, or the folder of its picture."""
    said = str(columns.pop("split", None) or "").strip()
    if line.split and said:
        try:
            known = split_of(said)
        except UnknownSplit:
            known = None
        if known != line.split:
            raise BadRow("unknown split", f"its column split is {said!r}, and its file lies in that of {line.split}")
    if line.split or said:
        return line.split or said
    by_folder = splits[_first_folder(columns["file_name"])]
    if isinstance(by_folder, UnknownSplit):
        raise BadRow("unknown split", f"the picture {columns['file_name']!r}: {by_folder}")
    return by_folder or "train"


def _plain(root: Path, listing: Listing) -> None:
    """Read pictures without metadata: captions from text files of their names, labels from subfolders."""
    paths = list(files_in(root))
    inside = Inside(root)
    beside = Beside(paths, inside)
    listing.read = beside.read
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
            if beside.captioned:
                columns["text"] = list(beside.captions(path))
            listing.rows.append(Row(path, str(path), 0, columns, split or "train", stamp))
        except BadRow as error:
            listing.problems.append(Problem(str(path), 0, error.kind, str(error)))
            listing.unusable.add(path)
    for path in linked_folders(root):
        if not path.resolve().is_relative_to(inside.root):
            message = "is a link to a folder outside, which is not read: copy it into the folder, or name that folder"
            listing.problems.append(Problem(str(path), 0, "outside", message))


def linked_folders(root: Path) -> Iterator[Path]:
    """Yield the folders below `root` that are links, which nothing follows."""
    for folder, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (path for name in folders if (path := Path(folder, name)).is_symlink())
