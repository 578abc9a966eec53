"""A folder of pictures at an address, mirrored here without its pictures: they are fetched when they are read.

The mirror, in the cache, has the files of metadata and captions, and for each picture an empty file of its size that
takes no room on the disk. So what reads a folder reads one that lies elsewhere, and asks the network for nothing twice.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from limner.addresses import explained, shown
from limner.data.beside import SUFFIXES
from limner.data.cache import key_of
from limner.errors import one_line
from limner.files import cannot_write, make_folder
from limner.pictures import BadPicture, Encoded

MOST_BYTES = 256 * 2**20
"""Of pictures that are fetched together; larger ones are fetched one by one."""
_AT_ONCE = 500
_NAMES = ("metadata.", "captions.csv")
_STAMPS = ("ETag", "etag", "sha256", "oid", "blob_id", "mtime", "LastModified", "last_modified", "created")
"""What filesystems call that which changes with a file."""

Listing = Mapping[str, Mapping[str, Any]]
"""The path of each file below an address, and what the filesystem says of it."""


def listing_of(address: str, reached: Any, path: str) -> dict[str, Mapping[str, Any]]:
    """List the files below an address, hidden ones left out, by their paths below it; UserError where that fails."""
    with explained(address):
        found = reached.find(path, detail=True)
    inside: dict[str, Mapping[str, Any]] = {}
    for name, about in sorted(found.items()):
        relative = name[len(path) :].lstrip("/") if name.startswith(path) else name
        parts = PurePosixPath(relative).parts
        if parts and not any(part.startswith(".") or part == os.sep or "\0" in part for part in parts):
            inside[relative] = about
    return inside


def below(path: str, name: str) -> str:
    """Return the path of a file below another, which is "" in an archive."""
    return f"{path}/{name}" if path else name


def stamp_of(about: Mapping[str, Any]) -> tuple[int, int]:
    """Return the size of a file, and a number that is another when its content is."""
    changing = next((repr(about[name]) for name in _STAMPS if about.get(name)), "")
    number = int.from_bytes(hashlib.blake2b(changing.encode(), digest_size=6).digest(), "big")
    return int(about.get("size") or 0), number * 1000


class File(type(Path())):  # type: ignore[misc]
    """A file of the mirror whose content is fetched when it is read."""

    elsewhere: Elsewhere

    def read_bytes(self) -> bytes:
        """Fetch the content; raise OSError where that cannot be done."""
        try:
            return bytes(self.elsewhere.reached.cat_file(self.elsewhere.path_of(self)))
        except OSError:
            raise
        except Exception as error:  # each library has its own kinds
            raise OSError(one_line(error)) from None


@dataclass(frozen=True)
class Elsewhere:
    """Where the files of a mirror lie."""

    address: str
    reached: Any
    """The filesystem of `fsspec`."""
    path: str
    """Of the address in it."""
    mirror: Path

    def path_of(self, file: Path) -> str:
        """Return the path in the filesystem of a file of the mirror."""
        return below(self.path, Path(file).relative_to(self.mirror).as_posix())

    def file(self, path: Path) -> Path:
        """Return a file of the mirror so that reading it fetches it."""
        made = File(path)
        made.elsewhere = self
        return made

    def together(self, files: Sequence[Path]) -> list[Encoded]:
        """Return pictures, fetched at once where they are not too large together."""
        if len(files) < 2 or sum(file.stat().st_size for file in files) > MOST_BYTES:
            return list(files)
        paths = [self.path_of(file) for file in files]
        found = self.reached.cat(paths, on_error="return")
        return [self._encoded(found.get(path)) for path in paths]

    def named(self, text: str) -> str:
        """Return text with the address in the place of the mirror."""
        return text.replace(str(self.mirror), shown(self.address).rstrip("/"))

    @staticmethod
    def _encoded(found: Any) -> Encoded:
        if isinstance(found, bytes | bytearray):
            return bytes(found)
        why = one_line(found)
        return BadPicture("unreadable", f"cannot be read: {why}")


def mirrored(address: str, reached: Any, path: str, listing: Listing, root: Path) -> Elsewhere:
    """Make the mirror of an address, or find that of the same files.

    Args:
        address: of the folder.
        reached: its filesystem.
        path: of the folder in it.
        listing: its files, as `listing_of` gives them.
        root: the folder of caches.

    Raises:
        UserError: the address cannot be read, or the mirror not be written.
    """
    stamps = {name: stamp_of(about) for name, about in listing.items()}
    parts = (part for name, stamp in stamps.items() for part in (name, *stamp))
    folder = root / "addresses" / key_of([address, *parts])
    elsewhere = Elsewhere(address, reached, path, folder)
    if folder.is_dir():
        return elsewhere
    make_folder(folder.parent)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        for name, (size, changed) in stamps.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as opened:
                opened.truncate(size)
            os.utime(file, ns=(changed, changed))
        for some in _batches(_read_at_once(listing)):
            with explained(address):
                contents = reached.cat([below(path, name) for name in some])
            for name in some:
                (partial / name).write_bytes(contents[below(path, name)])
        if not folder.is_dir():
            partial.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # another process was not faster
            raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return elsewhere


def _read_at_once(listing: Listing) -> list[str]:
    """Return the files of metadata or, where there are none, those of captions beside the pictures."""
    metadata = [name for name in listing if any(part.startswith(_NAMES) for part in PurePosixPath(name).parts)]
    return metadata or [name for name in listing if os.path.splitext(name)[1].lower() in SUFFIXES]


def _batches(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
