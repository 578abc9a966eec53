"""Archives as a folder: a .zip, a .tar, or many of them, such as the shards of WebDataset, read without unpacking them.

Of a member only its own bytes are read. What is compressed as a whole (.tar.gz) cannot be read so, and is refused.
"""

from __future__ import annotations

import tarfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from limner.data.splits import split_in, split_of
from limner.errors import UserError

KINDS = (".zip", ".tar")
LARGEST = 256 * 2**20
"""Bytes of a member: one that says to be larger is no picture, and may be a bomb."""


@dataclass(frozen=True)
class _Member:
    """One file in an archive."""

    size: int
    changed: object
    read: Callable[[], bytes]


class Archives:
    """The members of archives as files, with what is used of a filesystem of `fsspec` here.

    Members of one archive have the names that they have in it, without a folder that all share. Those of several have
    that of their archive before their own, and lie in the folder of a split where archives are named after splits.

    Raises:
        UserError: an archive is broken, or encrypted.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        found = {file: _members(file) for file in files}
        splits = {file: split_in(file.stem) for file in files}
        self._members: dict[str, _Member] = {}
        for file, members in found.items():
            top = _shared_folder(list(members)) if len(files) == 1 else ""
            folder = f"{splits[file] or 'train'}/" if any(splits.values()) and len(files) > 1 else ""
            for name, member in members.items():
                inner = PurePosixPath(name.removeprefix(top))
                own = inner if len(files) == 1 else inner.with_name(f"{file.stem}-{inner.name}")
                self._members[f"{folder}{own}"] = member

    def find(self, path: str, detail: bool = True) -> dict[str, dict[str, Any]]:
        """Return size and time of every member by its name."""
        return {name: {"size": one.size, "mtime": one.changed} for name, one in self._members.items()}

    def cat_file(self, path: str) -> bytes:
        """Return the content of a member; OSError where it cannot be read."""
        member = self._members[path.lstrip("/")]
        if member.size > LARGEST:
            raise OSError(f"it has more than the {LARGEST // 2**20} MiB allowed in an archive")
        return member.read()

    def cat(self, paths: Sequence[str], on_error: str = "raise") -> dict[str, bytes | Exception]:
        """Return the contents of members by their paths; with `on_error` "return" also why one cannot be read."""
        found: dict[str, bytes | Exception] = {}
        for path in paths:
            try:
                found[path] = self.cat_file(path)
            except Exception as error:  # what zipfile and zlib raise on broken members
                if on_error == "raise":
                    raise
                found[path] = error
        return found


def _members(file: Path) -> dict[str, _Member]:
    try:
        return _of_zip(file) if file.suffix.lower() == ".zip" else _of_tar(file)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{file} cannot be read as an archive: {error!s:.200}") from None


def _of_zip(file: Path) -> dict[str, _Member]:
    packed = zipfile.ZipFile(file)  # it locks itself, so that threads may read of it

    def reader(entry: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            with packed.open(entry) as opened:
                return opened.read(LARGEST)

        return read

    entries = [entry for entry in packed.infolist() if not entry.is_dir()]
    if any(entry.flag_bits & 1 for entry in entries):
        raise ValueError("it is encrypted: unpack it first")
    stamp = _stamp(file)
    return {entry.filename: _Member(entry.file_size, (stamp, entry.CRC), reader(entry)) for entry in entries}


def _of_tar(file: Path) -> dict[str, _Member]:
    opened, alone, stamp = file.open("rb"), threading.Lock(), _stamp(file)

    def reader(start: int, size: int) -> Callable[[], bytes]:
        def read() -> bytes:
            with alone:
                opened.seek(start)
                return opened.read(size)

        return read

    with tarfile.open(fileobj=opened, mode="r:") as packed:  # "r:" takes none that is compressed
        return {
            one.name: _Member(one.size, (stamp, one.offset_data), reader(one.offset_data, one.size))
            for one in packed
            if one.isreg() and not one.issparse()
        }


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _shared_folder(names: Sequence[str]) -> str:
    """Return the folder, with its slash, in which all lie and which is not that of a split; "" where there is none."""
    folders = {name.partition("/")[0] if "/" in name else "" for name in names}
    folder = next(iter(folders)) if len(folders) == 1 else ""
    return f"{folder}/" if folder and split_of(folder) is None else ""
