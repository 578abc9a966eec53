"""A gallery as one zip file: pictures as PNG with their recipes inside, and `gallery.jsonl` with a line for each.

A zip is untrusted input: nothing of it is unpacked to disk, its names are never used as paths, every size is bounded
before the bytes are read, and one line and one picture are in memory at a time. Nothing is added unless all of it is
valid; then nothing that the gallery holds is lost, changed or pushed out.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic import ValidationError as Invalid

from limner.errors import UserError
from limner.studio.gallery.gallery import Gallery, NewPicture, Shelf
from limner.studio.gallery.recipe import (
    MOST_BYTES,
    Identity,
    Note,
    checked,
    decode,
    encode,
    fault_in,
    identity,
    recipe_in,
)
from limner.studio.gallery.tables import Picture

INDEX = "gallery.jsonl"
MAX_PICTURES = 60_000
MAX_ZIP_BYTES = 2 * 2**30
"""Of an imported zip, and of its contents unpacked."""
_MAX_INDEX_BYTES = 256 * 2**20
_MAX_DIRECTORY_BYTES = 150 * MAX_PICTURES
_TRANSACTION, _TRANSACTION_BYTES = 100, 32 * 2**20
_PICTURE = re.compile(r"pictures/([0-9a-f]{64})\.png", re.ASCII)
_MAX_LINE_BYTES = 2**20
_YEAR_2100 = 4_102_444_800 * 10**6  # the latest date of a zip is in 2107
_MAX_SPOOL = 8 * 2**20
_OTHERS = f"the zip is damaged: its pictures are not those that {INDEX} lists"
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)
"""What Python's zipfile raises on broken files."""
_Time = Annotated[int, Field(strict=True, ge=0, lt=_YEAR_2100)]


class Line(BaseModel):
    """A line of `gallery.jsonl`; times are microseconds since 1970."""

    model_config = ConfigDict(extra="ignore")

    id: Identity
    recipe: dict[str, Any]
    note: Note = ""
    drawn_at: _Time
    kept_at: _Time | None = None


def write(gallery: Gallery, file: IO[bytes], shelf: Shelf = "kept") -> int:
    """Write the pictures of a shelf as a zip into `file`; return how many.

    Raises:
        UserError: where there are more than `read` accepts.
    """
    check_number(gallery, shelf)
    return sum(1 for _ in _write(gallery, file, shelf)) - 1


def stream(gallery: Gallery, shelf: Shelf = "kept") -> Iterator[bytes]:
    """Yield the same zip in pieces, of which no more than one is in memory; raise nothing."""
    pieces = _Pieces()
    for _ in _write(gallery, pieces, shelf):  # type: ignore[arg-type]
        yield pieces.taken()
    yield pieces.taken()


def check_number(gallery: Gallery, shelf: Shelf) -> None:
    """Raise UserError where a shelf holds more pictures than `read` accepts."""
    if (total := gallery.page(shelf, limit=1).total) > MAX_PICTURES:
        raise UserError(f"there are {total:,} pictures, and a zip holds {MAX_PICTURES:,}: delete some first")


class _Pieces:
    """A file that can only be written to, and emptied."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, content: bytes) -> int:
        self._parts.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Do nothing: what was written is there."""

    def taken(self) -> bytes:
        """Return what was written since this was called before."""
        found, self._parts = b"".join(self._parts), []
        return found


def _write(gallery: Gallery, file: IO[bytes], shelf: Shelf) -> Iterator[None]:
    """Write a zip, and yield after each picture and once more, before its directory is written."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed, tempfile.SpooledTemporaryFile(_MAX_SPOOL) as index:
        for picture, png in gallery.each(shelf):
            packed.writestr(_entry(f"pictures/{picture.id}.png", picture.drawn_at), png)
            index.write(f"{json.dumps(_line(picture))}\n".encode())
            yield
        index.seek(0)
        header = zipfile.ZipInfo(INDEX, datetime.now(UTC).timetuple()[:6])
        header.compress_type = zipfile.ZIP_DEFLATED
        with packed.open(header, "w") as entry:
            shutil.copyfileobj(index, entry)
        yield


def read(gallery: Gallery, file: IO[bytes]) -> tuple[int, int]:
    """Add the pictures of a zip that `write` made to a gallery; nothing is added unless all of it is valid.

    Of pictures that exist, notes and pixels stay as they are. History for which there is no room is left out, the
    oldest first; favourites always find room. After a crash halfway the zip can be imported again.

    Returns:
        How many pictures it holds, and how many of them are new in the gallery.

    Raises:
        UserError: where it is not such a zip, is damaged, or is too large; the message says which part.
    """
    try:
        _check_size(file)
        with zipfile.ZipFile(file) as packed:
            ids = _ids(packed)
            left_out = gallery.beyond_room(_checked_history(packed, ids))
            wanted = (_read_picture(packed, one) for one in _lines(packed, len(ids)) if one.id not in left_out)
            added = sum(gallery.add_all(part) for part in _parts(wanted))
    except UserError:
        raise
    except _BROKEN as error:
        raise UserError(f"this zip file cannot be read: {error!s:.200}") from None
    return len(ids), added


def _parts(pictures: Iterator[NewPicture]) -> Iterator[list[NewPicture]]:
    """Yield pictures in parts, each of which is added in one transaction."""
    part: list[NewPicture] = []
    for picture in pictures:
        part.append(picture)
        if len(part) == _TRANSACTION or sum(len(one.png) for one in part) > _TRANSACTION_BYTES:
            yield part
            part = []
    yield part


def _checked_history(packed: zipfile.ZipFile, ids: set[str]) -> list[tuple[int, str]]:
    """Check all of a zip; return the times and ids of those pictures that are no favourites."""
    missing, history = set(ids), []
    for one in _lines(packed, len(ids)):
        if one.id not in missing:
            raise UserError(_OTHERS)
        missing.remove(one.id)
        _read_picture(packed, one)
        if one.kept_at is None:
            history.append((one.drawn_at, one.id))
    if missing:
        raise UserError(_OTHERS)
    return history


def _check_size(file: IO[bytes]) -> None:
    """Check the length of a zip's directory, which stands at the end of the file, before zipfile reads it.

    Raises:
        UserError: where it is too large, a zip64, or not a zip.
    """
    end = file.seek(0, os.SEEK_END)
    if end > MAX_ZIP_BYTES:
        raise UserError(f"the zip has {end:,} bytes, and {MAX_ZIP_BYTES:,} are the limit")
    file.seek(max(end - 42, 0))
    tail = file.read()
    if tail[-22:-18] != b"PK\5\6":
        raise UserError("this is not a zip file that Limner wrote")
    if int.from_bytes(tail[-10:-6], "little") > _MAX_DIRECTORY_BYTES or tail.startswith(b"PK\6\7"):
        raise UserError(f"the zip holds too many files: {MAX_PICTURES:,} pictures are the limit")


def _ids(packed: zipfile.ZipFile) -> set[str]:
    """Return the ids of the pictures in a zip, from its directory alone.

    Raises:
        UserError: where it contains other files, or files that are too large.
    """
    entries = packed.infolist()
    if len(entries) > MAX_PICTURES + 1:
        raise UserError(f"the zip holds {len(entries):,} files: {MAX_PICTURES:,} pictures are the limit")
    if sum(entry.file_size for entry in entries) > MAX_ZIP_BYTES:
        raise UserError(f"the zip unpacks to more than the {MAX_ZIP_BYTES:,} bytes allowed")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise UserError("the zip is not a gallery of Limner's: it has another kind of compression")
    names = [entry.filename for entry in entries]
    ids = {found[1] for name in names if (found := _PICTURE.fullmatch(name))}
    if foreign := next((name for name in names if name != INDEX and not _PICTURE.fullmatch(name)), None):
        raise UserError(f"the zip is not a gallery of Limner's: it holds {foreign[:60]!r}")
    if names.count(INDEX) != 1 or len(ids) != len(names) - 1:
        raise UserError(f"the zip is not a gallery of Limner's: it must hold {INDEX} once, and each picture once")
    return ids


def _read_entry(packed: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    """Unpack an entry; the size in the directory is not trusted."""
    with packed.open(name) as entry:
        content = entry.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UserError(f"{name} in the zip has more than the {max_bytes:,} bytes allowed")
    return content


def _lines(packed: zipfile.ZipFile, most: int) -> Iterator[Line]:
    """Yield the lines of the index, each checked; raise UserError at the first beyond the number of pictures."""
    size = 0
    with packed.open(INDEX) as index:
        for number in itertools.count(1):
            line = index.readline(_MAX_LINE_BYTES + 1)
            size += len(line)
            if not line:
                return
            if len(line) > _MAX_LINE_BYTES:
                raise UserError(f"{INDEX}, line {number} is too long")
            if number > most:
                raise UserError(_OTHERS)
            if size > _MAX_INDEX_BYTES:
                raise UserError(f"{INDEX} in the zip has more than the {_MAX_INDEX_BYTES:,} bytes allowed")
            try:
                yield Line.model_validate_json(line)
            except Invalid as error:
                raise UserError(f"{INDEX}, line {number} is damaged: {fault_in(error)}") from None


def _read_picture(packed: zipfile.ZipFile, line: Line) -> NewPicture:
    png = _read_entry(packed, f"pictures/{line.id}.png", MOST_BYTES)
    try:
        image, recipe = decode(png), checked(line.recipe)
        if not identity(recipe) == identity(recipe_in(image)) == line.id:
            raise UserError("its recipe is not the one that its picture holds")
    except UserError as error:
        raise UserError(f"the picture {line.id[:12]} in the zip cannot be imported: {error}") from None
    return NewPicture(encode(image, recipe), recipe, image.size, line.note, line.drawn_at, line.kept_at)


def _line(picture: Picture) -> Mapping[str, Any]:
    return {
        "id": picture.id,
        "file": f"pictures/{picture.id}.png",
        "recipe": picture.recipe,
        "note": picture.note,
        "drawn_at": picture.drawn_at,
        "kept_at": picture.kept_at,
    }


def _entry(name: str, time: int) -> zipfile.ZipInfo:
    """Return the header of an entry; `time` is in microseconds since 1970."""
    when = datetime.fromtimestamp(time / 1e6, UTC).timetuple()
    return zipfile.ZipInfo(name, max(when[:6], (1980, 1, 1, 0, 0, 0)))
