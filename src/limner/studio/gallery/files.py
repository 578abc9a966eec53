"""A gallery as one zip file: pictures as PNG with their recipes inside, and `gallery.jsonl` with a line for each.

A zip is read as what a stranger made: nothing of it is unpacked to disk, its names are never used as paths, and every
size is bounded before the bytes are read. Nothing is added unless all of it is sound.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic import ValidationError as Invalid

from limner.errors import UserError
from limner.studio.gallery.gallery import Gallery, New, Shelf
from limner.studio.gallery.recipe import (
    MOST_BYTES,
    Identity,
    Note,
    checked,
    decode,
    encode,
    first_fault,
    identity,
    recipe_in,
)
from limner.studio.gallery.tables import Picture

INDEX = "gallery.jsonl"
MOST_PICTURES = 60_000
MOST_BYTES_OF_ALL = 2 * 2**30
"""Of a zip that is imported, and of all that is in it."""
_MOST_INDEX = 256 * 2**20
_MOST_DIRECTORY = 250 * MOST_PICTURES
_AT_ONCE = 100
_PICTURE = re.compile(r"pictures/([0-9a-f]{64})\.png", re.ASCII)
_LONGEST_LINE = 2**20
_YEAR_2100 = 4_102_444_800 * 10**6  # a zip knows no later dates than 2107
_Moment = Annotated[int, Field(strict=True, ge=0, lt=_YEAR_2100)]


class Line(BaseModel):
    """A line of `gallery.jsonl`; times are microseconds since 1970."""

    model_config = ConfigDict(extra="ignore")

    id: Identity
    recipe: dict[str, Any]
    note: Note = ""
    drawn_at: _Moment
    kept_at: _Moment | None = None


def write(gallery: Gallery, file: IO[bytes], shelf: Shelf = "kept") -> int:
    """Write the pictures of a shelf as a zip into `file`; return how many.

    Raises:
        UserError: where there are more than `read` takes.
    """
    if (total := gallery.page(shelf, limit=1).total) > MOST_PICTURES:
        raise UserError(f"there are {total:,} pictures, and a zip holds {MOST_PICTURES:,}: delete some first")
    lines = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for picture, png in gallery.each(shelf):
            packed.writestr(_entry(f"pictures/{picture.id}.png", picture.drawn_at), png)
            lines.append(json.dumps(_line(picture)))
        index = "".join(f"{line}\n" for line in lines)
        packed.writestr(INDEX, index, zipfile.ZIP_DEFLATED)
    return len(lines)


def read(gallery: Gallery, file: IO[bytes]) -> tuple[int, int]:
    """Add what a zip that `write` made holds to a gallery; nothing is added unless all of it is sound.

    What the death of the process cuts off can be imported again: what is there already is not doubled.

    Returns:
        How many pictures it holds, and how many of them are new here.

    Raises:
        UserError: where it is no such zip, is damaged, or is larger than is allowed; the line says which part.
    """
    try:
        _check_size(file)
        with zipfile.ZipFile(file) as packed:
            ids = _ids(packed)
            lines = _lines(_bytes(packed, INDEX, _MOST_INDEX))
            if len(lines) != len(ids) or {line.id for line in lines} != ids:
                raise UserError(f"the zip is damaged: its pictures are not those that {INDEX} lists")
            for line in lines:
                _new(packed, line)
            parts = [lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE)]
            fresh = sum(gallery.add_all([_new(packed, line) for line in part]) for part in parts)
    except UserError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise UserError(f"this is no zip file that can be read: {error!s:.200}") from None
    return len(lines), fresh


def _check_size(file: IO[bytes]) -> None:
    """Look at the end of a zip, which tells how long its directory is, before anything believes that.

    Raises:
        UserError: where it is too large, of the kind for larger files (zip64), or no zip.
    """
    end = file.seek(0, os.SEEK_END)
    if end > MOST_BYTES_OF_ALL:
        raise UserError(f"the zip has {end:,} bytes, and {MOST_BYTES_OF_ALL:,} are the limit")
    file.seek(max(end - 42, 0))
    tail = file.read()
    if tail[-22:-18] != b"PK\5\6":
        raise UserError("this is no zip file that Limner wrote")
    if int.from_bytes(tail[-10:-6], "little") > _MOST_DIRECTORY or tail.startswith(b"PK\6\7"):
        raise UserError(f"the zip holds too many files: {MOST_PICTURES:,} pictures are the limit")


def _ids(packed: zipfile.ZipFile) -> set[str]:
    """Return the ids of the pictures in a zip, having looked at the directory alone.

    Raises:
        UserError: where something is in it that does not belong there, or that is too large.
    """
    entries = packed.infolist()
    if len(entries) > MOST_PICTURES + 1:
        raise UserError(f"the zip holds {len(entries):,} files: {MOST_PICTURES:,} pictures are the limit")
    if sum(entry.file_size for entry in entries) > MOST_BYTES_OF_ALL:
        raise UserError(f"the zip unpacks to more than the {MOST_BYTES_OF_ALL:,} bytes allowed")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise UserError("the zip is no gallery of Limner's: it is packed in another way")
    names = [entry.filename for entry in entries]
    ids = {found[1] for name in names if (found := _PICTURE.fullmatch(name))}
    if stranger := next((name for name in names if name != INDEX and not _PICTURE.fullmatch(name)), None):
        raise UserError(f"the zip is no gallery of Limner's: it holds {stranger[:60]!r}")
    if names.count(INDEX) != 1 or len(ids) != len(names) - 1:
        raise UserError(f"the zip is no gallery of Limner's: it must hold {INDEX} once, and each picture once")
    return ids


def _bytes(packed: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Unpack an entry, believing no size that the directory tells."""
    with packed.open(name) as entry:
        content = entry.read(most + 1)
    if len(content) > most:
        raise UserError(f"{name} in the zip has more than the {most:,} bytes allowed")
    return content


def _lines(index: bytes) -> list[Line]:
    found = []
    for number, line in enumerate(index.splitlines(), start=1):
        if len(line) > _LONGEST_LINE:
            raise UserError(f"{INDEX}, line {number} is too long")
        try:
            found.append(Line.model_validate_json(line))
        except Invalid as error:
            raise UserError(f"{INDEX}, line {number} is damaged: {first_fault(error)}") from None
    return found


def _new(packed: zipfile.ZipFile, line: Line) -> New:
    png = _bytes(packed, f"pictures/{line.id}.png", MOST_BYTES)
    try:
        image, made = decode(png), checked(line.recipe)
        if not identity(made) == identity(recipe_in(image)) == line.id:
            raise UserError("its recipe is not the one that its picture holds")
    except UserError as error:
        raise UserError(f"the picture {line.id[:12]} in the zip cannot be taken: {error}") from None
    return New(encode(image, made), made, image.size, line.note, line.drawn_at, line.kept_at)


def _line(picture: Picture) -> Mapping[str, Any]:
    return {
        "id": picture.id,
        "file": f"pictures/{picture.id}.png",
        "recipe": picture.recipe,
        "note": picture.note,
        "drawn_at": picture.drawn_at,
        "kept_at": picture.kept_at,
    }


def _entry(name: str, at: int) -> zipfile.ZipInfo:
    when = datetime.fromtimestamp(at / 1e6, UTC).timetuple()
    return zipfile.ZipInfo(name, max(when[:6], (1980, 1, 1, 0, 0, 0)))
