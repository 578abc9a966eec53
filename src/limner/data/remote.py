"""Opens a data set at an address: Parquet by the columns and row groups that are needed, folders by their files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from limner.addresses import explained, filesystem, is_address, shown
from limner.data import source as here
from limner.data.archives import KINDS, Archives
from limner.data.cache import key_of
from limner.data.choose import BY_NAME, Choice, captions_in
from limner.data.elsewhere import Elsewhere, below, listing_of, mirrored, stamp_of
from limner.data.folder import METADATA, files_in
from limner.data.hugging_face import datasets_library
from limner.data.problems import RESERVED
from limner.data.remote_table import RemoteTable, opened
from limner.data.source import Source
from limner.errors import UserError
from limner.pictures import EXTENSIONS

_BYTES = ("binary", "large_binary")


def open_set(name: Any, *, split: str | None, root: Path, choice: Choice = BY_NAME) -> Source:
    """Open a folder, a file, an archive, a Hub id, an address, or what is in memory; see `data.source.open_source`.

    Raises:
        UserError: as `open_source`; nothing reaches the address, or its library is not installed.
    """
    if not is_address(name):
        if isinstance(name, str | os.PathLike) and (packed := _archives_at(Path(name).expanduser())):
            archives, where = Archives(packed), str(Path(name).expanduser())
            listing = listing_of(where, archives, "")
            return _pictures(mirrored(where, archives, "", listing, root), split, choice)
        return here.open_source(name, split=split, root=root, choice=choice)
    address = str(name)
    reached, path = filesystem(address)
    with explained(address):
        single = reached.isfile(path) and (_is_table(path) or not reached.isdir(path))  # the web's folders are both
        base, _, file = path.rpartition("/") if single else (path, "", "")  # a `Path` would lose slashes
        listing = {file: reached.info(path)} if single else listing_of(address, reached, path)
    if not listing:
        raise UserError(f"there is no data set at {shown(address)}: there are no files")
    tables = [file for file in listing if _is_table(file)]
    if single and not tables:
        raise UserError(f"{shown(address)} is not a data set: give the address of a folder or of a .parquet file")
    if tables and (single or _are_the_set(listing)):
        with explained(address):
            return _tables(address, reached, base, {file: listing[file] for file in tables}, split, choice)
    if any(PurePosixPath(file).suffix.lower() == ".arrow" for file in listing):
        raise UserError(f"{shown(address)} holds files of Arrow, which are not read in parts: copy it here first")
    elsewhere = mirrored(address, reached, path, listing, root)
    return _pictures(elsewhere, split, choice)


def _is_table(file: str) -> bool:
    return file.lower().endswith(".parquet")


def _archives_at(path: Path) -> list[Path]:
    """Return the archive at a path, or those of a folder in which nothing else can be read."""
    if path.is_file():
        return [path] if path.suffix.lower() in KINDS else []
    if not path.is_dir() or next(files_in(path, (*EXTENSIONS, *here.TABLES)), None) or here.metadata_of(path):
        return []
    return list(files_in(path, KINDS))


def _are_the_set(listing: Mapping[str, Any]) -> bool:
    """Tell whether the tables of a folder are the data set, not lists of its pictures."""
    names = {PurePosixPath(file).name for file in listing}
    pictured = any(PurePosixPath(file).suffix.lower() in EXTENSIONS for file in listing)
    return not pictured and not names & set(METADATA)


def _pictures(elsewhere: Elsewhere, split: str | None, choice: Choice) -> Source:
    try:
        return here.pictures_of(elsewhere.mirror, split, choice, elsewhere)
    except UserError as error:
        raise UserError(elsewhere.named(str(error))) from None


def _tables(
    address: str, reached: Any, base: str, listing: Mapping[str, Any], split: str | None, choice: Choice
) -> Source:
    named, single = shown(address), address.rstrip("/").endswith(tuple(listing))
    splits: dict[str, list[str]] = {}
    for file in listing:
        splits.setdefault(here.split_of_file(Path(base) / file, Path(base)), []).append(file)
    chosen, _ = here.order_of(set(splits), split, named)
    names = [file for one in chosen for file in splits[one]]
    tables = dict(zip(names, opened(reached, [below(base, file) for file in names]), strict=True))
    files = {file: table for file, table in tables.items() if len(table)}
    if not files:
        raise UserError(f"{named} holds no rows")
    schema = next(iter(files.values())).schema
    for file, one in files.items():
        if not one.schema.equals(schema):
            raise UserError(f"{named}: the columns of {file} differ from those of {next(iter(files))}")
    table, text = _named(RemoteTable.of(list(files.values()), _features(schema)), named, choice)
    train = sum(len(one) for file, one in files.items() if file in splits[chosen[0]])
    stamps = (part for file in files for part in (file, *stamp_of(listing[file])))
    return Source(
        named,
        table,
        train,
        key_of(("address", address, *stamps)),
        shards=tuple((named if single else f"{named.rstrip('/')}/{file}", len(one)) for file, one in files.items()),
        splits={one: sum(len(tables[file]) for file in splits[one]) for one in chosen},
        text=text,
    )


def _features(schema: Any) -> Any:
    datasets = datasets_library()
    return datasets.Features.from_arrow_schema(schema)


def _named(table: RemoteTable, name: str, choice: Choice) -> tuple[RemoteTable, tuple[str, ...]]:
    """Give the columns of pictures and captions their names; return the columns that captions come from, too."""
    import pyarrow as pa

    datasets = datasets_library()
    choice.check(table.features, name)
    text = choice.text_columns(one for one in table.features if one != choice.image)
    image = here.image_column(table.features, name, text, choice)
    if len(text) == 1:
        table = table.renamed(text[0], "text", table.features[text[0]])
    elif text:

        def captions(whole: RemoteTable) -> pa.ChunkedArray:
            cells = whole.select_columns(text)[:]
            rows = (dict(zip(text, row, strict=True)) for row in zip(*(cells[one] for one in text), strict=True))
            return pa.chunked_array([pa.array([captions_in(row, text) for row in rows], pa.list_(pa.string()))])

        table = table.with_column("text", text, datasets.List(datasets.Value("string")), captions)
    if image is not None:
        kind = table.features[image]
        encoded = "bytes" in kind if isinstance(kind, Mapping) else getattr(kind, "dtype", "") in _BYTES
        if not (encoded or isinstance(kind, datasets.Image)):
            raise UserError(f"the column image of {name} holds no encoded pictures but {kind}")
        table = table.renamed(image, "image", datasets.Image(decode=False))
    assert image is not None or RESERVED.issuperset(table.features)
    return table, text
