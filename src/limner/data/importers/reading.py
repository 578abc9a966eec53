"""What the importers share in reading: the files of a download, their tables and captions, and how it is split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from limner.data.importers.unpickle import unpickle
from limner.errors import UserError

WAYS = {
    "classes": "no class on both sides, as Reed's trainvalclasses.txt and testclasses.txt say",
    "pickles": "as train/filenames.pickle and test/filenames.pickle say",
    "official": "the data set's own split, every class on both sides",
    "seen-unseen": "as train_seen_unseen_ids.npy says: training, validation in seen scenes, test in unseen ones",
    "train-test": "as train_test_ids.npy says",
    "annotations": "by the files of annotations, COCO's val as test",
    "scenes": "by the files of scenes, CLEVR's val as validation",
    "files": "by the names of the files",
    "dialogues": "by the files of dialogues, VisDial's val as test",
    "none": "none was published; a twentieth is held out when it is opened",
}
"""The ways to divide a set, the best first: those of birds and flowers, then those of other sets."""
_TRAIN = ("trainvalclasses.txt", "trainclasses.txt", "valclasses.txt", "trainvalids.txt", "trainids.txt", "valids.txt")
_TEST = ("testclasses.txt", "testids.txt")
_TORCH = {".t7", ".h5"}


def look(folder: Path, name: str) -> Path | None:
    """Return `folder/name`, or else the first `folder/*/name` by alphabet, or None."""
    return next((path for path in (folder / name, *sorted(folder.glob(f"*/{name}"))) if path.exists()), None)


def find(folder: Path, name: str, download: str) -> Path:
    """Return the file or folder `name` of `folder` or of one of its folders; `download` says what it is a part of.

    Raises:
        UserError: it is not there.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    if (found := look(folder, name)) is None:
        raise UserError(f"{folder} has no {name}, nor has a folder in it: it is part of {download}, unpack that there")
    return found


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that are not blank, stripped.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from filter(None, map(str.strip, file))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def table(path: Path, fields: int) -> dict[int, list[str]]:
    """Return the fields of each line "number field field ..." by its number.

    Raises:
        UserError: a line has another form, or fewer fields.
    """
    rows: dict[int, list[str]] = {}
    for line in lines(path):
        number, *rest = line.split()
        if not number.isdecimal() or len(number) > 9 or len(rest) < fields:
            raise UserError(f"{path} is not the file of that name: {line[:60]!r} is not a number and {fields} fields")
        rows[int(number)] = rest
    return rows


def captions(path: Path) -> tuple[str, ...]:
    """Return the captions of a file that holds one a line.

    Raises:
        UserError: there are none.
    """
    if not path.is_file():
        raise no_captions(path)
    found = (line.replace("\ufffd\ufffd", " ").strip() for line in lines(path))  # a blank, lost before 2016
    if not (texts := tuple(filter(None, found))):
        raise UserError(f"{path} holds no caption: fetch the captions again")
    return texts


def no_captions(path: Path) -> UserError:
    """Return the line that says that the captions at `path` are missing, or are there in another form only."""
    around = {one.suffix for place in (path.parent, path.parent.parent) if place.is_dir() for one in place.iterdir()}
    if other := sorted(around & _TORCH):
        return UserError(
            f"{path} is missing, and {other[0]} files are not read: take the captions as text, one .txt for each"
            " picture; they are in the same download (text_c10), or in AttnGAN's text.zip"
        )
    return UserError(f"{path} is missing: it holds the captions of a picture, one a line")


def filenames(path: Path) -> list[str]:
    """Return the names of pictures, without extension, that a `filenames.pickle` lists.

    Raises:
        UserError: it holds something else, a name twice, or a name that leads out of the folder.
    """
    names = listed(unpickle(path))
    if names is None or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path} holds no list of names")
    if len(set(names)) < len(names):
        raise UserError(f"{path} names a picture twice")
    stay_inside(path, names)
    return names


def listed(value: object) -> list[Any] | None:
    """Return a list, tuple or array of one axis as a list, None of anything else; bytes in it become text."""
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.ndim == 1 else None
    if not isinstance(value, list | tuple):
        return None
    return [one.decode("latin-1") if isinstance(one, bytes) else one for one in value]


def stay_inside(path: Path, names: Iterable[str]) -> None:
    """Refuse names of pictures, read from `path`, that lead out of the folder.

    Raises:
        UserError: one does.
    """
    for name in names:
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or not name.isprintable() or "\\" in name:
            raise UserError(f"{path} names a picture outside its folder: {name!r:.80}")


def class_number(name: str) -> int | None:
    """Return the number in "001.Black_footed_Albatross", "class_00001" or "1"; None where there is none."""
    found = re.search(r"[0-9]{1,9}", name)
    return int(found[0]) if found else None


def divide(
    folder: Path, classes: Mapping[str, int], official: Callable[[], Mapping[str, str]], way: str | None
) -> tuple[str, dict[str, str]]:
    """Choose the split of each picture: "train", "test" or "validation"; return the way it was done first.

    The papers of this line (Reed et al. 2016 to AttnGAN) train on some classes and test on others, 150 and 50 for
    birds, 82 and 20 for flowers, so their figures are about things never seen. Without `way` that is done where
    Reed's lists of classes are there, or the `filenames.pickle` that express the same split; otherwise the set's own
    split is taken, which is easier. Figures of the two must not be compared.

    Args:
        folder: where the lists are.
        classes: the number of each picture's class.
        official: returns the set's own split.
        way: "classes", "pickles" or "official"; None takes the first of them whose files are there.

    Raises:
        UserError: `way` is unknown or its files are missing, or a picture has no split or two.
    """
    ways: dict[str, Callable[[], Mapping[str, str] | None]] = {
        "classes": lambda: _by_classes(folder, classes),
        "pickles": lambda: by_pickles(folder),
        "official": official,
    }
    if way is not None and way not in ways:
        raise UserError(f"there is no split {way!r}: choose {', '.join(ways)}")
    for one in ways if way is None else [way]:
        splits = ways[one]()
        if splits is None:
            continue
        lost = next((name for name in classes if name not in splits), None)
        if lost is not None:
            raise UserError(f"{lost} is in no split: the files of the split {one!r} are not those of these pictures")
        return one, {name: splits[name] for name in classes}
    files = "trainvalclasses.txt and testclasses.txt" if way == "classes" else "train/ and test/filenames.pickle"
    raise UserError(f"{folder} has no {files}: put them there, or choose another --split")


def _by_classes(folder: Path, classes: Mapping[str, int]) -> dict[str, str] | None:
    listed = {split: _listed(folder, files) for split, files in (("train", _TRAIN), ("test", _TEST))}
    if not all(listed.values()):
        return None
    if both := listed["train"] & listed["test"]:
        raise UserError(f"class {min(both)} is both in the training and in the test classes of {folder}")
    side = {number: split for split, numbers in listed.items() for number in numbers}
    return {name: side[number] for name, number in classes.items() if number in side}


def _listed(folder: Path, files: tuple[str, ...]) -> set[int]:
    found = (look(folder, name) for name in files)
    numbers = (class_number(line) for path in found if path is not None for line in lines(path))
    return {number for number in numbers if number is not None}


def by_pickles(folder: Path) -> dict[str, str] | None:
    """Return the split of each picture by its name, in the order of the two `filenames.pickle`; None without them.

    Raises:
        UserError: they cannot be read, or name a picture on both sides.
    """
    paths = {split: look(folder, f"{split}/filenames.pickle") for split in ("train", "test")}
    if None in paths.values():
        return None
    named = {split: filenames(path) for split, path in paths.items() if path is not None}
    if both := set(named["train"]) & set(named["test"]):
        raise UserError(f"{min(both)} is named in both filenames.pickle of {folder}")
    return {name: split for split, names in named.items() for name in names}
