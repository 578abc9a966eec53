"""Opens what is called a data set, a folder, a file or a Hub id, as one table of Hugging Face `datasets`."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.data.cache import key_of
from limner.data.choose import BY_NAME, Choice, captions_in
from limner.data.elsewhere import Elsewhere
from limner.data.folder import ARCHIVES, Row, files_in, metadata_of, read_folder, unpacking
from limner.data.hugging_face import datasets_library, explained
from limner.data.in_memory import tables_of
from limner.data.inside import is_within, nearest
from limner.data.problems import RESERVED, Problem
from limner.data.remote_table import RemoteTable
from limner.data.splits import SPLITS, UnknownSplit, split_in, split_of
from limner.errors import UserError, one_line
from limner.pictures import BadPicture, Encoded

if TYPE_CHECKING:
    import datasets

TABLES = (".parquet", ".arrow")
HELD_OUT = ("test", "validation")
"""Held-out splits; the first that is there is used."""
_ROWS_AT_ONCE = 1000
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


@dataclass(frozen=True)
class Source:
    """An opened data set: training rows first, then those that were given as held out."""

    name: str
    table: datasets.Dataset | RemoteTable
    """Its column `image` holds encoded pictures: {"bytes": ..., "path": ...}."""
    train: int
    """How many of the rows are for training."""
    key: str
    """Stands for the pictures, in order, without having read them."""
    problems: tuple[Problem, ...] = ()
    """Rows that were found but are not in the table."""
    rows: Sequence[Row] | None = None
    """Where each row comes from, if from a folder of pictures."""
    unusable: frozenset[Path] = frozenset()
    """Pictures of such a folder that belong to `problems`."""
    shards: tuple[tuple[str, int], ...] = ()
    """Otherwise the files of the table in order, each with its number of rows."""
    root: Path | None = None
    """Pictures that a table names by path must lie below it."""
    splits: Mapping[str, int] = field(default_factory=dict)
    """Rows of each split that was found, also of those that were not read."""
    text: tuple[str, ...] = ()
    """The columns that captions come from, by the names that the source gives them."""
    read: frozenset[Path] = frozenset()
    """Of a folder of pictures: the files of metadata and captions that were read."""
    elsewhere: Elsewhere | None = None
    """Where the files of a folder lie, if not here."""

    def origin(self, row: int) -> tuple[str, int]:
        """Return the file and the line (for a table: row, from 1) where a row of the table comes from."""
        if self.rows is not None:
            file = self.rows[row].file
            return self.elsewhere.named(file) if self.elsewhere else file, self.rows[row].line
        for file, count in self.shards:
            if row < count:
                return file, row + 1
            row -= count
        return self.name, row + 1

    def encoded(self, start: int, stop: int) -> list[Encoded]:
        """Return the encoded pictures of these rows."""
        if self.rows is not None:
            paths = [row.path for row in self.rows[start:stop]]
            return self.elsewhere.together(paths) if self.elsewhere else list(paths)
        cells = self.table.select_columns(["image"])[start:stop]["image"]
        return [self._picture(cell) for cell in cells]

    @property
    def pictured(self) -> bool:
        """Tell whether there are pictures; a set of sentences has none."""
        return "image" in self.table.column_names

    def cells(self, name: str, start: int, stop: int) -> list[Any]:
        """Return the cells of a column as plain values; pictures in them stay encoded."""
        return self.table.select_columns([name]).with_format("arrow")[start:stop].column(name).to_pylist()

    def each(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Any]]:
        """Yield the number of each row from `start` to `stop` with its cell of a column, as `cells` gives them."""
        last = len(self.table) if stop is None else stop
        for first in range(start, last, _ROWS_AT_ONCE):
            yield from enumerate(self.cells(name, first, min(first + _ROWS_AT_ONCE, last)), start=first)

    def column(self, name: str) -> Any:
        """Return a whole column as Arrow holds it, which may be on disk."""
        if isinstance(self.table, RemoteTable):
            return self.table.without_bytes(name)
        return self.table.select_columns([name]).with_format("arrow")[:].column(name)

    def beside(self, row: int, cell: Any) -> Encoded:
        """Return another encoded picture of a row, such as a mask: its bytes, or its file, named from the row's."""
        if isinstance(cell, str):
            base = Path(self.rows[row].file).parent if self.rows is not None else self.root or Path()
            path = base / cell
            if self.root is not None and not is_within(self.root, path):
                return BadPicture("outside", f"lies outside the folder: {cell}")
            return self.elsewhere.file(path) if self.elsewhere else path
        return self._picture(cell if isinstance(cell, dict) and {"bytes", "path"} <= cell.keys() else None)

    def _picture(self, cell: Any) -> Encoded:
        cell = {"bytes": cell} if isinstance(cell, bytes) else cell or {}
        if cell.get("bytes") is not None or not cell.get("path"):
            return cell.get("bytes") or b""
        path = Path(cell["path"])
        if isinstance(self.table, RemoteTable):  # a name in a stranger's table is no file of this machine
            return BadPicture("outside", f"is not in the table, which only names it: {path}")
        if self.root is not None and not is_within(self.root, self.root / path):
            return BadPicture("outside", f"lies outside the folder: {path}")
        return path if self.root is None else self.root / path


def open_source(name: Any, *, split: str | None, root: Path, choice: Choice = BY_NAME) -> Source:
    """Open a folder, a file or a Hub id; `split` is the one to train on (None: read all), `root` the folder for caches.

    `choice` says which columns are pictures and captions, where their names do not. What is no name is a data set in
    memory, see `limner.data.in_memory.tables_of`.

    Raises:
        UserError: there is no such thing, it is empty, or it cannot be read.
    """
    if not isinstance(name, str | os.PathLike):
        datasets_library()
        return _loaded(*tables_of(name, choice), split, None, choice)
    path = Path(name).expanduser()
    if path.name.startswith("metadata.") and path.is_file():
        path = path.parent
    if path.is_dir():
        return _folder(_snapshot(path), split, root, choice)
    if path.is_file():
        if path.suffix.lower() in ARCHIVES:
            out = path.with_name(path.name.partition(".")[0])
            raise UserError(f"{path} is an archive: mkdir {out}, then {unpacking(path, out)}")
        if path.suffix.lower() not in TABLES:
            raise UserError(f"{path} is not a data set: give a folder, a .parquet or .arrow file, or a Hub id")
        return _tables(path, [path], split, root, choice)
    if _may_be_hub_id(str(name)):
        return _hub(str(name), split, choice)
    raise UserError(f"there is no data set at {path}: no such folder or file{nearest(path)}")


def _snapshot(path: Path) -> Path:
    """Return the newest snapshot of a data set in the Hub's cache, or any other folder as it is."""
    if not path.name.startswith("datasets--") or not (path / "snapshots").is_dir():
        return path
    with contextlib.suppress(OSError):
        if (named := path / "snapshots" / (path / "refs" / "main").read_text(encoding="utf-8").strip()).is_dir():
            return named
    there = [one for one in (path / "snapshots").iterdir() if one.is_dir()]
    return max(there, key=lambda one: one.stat().st_mtime, default=path)


def _may_be_hub_id(name: str) -> bool:
    if not _HUB_ID.fullmatch(name) or Path(name).suffix.lower() in TABLES:
        return False
    return not Path(name).parent.is_dir()  # "data/birds" beside an existing data/ is a mistyped folder


def _folder(path: Path, split: str | None, root: Path, choice: Choice) -> Source:
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return _saved(path, split, choice)
    if not metadata_of(path) and (files := list(files_in(path, TABLES))) and _are_the_set(files, path, choice):
        return _tables(path, files, split, root, choice)
    return pictures_of(path, split, choice)


def pictures_of(path: Path, split: str | None, choice: Choice, elsewhere: Elsewhere | None = None) -> Source:
    """Open a folder of pictures; `elsewhere` says where its files lie, if not in it.

    Raises:
        UserError: as `open_source`.
    """
    listing = read_folder(path, choice)
    listing.rows = [replace(row, split=_known(row.split)) for row in listing.rows]
    chosen, train = order_of({row.split for row in listing.rows}, split, path)
    rows = [row for name in chosen for row in listing.rows if row.split == name]
    if elsewhere is not None:
        rows = [replace(row, path=elsewhere.file(row.path)) for row in rows]
    strange = [row for row in listing.rows if row.split not in (*SPLITS, split and train)]
    unknown = [Problem(row.file, row.line, "unknown split", _unknown(row.split)) for row in strange]
    stamps = (part for row in rows for part in (row.path, *row.stamp))
    count, problems, name = sum(row.split == train for row in rows), [*listing.problems, *unknown], str(path)
    if elsewhere is not None:
        problems, name = [replace(one, file=elsewhere.named(one.file)) for one in problems], elsewhere.named(name)
    return Source(
        name,
        _table_of(path, rows),
        count,
        key_of(("folder", *stamps)),
        problems=tuple(problems),
        rows=rows,
        unusable=frozenset([*listing.unusable, *(row.path for row in strange)]),
        root=path,
        splits=Counter(row.split for row in listing.rows),
        text=listing.columns,
        read=frozenset(listing.read),
        elsewhere=elsewhere,
    )


def _are_the_set(files: list[Path], path: Path, choice: Choice) -> bool:
    """Tell whether tables are the data set, not statistics or lists beside pictures that lie in the folder."""
    if next(files_in(path), None) is None:
        return True
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in (file for file in files if file.suffix.lower() == ".parquet"):
        with contextlib.suppress(pa.ArrowException, OSError):
            schema = pq.read_schema(file)
            if any(name == choice.image or pa.types.is_binary(kind) or (
                pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
            ) for name, kind in zip(schema.names, schema.types, strict=True)):  # fmt: skip
                return True
    return any(file.suffix.lower() == ".arrow" for file in files)


def order_of(names: set[str], split: str | None, path: object) -> tuple[list[str], str]:
    """Return the splits to read, that for training first, and which one that is."""
    if split is None or not names:
        return sorted(names), min(names, default="train")
    split = split if split in names else _known(split)
    train = next(iter(names)) if len(names) == 1 and split == "train" else split
    if train not in names:
        raise UserError(f"{path} has no split {split!r}; its splits are: {', '.join(sorted(names))}")
    return [train, *[name for name in HELD_OUT if name in names and name != train][:1]], train


def _known(name: str) -> str:
    """Return the split that a name means, or the name where it means none that is known."""
    try:
        return split_of(name) or name
    except UnknownSplit:
        return name


def _unknown(split: str) -> str:
    return f"the split {split!r} is none of {', '.join(SPLITS)}: rename it, or leave such rows out (--skip-bad)"


def _table_of(path: Path, rows: list[Row]) -> datasets.Dataset:
    import pyarrow as pa

    datasets = datasets_library()
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    names = [os.fsencode(row.path).decode("utf-8", "replace") for row in rows]
    columns = {"image": pa.array([{"bytes": None, "path": name} for name in names], kind)}
    for name in dict.fromkeys(name for row in rows for name in row.columns):
        try:
            columns[name] = pa.array([row.columns.get(name) for row in rows])
        except (pa.ArrowException, OverflowError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"the column {name!r} of {path} mixes kinds of values: {reason}") from None
    known = {name: column for name, column in columns.items() if column.type != pa.null()}
    table = datasets.Dataset(pa.table(known))
    return table.cast_column("image", datasets.Image(decode=False))


def _tables(path: Path, files: list[Path], split: str | None, root: Path, choice: Choice) -> Source:
    with explained(path, root):
        counts = {file: _count(file) for file in files}
    files = [file for file in files if counts[file]]
    if not files:
        raise UserError(f"{path} holds no rows")
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(split_of_file(file, path), []).append(file)
    chosen, _ = order_of(set(splits), split, path)
    with explained(path, root):
        parts = [_read_tables(splits[name], root) for name in chosen]
    files = [file for name in chosen for file in splits[name]]
    stamps = (part for file in files for part in (file, file.stat().st_size, file.stat().st_mtime_ns))
    table, text = _joined(parts, path, choice)
    return Source(
        str(path),
        table,
        len(parts[0]),
        key_of(("table", *stamps)),
        shards=tuple((str(file), counts[file]) for file in files),
        root=path if path.is_dir() else path.parent,
        splits={name: sum(counts[file] for file in some) for name, some in splits.items()},
        text=text,
    )


def split_of_file(file: Path, root: Path) -> str:
    """Tell the split of a shard by the name of its folder, or else by its own."""
    try:
        by_folder = split_of(file.parent.name) if file.parent not in (root, root.parent) else None
    except UnknownSplit as error:
        raise UserError(f"{root}: the folder {error}") from None
    return by_folder or split_in(file.stem) or "train"


def _read_tables(files: list[Path], root: Path) -> datasets.Dataset:
    datasets = datasets_library()
    arrow = [file for file in files if file.suffix.lower() == ".arrow"]
    parquet = [str(file) for file in files if file.suffix.lower() == ".parquet"]
    parts = [datasets.Dataset.from_file(str(file)) for file in arrow]
    if parquet:
        parts.append(
            datasets.load_dataset("parquet", data_files=parquet, split="train", cache_dir=str(root / "tables"))
        )
    return datasets.concatenate_datasets(parts) if len(parts) > 1 else parts[0]


def _count(file: Path) -> int:
    import pyarrow.parquet as pq

    datasets = datasets_library()
    if file.suffix.lower() == ".arrow":
        return len(datasets.Dataset.from_file(str(file)))
    return int(pq.read_metadata(file).num_rows)


def _saved(path: Path, split: str | None, choice: Choice) -> Source:
    datasets = datasets_library()
    with explained(path, path):
        loaded = datasets.load_from_disk(str(path))
    return _loaded(str(path), loaded, split, path, choice)


def _hub(name: str, split: str | None, choice: Choice) -> Source:
    datasets = datasets_library()
    try:
        with explained(name, Path(datasets.config.HF_DATASETS_CACHE)):
            loaded = datasets.load_dataset(name)
    except ConnectionError:
        raise UserError(f"there is no folder {name} here, and the Hub cannot be reached to look for it") from None
    except FileNotFoundError:
        raise UserError(f"there is no folder {name} here, and no data set of that name on the Hub") from None
    return _loaded(name, loaded, split, None, choice)


def _loaded(name: str, loaded: Any, split: str | None, root: Path | None, choice: Choice) -> Source:
    datasets = datasets_library()
    given = dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {str(loaded.split or "train"): loaded}
    splits = {_known(name): part for name, part in given.items()} if len({*map(_known, given)}) == len(given) else given
    chosen, _ = order_of(set(splits), split, name)
    parts = [splits[one] for one in chosen]
    key = key_of(("loaded", *(part._fingerprint for part in parts)))
    table, text = _joined(parts, name, choice)
    counts = {one: len(part) for one, part in splits.items()}
    return Source(name, table, len(parts[0]), key, root=root, splits=counts, text=text)


def _joined(parts: list[Any], path: object, choice: Choice) -> tuple[datasets.Dataset, tuple[str, ...]]:
    """Concatenate splits, and give the columns of pictures and captions their names and kinds.

    Returns:
        the table, and the columns that captions come from.
    """
    datasets = datasets_library()
    choice.check(parts[0].features, path)
    text = choice.text_columns(name for name in parts[0].features if name != choice.image)
    parts = [_with_text(part, text) for part in parts]
    features = parts[0].features
    image = image_column(features, path, text, choice)
    if image is not None:
        parts = [part.rename_column(image, "image") if image != "image" else part for part in parts]
    try:
        if image is not None:  # sentences alone have none
            parts = [part.cast_column("image", datasets.Image(decode=False)) for part in parts]
        return (datasets.concatenate_datasets(parts) if len(parts) > 1 else parts[0]), text
    except (ValueError, TypeError, NotImplementedError) as error:  # Arrow's errors are of these kinds
        kind = features[image] if image is not None else None
        if image is None or isinstance(kind, datasets.Image):
            raise UserError(f"the splits of {path} differ in their columns: {one_line(error)}") from None
        raise UserError(f"the column image of {path} holds no encoded pictures but {kind}") from None


def image_column(features: Mapping[str, Any], path: object, text: tuple[str, ...], choice: Choice) -> str | None:
    """Return the column of pictures; None where there are captions alone.

    Raises:
        UserError: there are other columns, and none of pictures.
    """
    datasets = datasets_library()
    image = choice.image or ("image" if "image" in features else None)
    image = image or next((n for n, kind in features.items() if isinstance(kind, datasets.Image)), None)
    if image is None and not (RESERVED.union(text).issuperset(features) and text):
        columns = ", ".join(features) or "none"
        raise UserError(f"{path} has no column image; its columns are: {columns}: name one with --image-column")
    return image


def _with_text(part: Any, text: tuple[str, ...]) -> Any:
    """Return a table with the captions of the columns `text` in the column text."""
    if not text or text == ("text",):
        return part
    if "text" in part.column_names and "text" not in text:
        part = part.remove_columns("text")
    if len(text) == 1:
        return part.rename_column(text[0], "text")
    import pyarrow as pa

    columns = part.select_columns(list(text))[:]
    kept = part.remove_columns([name for name in part.column_names if name in text])
    rows = (dict(zip(text, cells, strict=True)) for cells in zip(*(columns[name] for name in text), strict=True))
    return kept.add_column("text", pa.array([captions_in(row, text) for row in rows], pa.list_(pa.string())))
