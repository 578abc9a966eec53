"""Where a command writes: into a folder, or the very file that `-o` names, if it can be one of that kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from limner.errors import UserError


def kind_of(out: Path, kinds: Sequence[str] = (".png",)) -> str:
    """Return which of `kinds` the file is that `out` names, "" where it names a folder.

    A folder that is there may be called anything; else a name that ends like a file's (`.jpg`) is one.

    Raises:
        UserError: it ends like a file of a kind that is not written here.
    """
    suffix = out.suffix.lower()
    if out.is_dir() or not re.fullmatch(r"\.(?=\d*[a-z])[a-z0-9]{2,5}", suffix):
        return ""
    if suffix not in kinds:
        others = f"name it {' or '.join(out.stem + kind for kind in kinds)}" if kinds else "name a folder"
        why = "pictures are kept as PNG, which holds their recipe; " if kinds == (".png",) else ""
        raise UserError(f"{out}: {why}{others}{', or name a folder' if len(kinds) > 1 else ''}")
    return suffix


def place_of(out: Path, stem: str, kinds: Sequence[str] = (".png",)) -> tuple[Path, str]:
    """Return the folder and the stem of what is written: `out` is a folder, or the file itself.

    Raises:
        UserError: as `kind_of`.
    """
    return (out.parent, out.stem) if kind_of(out, kinds) else (out, stem)


def slug(text: str) -> str:
    """Return a short file name that says what was asked."""
    from limner.data.schema import words_of

    return "-".join(words_of(text[:200]))[:48].strip("-") or "picture"


def check_quotes(command: str, given: Sequence[str], remedy: str) -> None:
    """Notice a sentence whose quotes were forgotten, so that the shell made an argument of each of its words.

    Raises:
        UserError: there are three or more, each of one word, naming `remedy` for who meant it so.
    """
    if len(given) > 2 and not any(len(one.split()) > 1 for one in given):
        words = " ".join(given)
        raise UserError(
            f"these are {len(given)} prompts of one word: put quotes around a sentence "
            f'(limner {command} "{words}"), or {remedy}'
        )
