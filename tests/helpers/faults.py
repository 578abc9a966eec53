"""What a machine does to a program, at a place that a test chooses: a full disk, too few files, a kill, a wrong clock.

`sweep` breaks one operation of the file system after the other, and `killed_at` kills a process before one. They count
what Python itself opens, renames, makes and flushes (and removes, for a kill). Libraries that write by themselves, as
SQLite and Arrow do, meet `file_size`, `few_files`, `address_space` and `read_only`: limits that the kernel sets.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from limner.errors import UserError

CODES = {"ENOSPC": errno.ENOSPC, "EMFILE": errno.EMFILE, "ENOMEM": errno.ENOMEM, "EROFS": errno.EROFS}
PATIENCE = 60
"""Seconds that a child process may take."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
PATHS = {"os.rename": 2, "os.mkdir": 1, "os.truncate": 1, "os.link": 2}
"""Audited events that change a disk, with how many paths they begin with."""
REMOVALS = {"os.remove": 1, "os.rmdir": 1}
"""Those that need no room, so that a full disk refuses none."""


@dataclass
class Operations:
    """Operations of the file system within a folder: how many there were, and which of them is answered by `act`."""

    folder: str
    at: int
    act: Callable[[str], None]
    lasts: bool = False
    """Whether all that follow are answered so, too."""
    removals: bool = False
    """Whether removals are counted."""
    seen: int = 0

    def met(self, *paths: Any) -> None:
        """Count an operation on paths."""
        inside = [str(path) for path in map(os.fsdecode, paths) if str(path).startswith(self.folder)]
        if inside:
            self.seen += 1
            if self.seen == self.at or (self.lasts and 0 < self.at < self.seen):
                self.act(inside[-1])


_watching: list[Operations] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, str | bytes) and (flags & WRITING or set(mode or "") & set("wax+")):
            _watching[-1].met(path)
    elif event in PATHS or (_watching[-1].removals and event in REMOVALS):
        paths = arguments[: (PATHS | REMOVALS)[event]]
        if all(isinstance(path, str | bytes | os.PathLike) for path in paths):
            _watching[-1].met(*paths)


sys.addaudithook(_audit)


@contextlib.contextmanager
def watching(operations: Operations) -> Iterator[Operations]:
    """Count, and answer, what is done within."""
    flush = os.fsync

    def counted(file: Any) -> None:
        operations.met(os.readlink(f"/proc/self/fd/{file if isinstance(file, int) else file.fileno()}"))
        flush(file)

    if sys.platform.startswith("linux"):
        os.fsync = counted
    _watching.append(operations)
    try:
        yield operations
    finally:
        _watching.pop()
        os.fsync = flush


def fails(folder: Path, at: int, code: int, lasts: bool = False) -> contextlib.AbstractContextManager[Operations]:
    """Let the operation of a number, from 1, fail by an error of the system; `lasts`: and all after it."""

    def refuse(path: str) -> None:
        raise OSError(code, os.strerror(code), path)

    return watching(Operations(str(folder), at, refuse, lasts))


def sweep(
    act: Callable[[Path], object],
    fresh: Callable[[int], Path],
    code: int,
    first: int = 1,
    step: int = 1,
    lasts: bool = False,
) -> Iterator[tuple[Path, UserError | None]]:
    """Do something again and again, each time with another operation that fails; yield where, and what was told.

    What is told must be a `UserError` of one line; anything else that is raised is an error of the test.

    Args:
        act: it is given a folder, in which what it does is counted.
        fresh: makes the folder of a try.
        code: the error of the system.
        first: the number of the operation that is tried first.
        step: every how many operations one is tried.
        lasts: whether all operations after it fail, too.
    """
    with fails(fresh(0), 0, code) as counted:
        act(Path(counted.folder))
    assert counted.seen > 0, "nothing was written through Python: there is nothing to break"
    for at in range(first, counted.seen + 1, step):
        folder, told = fresh(at), None
        with fails(folder, at, code, lasts) as operations:
            try:
                act(folder)
            except UserError as error:
                told = error
        assert operations.seen >= at
        assert told is None or "\n" not in str(told)
        yield folder, told


def in_child(act: Callable[[], object]) -> int:
    """Run something in a fork of this process; return the exit code, the number of a signal below 0.

    A child that lasts for longer than `PATIENCE` fails the test.
    """
    child = os.fork()
    if not child:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + PATIENCE
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail(f"a child process was not over after {PATIENCE} s")
        time.sleep(0.002)


def killed_at(act: Callable[[Path], object], folder: Path, at: int, number: int = signal.SIGKILL) -> bool:
    """Do something in a process that gets a signal before an operation; tell whether it came to that operation.

    After SIGKILL it is gone at once; other signals it may answer, and then must end with 0.
    """

    def kill(path: str) -> None:
        os.kill(os.getpid(), number)

    def run() -> None:
        with watching(Operations(str(folder), at, kill, removals=True)) as operations:
            act(folder)
        if operations.seen < at:
            os._exit(99)

    code = in_child(run)
    assert code in (0, 99, -number), f"the process ended with {code}"
    return code != 99


@contextlib.contextmanager
def limited(which: str, value: int) -> Iterator[None]:
    """Set a soft limit of this process by its name in `resource`."""
    number = getattr(resource, which)
    before = resource.getrlimit(number)
    resource.setrlimit(number, (value, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(number, before)


def file_size(most: int) -> contextlib.AbstractContextManager[None]:
    """Let no file grow beyond a number of bytes: the kernel refuses the write in its midst, as a full disk does."""
    return limited("RLIMIT_FSIZE", most)  # Python ignores SIGXFSZ, so that the write fails with EFBIG


def address_space(spare: int) -> contextlib.AbstractContextManager[None]:
    """Let this process ask for some bytes of memory more than it has."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    return limited("RLIMIT_AS", pages * resource.getpagesize() + spare)


@contextlib.contextmanager
def few_files(spare: int) -> Iterator[None]:
    """Let this process open a few files more than it has open, and then fail with EMFILE."""
    listed = map(int, os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else [64]
    there = {one for one in listed if os.path.exists(f"/proc/self/fd/{one}")} or {64}  # without that of the listing
    highest = max(there)
    free = sorted(set(range(highest)) - there)
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in free]
    try:
        with limited("RLIMIT_NOFILE", highest + 1 + spare):
            yield
    finally:
        for one in taken:
            os.close(one)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


_LINUX = sys.platform.startswith("linux")
_CAPGET, _CAPSET = {"x86_64": (125, 126), "aarch64": (90, 91)}.get(os.uname().machine if _LINUX else "", (0, 0))
_VERSION = 0x20080522
_OVERRIDE = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take away the right to write in a folder and all in it, from root as well, which else may write everywhere."""
    paths = [folder, *folder.rglob("*")]
    before = {path: path.stat().st_mode for path in paths}
    header, words = _Header(_VERSION, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    is_root = os.geteuid() == 0
    if is_root and (not _CAPGET or libc.syscall(_CAPGET, ctypes.byref(header), words)):
        pytest.skip("root may write everywhere here")
    effective = words[0]
    for path in reversed(paths):
        path.chmod(before[path] & ~0o222)
    try:
        if is_root:
            words[0] = effective & ~_OVERRIDE
            assert libc.syscall(_CAPSET, ctypes.byref(header), words) == 0
        yield
    finally:
        if is_root:
            words[0] = effective
            libc.syscall(_CAPSET, ctypes.byref(header), words)
        for path, mode in before.items():
            path.chmod(mode)


@contextlib.contextmanager
def clock(shift: Callable[[int], float]) -> Iterator[None]:
    """Set this process's clock wrong, by so many seconds as `shift` says of how often it was looked at."""
    seconds, nanoseconds, looks = time.time, time.time_ns, 0

    def moved() -> float:
        nonlocal looks
        looks += 1
        return shift(looks)

    time.time = lambda: seconds() + moved()
    time.time_ns = lambda: nanoseconds() + int(moved() * 10**9)
    try:
        yield
    finally:
        time.time, time.time_ns = seconds, nanoseconds


def leftovers(folder: Path) -> list[str]:
    """Return what was begun and not finished: the hidden names that files and folders have while they are written."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.endswith((".part", ".partial", ".old", "-journal"))
    )
