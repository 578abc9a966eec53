"""What Windows refuses of files, on this system: so a test can say whether what Limner writes could be written there.

It opens no folders, flushes no file that is open for reading alone, renames over nothing, and moves or removes nothing
that is open or mapped into memory. (Its text files are not in UTF-8 where nobody says so: ruff holds the source to
saying it, PLW1514.)
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest

ONLY_UNIX = ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios")
"""Modules of the standard library that are not there."""


def opened_within(path: Any) -> str | None:
    """Return a file at or below `path` that this process has open or mapped, if there is any."""
    wanted = os.path.realpath(os.fspath(path))
    held = []
    for handle in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            held.append(os.readlink(f"/proc/self/fd/{handle}"))
    with io.open_code("/proc/self/maps") as maps:
        held += [line.split(maxsplit=5)[5].strip() for line in maps.read().decode().splitlines() if "/" in line]
    return next((one for one in held if one == wanted or one.startswith(wanted + "/")), None)


def _refusing(act: Callable[..., Any], over: bool, moved: int) -> Callable[..., Any]:
    """Return `act` on paths, refused where one of the first `moved` is open; `over`: or where the second exists."""

    def refused(*paths: Any, **options: Any) -> Any:
        for path in paths[:moved]:
            if held := opened_within(path):
                raise PermissionError(errno.EACCES, f"used by this process: {held}", str(path))
        if over and os.path.lexists(paths[1]):
            raise FileExistsError(errno.EEXIST, "exists already", str(paths[1]))
        return act(*paths, **options)

    return refused


@contextlib.contextmanager
def simulated() -> Iterator[None]:
    """Let this process meet within what Windows refuses."""
    really_open, really_flush = os.open, os.fsync

    def open_(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if isinstance(path, str | bytes | os.PathLike) and os.path.isdir(path):
            raise PermissionError(errno.EACCES, "folders are not opened", str(path))
        return really_open(path, flags, *rest, **options)

    def fsync(handle: int) -> None:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        really_flush(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_)
        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "rename", _refusing(os.rename, over=True, moved=2))
        patch.setattr(os, "replace", _refusing(os.replace, over=False, moved=2))
        patch.setattr(os, "unlink", _refusing(os.unlink, over=False, moved=1))
        patch.setattr(os, "remove", os.unlink)
        patch.setattr(os, "rmdir", _refusing(os.rmdir, over=False, moved=1))
        patch.setattr(shutil, "_use_fd_functions", False)  # as there, folders are removed by their names
        patch.delattr(os, "confstr")
        patch.setattr(filelock, "FileLock", filelock.SoftFileLock)  # the one for Unix probes by what is refused here
        yield


def check(folder: Path) -> None:
    """Make sure that what is simulated is refused here, and was not before."""
    (folder / "file").write_bytes(b"one")
    (folder / "other").write_bytes(b"two")
    refused: list[Callable[[], Any]] = [
        lambda: os.open(folder, os.O_RDONLY),
        lambda: os.rename(folder / "file", folder / "other"),
    ]
    with (folder / "file").open("rb") as held:
        refused += [lambda: os.fsync(held.fileno()), lambda: (folder / "file").unlink()]
        refused += [lambda: os.replace(folder, folder.with_name("elsewhere")), lambda: shutil.rmtree(folder)]
        for act in refused:
            with pytest.raises(OSError):
                act()
    assert (folder / "file").read_bytes() == b"one"
