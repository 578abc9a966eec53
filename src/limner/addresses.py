"""Addresses: folders and files that lie elsewhere, in an object store, on the Hub, on the web, in memory.

`fsspec` reaches them, each kind of address by a library of its own: `s3://` by s3fs, `gs://` by gcsfs, `hf://` by
huggingface_hub. What is not an address is a path here.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limner.errors import UserError, one_line
from limner.files import make_folder, write_synced

TEMPORARY = ".tmp"
"""What a name ends in while a file is written."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(?:::[a-z][a-z0-9+.-]*)*://", re.IGNORECASE)
_USER = re.compile(r"://[^/@]*@")


def is_address(name: object) -> bool:
    """Tell whether text is an address such as `s3://bucket/set`, not a path (`C:/set`, `data/set`) or a Hub id."""
    return isinstance(name, str) and _ADDRESS.match(name) is not None


def shown(address: str) -> str:
    """Return an address as it may be printed and kept: without who logs in, and how."""
    return _USER.sub("://", address)


def filesystem(address: str) -> tuple[Any, str]:
    """Return what reaches an address, a filesystem of `fsspec`, and the path of the address in it.

    Raises:
        UserError: nothing reaches such an address, or its library is not installed.
    """
    import fsspec

    try:
        reached, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise UserError(f"{shown(address)} needs a library that is not here: {one_line(error)}") from None
    except ValueError as error:
        raise UserError(f"{shown(address)} cannot be read: {one_line(error)}") from None
    return reached, path.rstrip("/")


@contextlib.contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn what a filesystem raises, each library its own kinds of error, into one line."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"there is nothing at {shown(address)}") from None
    except Exception as error:
        why = one_line(error)
        if "range requests" in why:  # of the web's files; what fsspec then says is for programmers
            why = "its server gives no parts of a file (HTTP ranges): fetch its files, and name their folder"
        raise UserError(f"{shown(address)} cannot be reached: {why}") from None


class Place:
    """A folder, here or at an address, in which a file appears under its name only when it is whole.

    Args:
        where: a path, or an address.

    Raises:
        UserError: as `filesystem`; by every method, where the place cannot be reached or written.
    """

    def __init__(self, where: str | Path) -> None:
        self.where = str(where)
        self._folder = None if is_address(self.where) else Path(where)
        self._reached: Any = None
        self._path = ""
        if self._folder is None:
            self._reached, self._path = filesystem(self.where)

    def __str__(self) -> str:
        return shown(self.where)

    @property
    def of_this_process(self) -> bool:
        """Tell whether other processes do not see what is written here."""
        return self._reached is not None and self._reached.protocol in ("memory", ("memory",))

    def is_file(self) -> bool:
        """Tell whether there is a file where the folder should be."""
        if self._folder is not None:
            return self._folder.exists() and not self._folder.is_dir()
        with explained(self.where):
            return bool(self._reached.isfile(self._path))

    def names(self) -> set[str]:
        """Return the names of all that lies in the folder; none where there is no folder."""
        if self._folder is not None:
            return set(os.listdir(self._folder)) if self._folder.is_dir() else set()
        with explained(self.where):
            self._reached.invalidate_cache(self._path)
            try:
                return {name.rstrip("/").rpartition("/")[2] for name in self._reached.ls(self._path, detail=False)}
            except FileNotFoundError:
                return set()

    def open(self, name: str) -> Any:
        """Open a file to read bytes of it, at an address only those that are asked for; OSError where it cannot be."""
        if self._folder is not None:
            return (self._folder / name).open("rb")
        return self._reached.open(f"{self._path}/{name}", "rb", cache_type="none")

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None where there is none."""
        try:
            with self.open(name) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    def write(self, name: str, content: Any) -> None:
        """Write a file, the whole or none."""
        if self._folder is not None:
            make_folder(self._folder)
            # The host is named, too: machines that share a folder have processes of the same number.
            temporary = self._folder / f"{name}.{platform.node()}.{os.getpid()}{TEMPORARY}"
            write_synced(temporary, content)
            temporary.replace(self._folder / name)
            return
        with explained(self.where):
            self._reached.makedirs(self._path, exist_ok=True)
            self._reached.pipe_file(f"{self._path}/{name}", bytes(content))

    def remove(self, name: str) -> None:
        """Remove a file that a kill left half-written."""
        if self._folder is not None:
            (self._folder / name).unlink(missing_ok=True)
