"""Captions in a text file beside each picture: of `001.jpg` in `001.txt`, `001.caption`, `001.TXT` or `001.jpg.txt`."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from limner.data.inside import Inside
from limner.data.problems import BadRow
from limner.data.table_files import NotText, text_of

SUFFIXES = (".txt", ".caption", ".captions")
"""Of files of captions, in any case; of several beside one picture the first is read."""


class Beside:
    """Finds the files of captions of some pictures."""

    def __init__(self, paths: Sequence[Path], inside: Inside) -> None:
        self._inside, self._there = inside, functools.cache(_texts)
        self.files = {path: found for path in paths if (found := self._file(path)) is not None}
        """The file of captions of each picture that has one."""

    @property
    def captioned(self) -> bool:
        """Tell whether any picture has a file of captions, so that each should."""
        return bool(self.files)

    @property
    def read(self) -> set[Path]:
        """The files of captions."""
        return set(self.files.values())

    def captions(self, path: Path) -> tuple[str, ...]:
        """Return the captions of a picture, one of each line.

        Raises:
            BadRow: there are none, or they are not text.
        """
        if (file := self.files.get(path)) is None:
            raise BadRow("missing caption", f"the caption is missing: there is no {path.with_suffix('.txt').name}")
        if file.is_symlink():  # what it says would be published with the words and examples of a checkpoint
            self._inside.find(file.parent, file.name)
        try:
            lines = text_of(file.read_bytes()).splitlines()
        except NotText as error:
            raise BadRow("caption is not text", f"{file.name} {error}") from None
        except OSError as error:
            raise BadRow("caption is not text", f"{file.name} cannot be read: {error.strerror or error}") from None
        captions = tuple(line.strip() for line in lines if line.strip())
        if not captions:
            raise BadRow("empty caption", f"the caption is empty: {file.name} holds no text")
        return captions

    def _file(self, path: Path) -> Path | None:
        exact, folded = self._there(path.parent)
        names = [base + suffix for suffix in SUFFIXES for base in (path.stem, path.name)]
        found = next((name for name in names if name in exact), None)
        found = found or next((folded[name.lower()] for name in names if name.lower() in folded), None)
        return None if found is None else path.parent / found


def _texts(folder: Path) -> tuple[set[str], dict[str, str]]:
    """Return the files of captions of a folder, and these by their names in small letters."""
    names = {name for name in os.listdir(folder) if os.path.splitext(name)[1].lower() in SUFFIXES}
    return names, {name.lower(): name for name in sorted(names, reverse=True)}
