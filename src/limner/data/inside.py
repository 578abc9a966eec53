"""Files of a data set lie below its folder, links followed; a name that is not there is answered with the nearest."""

from __future__ import annotations

import difflib
import functools
import os
import re
from pathlib import Path, PurePosixPath

from limner.data.problems import BadRow
from limner.errors import UserError

_NO_DIGIT = re.compile(r"\D")
_HUB = ("datasets--", "models--", "spaces--")


def fence(root: Path) -> Path:
    """Return the folder that the files of a set may lie in, links followed: its own, or its cache's of the Hub.

    A snapshot in the Hub's cache (datasets--owner--name/snapshots/REVISION) is made of links to blobs/ beside it.
    """
    for folder in (root.absolute(), *root.absolute().parents):
        repository = folder.parent.parent
        if folder.parent.name == "snapshots" and repository.name.startswith(_HUB) and (repository / "blobs").is_dir():
            return repository.resolve()
    return root.resolve()


def is_within(root: Path, path: Path) -> bool:
    """Tell whether a file lies below a folder, links followed."""
    return path.resolve().is_relative_to(fence(root))


def within(root: Path, path: Path) -> Path:
    """Return a path that lies below a folder, links followed.

    Raises:
        UserError: it does not.
    """
    if not is_within(root, path):
        raise UserError(f"{path} is a link to a file outside the folder: copy that file into the folder")
    return path


def nearest(path: Path) -> str:
    """Return ": did you mean NAME?" with the file or folder whose name is most like that of a path, or ""."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return ""
    found = _nearest(path.name, names)
    return f": did you mean {found}?" if found else ""


def _nearest(name: str, names: list[str]) -> str | None:
    stem = os.path.splitext(name)[0].lower()
    for alike in (lambda one: one.lower() == name.lower(), lambda one: os.path.splitext(one)[0].lower() == stem):
        if found := next(filter(alike, names), None):
            return found
    numbers = _NO_DIGIT.sub("", name)  # picture 42 is never meant to be picture 45
    others = [one for one in names[:20_000] if _NO_DIGIT.sub("", one) == numbers]
    return next(iter(difflib.get_close_matches(name, others, n=1, cutoff=0.8)), None)


class Inside:
    """Finds files below a folder and nowhere else."""

    def __init__(self, root: Path) -> None:
        self._base = root
        self.root = str(fence(root))
        self._real = functools.cache(os.path.realpath)  # a folder is resolved once, not for each of its files
        self._names = functools.cache(lambda folder: sorted(os.listdir(folder)) if os.path.isdir(folder) else [])

    def find(self, base: Path, name: str) -> tuple[Path, tuple[int, int]]:
        """Return the path and stamp of file `name`, given relative to `base`.

        Raises:
            BadRow: it is missing, no file, or lies outside the folder (also through a link).
        """
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name or Path(name).is_absolute():
            raise BadRow("outside", f"the file_name {name!r} points outside the folder")
        path = base / relative
        try:
            status = path.lstat()
            real = os.path.join(self._real(path.parent), path.name)
            if path.is_symlink():
                real, status = os.path.realpath(path), path.stat()
        except (OSError, ValueError):
            raise BadRow("missing file", f"the picture {name!r} does not exist{self._near(path, base)}") from None
        if os.path.commonpath((self.root, real)) != self.root:
            raise BadRow("outside", f"the file_name {name!r} points outside the folder, through a link")
        if not os.path.isfile(real):
            raise BadRow("missing file", f"the picture {name!r} is not a file")
        return path, (status.st_size, status.st_mtime_ns)

    def _near(self, path: Path, base: Path) -> str:
        """Say which file may be meant: one of a like name in the same folder, or of the same name in another."""
        try:
            found = _nearest(path.name, self._names(path.parent))
            where = path.parent / found if found else self._elsewhere.get(path.name.lower())
            return f": did you mean {where.relative_to(base).as_posix()!r}?" if where else ""
        except (OSError, ValueError):
            return ""

    @functools.cached_property
    def _elsewhere(self) -> dict[str, Path]:
        """The place of each file by its name in small letters."""
        found: dict[str, Path] = {}
        for folder, _, names in os.walk(self._base):
            for name in names:
                found.setdefault(name.lower(), Path(folder, name))
        return found
