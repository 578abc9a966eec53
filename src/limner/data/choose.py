"""Which columns of a table are the pictures and the captions: by their names, or as a person says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.errors import UserError

FILE_NAMES = ("file_name", "filename", "file", "image", "image_path", "path")
"""Columns of a metadata file that name the pictures, the best first."""
_FIRST, _LAST = ("text", "caption", "captions"), ("prompt", "prompts", "sentence", "sentences", "title")
_NUMBERED = re.compile(r"(text|caption|sentence|prompt|comment)s?[ _.-]?(\d{1,2})")


@dataclass(frozen=True)
class Choice:
    """What a person says of the columns; nothing where their names say enough."""

    image: str | None = None
    """The column of pictures, or of their file names."""
    text: tuple[str, ...] = ()
    """The columns of captions."""

    def check(self, names: Iterable[str], where: object) -> None:
        """Refuse columns that are not there.

        Raises:
            UserError: one is not.
        """
        names = list(map(str, names))
        options = {"--text-column": self.text, "--image-column": (self.image,) if self.image else ()}
        for option, chosen in options.items():
            if lost := next((one for one in chosen if one not in names), None):
                raise UserError(f"{option} {lost}: {where} has no such column; it has: {', '.join(names) or 'none'}")

    def text_columns(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the columns that hold captions: as chosen, or text, caption(s), caption_0 and so on, prompt, title."""
        if self.text:
            return self.text
        names = list(names)
        folded = {str(name).strip().lower(): name for name in reversed(names)}
        for plain in _FIRST:
            if plain in folded:
                return (folded[plain],)
        numbered = [(match, name) for folds, name in folded.items() if (match := _NUMBERED.fullmatch(folds))]
        if numbered:
            family = min((names.index(name), match[1]) for match, name in numbered)[1]
            return tuple(name for match, name in sorted(numbered, key=_number) if match[1] == family)
        return next(((folded[plain],) for plain in _LAST if plain in folded), ())

    def file_column(self, names: Iterable[str]) -> str | None:
        """Return the column of a metadata file that names the pictures, None where there is none."""
        names = list(names)
        return self.image or next((name for name in FILE_NAMES if name in names), None)


BY_NAME = Choice()
"""Columns are known by their names."""


def _number(found: tuple[re.Match[str], str]) -> int:
    return int(found[0][2])


def captions_in(columns: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the captions of a row: the cell of the one column, or those of several together, without empty ones."""
    if len(names) == 1:
        return columns.get(names[0])
    cells = [columns.get(name) for name in names]
    many = [one for cell in cells for one in (cell if isinstance(cell, list) else [cell])]
    return [one for one in many if one is not None and one != ""]
