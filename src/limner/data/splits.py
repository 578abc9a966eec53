"""Which split a word means: `train`, `test` or `validation`, however a folder, a column or a shard spells it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPELLINGS = {
    "train": ("train", "training", "trainset", "trn"),
    "test": ("test", "tests", "testing", "testset", "tst"),
    "validation": (
        "validation", "validate", "valid", "val", "dev", "development", "eval", "evaluation", "holdout", "heldout",
    ),
}  # fmt: skip
SPLITS = tuple(_SPELLINGS)
_MEANT = {spelling: split for split, spellings in _SPELLINGS.items() for spelling in spellings}
_YEAR = re.compile(r"(?<=[a-z])[-_ ]?(19|20)\d\d$")
"""Of the folders of MS-COCO and its like: train2014."""


class UnknownSplit(ValueError):
    """A name that looks like one of a split and is none that is known; the message says so."""


def split_of(name: object) -> str | None:
    """Return the split that a name means, None where it means none: "Training", "val2017", " dev ", "test_set".

    Raises:
        UnknownSplit: it looks like a split and is none that is known: "train_extra", "test-b", "trainval".
    """
    word = _YEAR.sub("", str(name).strip().lower())
    whole = re.sub(r"[-_ ]", "", word)
    if found := _MEANT.get(whole) or _MEANT.get(whole.removesuffix("set").removesuffix("split")):
        return found
    first = re.split(r"[-_ .\d]", word)[0]
    if first in _MEANT or whole == "trainval":
        raise UnknownSplit(f"{name!r} looks like a split and is none of {', '.join(SPLITS)}: rename it")
    return None


def folders_by_split(folders: Iterable[str]) -> dict[str, str | UnknownSplit | None]:
    """Return the split of each of the folders that lie side by side; None for all of them where none is a split's.

    Beside a split's folder another one, or no folder ("", for pictures that lie in none), is an `UnknownSplit`: nobody
    can tell whether its pictures are to be trained on.
    """
    found: dict[str, str | UnknownSplit | None] = {}
    for folder in folders:
        try:
            found[folder] = split_of(folder)
        except UnknownSplit as error:
            found[folder] = error
    splits = sorted(folder for folder, split in found.items() if isinstance(split, str))
    for folder, split in found.items():
        if splits and split is None:
            where = f"in {folder!r}, which is not a split" if folder else "in no split's folder"
            found[folder] = UnknownSplit(f"lies {where}, beside {', '.join(splits)}: move it, or give a column split")
    return found


def split_in(stem: str) -> str | None:
    """Return the split that stands as a word in the name of a shard: "birds-test-00000-of-00001"."""
    return next((_MEANT[word] for word in re.split(r"[-_. ]", stem.lower()) if word in _MEANT), None)
