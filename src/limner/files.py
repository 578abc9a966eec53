"""Atomic writing of files, and the error message where one cannot be written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
from pathlib import Path

from limner.errors import UserError


def sha256(content: bytes) -> str:
    """Return the hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it has the old content or the new, never a part: temporary name, sync, rename.

    Raises:
        UserError: where it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_synced(temporary, content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from error


def free(folder: Path, stem: str, suffix: str = ".png") -> Path:
    """Return a path that is not taken: nothing of the person's is ever overwritten."""
    names = itertools.chain([stem], (f"{stem}-{i}" for i in itertools.count(2)))
    return next(path for name in names if not (path := folder / f"{name}{suffix}").exists())


def make_folder(folder: Path) -> None:
    """Create a folder and those above it.

    Raises:
        UserError: where it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(path: Path, error: OSError) -> UserError:
    """Return the error that says why `path` could not be written, with the remedy."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    why = "the disk is full, make room and try again" if full else (error.strerror or str(error)).lower()
    return UserError(f"cannot write {path}: {why} (nothing was left half-written)")


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk; raise `OSError` where that fails."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
