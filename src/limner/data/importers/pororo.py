"""Pororo-SV (Li et al. 2019, StoryGAN): stories of five pictures from a cartoon, a sentence and the characters of each.

Read from the layout that StoryGAN's Pororo code and its forks load, all below one folder (pororo_png/):

    <season_episode>/<clip>/<k>.png       a strip of square video frames, one above the other
    descriptions.csv                      id, something, caption; or descriptions.npy: dict of captions by id
    labels.npy                            dict of nine numbers 0 or 1 by id: which characters are seen
    img_cache4.npy                        the first picture of each story
    following_cache4.npy                  the four that follow it in its clip
    train_seen_unseen_ids.npy             numbers of stories: training, validation, test; or train_test_ids.npy

An id is the path of a picture without `.png`. Each picture of a clip begins a story, so a picture is in up to five of
them. Every published story is kept, and a picture is written once for each; which square of its strip it shows there
follows from the seed, the story and the id alone. The published code draws another square each time it reads one.

Pickles inside the .npy files are read by `unpickle`, which calls nothing. Vectors of sentences (descriptions_vec.npy
and the like) are not read: Limner's systems learn from the sentences themselves.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.data.importers.reading import find, stay_inside
from limner.data.importers.unpickle import load_npy
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError

CHARACTERS = ("Pororo", "Loopy", "Crong", "Eddy", "Poby", "Petty", "Tongtong", "Rody", "Harry")
"""In the order of labels.npy."""
SPLITS = {
    "seen-unseen": ("train_seen_unseen_ids.npy", ("train", "validation", "test")),
    "train-test": ("train_test_ids.npy", ("train", "test")),
}
"""Each way to divide the stories, its file and the parts in it; the first whose file is there is taken."""
_DOWNLOAD = "Pororo-SV (the folder pororo_png of StoryGAN and its forks)"
_VECTORS = ("descriptions_vec.npy", "descriptions_attr.npy", "subtitles_vec.npy")


@dataclass(frozen=True)
class _Set:
    """What is known of the pictures, by id."""

    root: Path
    captions: Mapping[str, tuple[str, ...]]
    characters: Mapping[str, Mapping[str, str]]

    def lacks(self, name: str) -> str | None:
        """Say what a picture of a story is missing, or None."""
        if not (self.root / f"{name}.png").is_file():
            return f"there is no {name}.png"
        if not self.captions.get(name):
            return f"{name} has no caption"
        return None if name in self.characters else f"{name} is not in labels.npy"


def plan(folder: Path, *, split: str | None = None, apart: bool = False, seed: int = 0) -> Plan:
    """Return what an import of Pororo-SV in `folder` will write.

    Args:
        folder: pororo_png, or a folder that it is in.
        split: one of `SPLITS`.
        apart: leave out training stories that share a picture with a story held out.
        seed: decides which square of a strip is taken.

    Raises:
        UserError: a file is missing, or is not what its name says, or no story is whole.
    """
    root = find(folder, "img_cache4.npy", _DOWNLOAD).parent
    stories = _stories(root)
    way, sides = _sides(root, split, len(stories))
    known = _Set(root, _captions(root), _characters(root))
    gaps = {number: gap for number in sides if (gap := next(filter(None, map(known.lacks, stories[number])), None))}
    whole = {number: side for number, side in sides.items() if number not in gaps}
    if not whole:
        raise UserError(f"no story of {root} is whole: {next(iter(gaps.values()), 'the split names none')}")
    notes = []
    if gaps:
        notes.append(
            f"{len(gaps)} stories are left out, a picture of them is missing or not described, the first time"
            f" because {next(iter(gaps.values()))}"
        )
    kept, sharing = _without_shared(stories, whole, apart)
    notes += sharing
    if others := len(stories) - len(sides):
        notes.append(f"{others} stories are in no part of the split and left out")
    if found := [name for name in _VECTORS if (root / name).exists()]:
        notes.append(f"not imported, since Limner learns from the sentences themselves: {', '.join(found)}")
    entries = [
        _entry(known, side, stories[number][0], frame, name, seed)
        for number, side in kept.items()
        for frame, name in enumerate(stories[number], start=1)
    ]
    return Plan("Pororo-SV", _DOWNLOAD, entries, way, notes=notes)


def _entry(known: _Set, side: str, story: str, frame: int, name: str, seed: int) -> Entry:
    key = hashlib.blake2b(f"{seed} {story} {name}".encode(), digest_size=8).digest()
    return Entry(
        side,
        name,
        known.root / f"{name}.png",
        known.captions[name],
        attributes=known.characters[name],
        story=story,
        frame=frame,
        square=int.from_bytes(key, "little"),
    )


def _without_shared(
    stories: Sequence[Sequence[str]], sides: Mapping[int, str], apart: bool
) -> tuple[Mapping[int, str], list[str]]:
    """Leave out training stories that share pictures with others, where asked to; say how many there are."""
    held = {name for number, side in sides.items() if side != "train" for name in stories[number]}
    sharing = {number for number, side in sides.items() if side == "train" and not held.isdisjoint(stories[number])}
    if not sharing:
        return sides, []
    pictures = held.intersection(name for number in sharing for name in stories[number])
    what = f"{len(sharing)} training stories share {len(pictures)} pictures with stories that are held out"
    if not apart:
        return sides, [f"{what}, as published: --apart leaves those stories out"]
    return {number: sides[number] for number in sides if number not in sharing}, [f"{what}, and are left out"]


def _stories(root: Path) -> list[list[str]]:
    """Return the ids of each story's pictures, in order."""
    first, following = root / "img_cache4.npy", root / "following_cache4.npy"
    starts, followers = _list(first), _list(following)
    if len(starts) != len(followers):
        raise UserError(f"{first} names {len(starts)} stories and {following.name} {len(followers)}: fetch both again")
    if not all(isinstance(some, list) and len(some) == len(followers[0]) > 0 for some in followers):
        raise UserError(f"{following} does not hold equally many followers of each picture")
    stories = [
        [_id(first, start), *(_id(following, one) for one in some)]
        for start, some in zip(starts, followers, strict=True)
    ]
    if len({story[0] for story in stories}) < len(stories):
        raise UserError(f"{first} names a picture twice")
    stay_inside(first, (name for story in stories for name in story))
    return stories


def _sides(root: Path, way: str | None, count: int) -> tuple[str, dict[int, str]]:
    """Return how the set is split, and the part of each story by its number."""
    if way is not None and way not in SPLITS:
        raise UserError(f"there is no split {way!r}: choose {', '.join(SPLITS)}")
    ways = [one for one in ([way] if way else SPLITS) if (root / SPLITS[one][0]).is_file()]
    if not ways:
        wanted = SPLITS[way][0] if way else " and no ".join(file for file, _ in SPLITS.values())
        raise UserError(f"{root} has no {wanted}: it is part of {_DOWNLOAD}")
    file, parts = SPLITS[ways[0]]
    lists = _list(root / file)
    if len(lists) != len(parts):
        raise UserError(f"{root / file} must hold {len(parts)} lists of numbers of stories, and holds {len(lists)}")
    sides: dict[int, str] = {}
    for part, numbers in zip(parts, lists, strict=True):
        numbers = numbers.tolist() if isinstance(numbers, np.ndarray) else numbers
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < count for n in numbers):
            raise UserError(f"{root / file} must hold numbers of stories from 0 to {count - 1}: the files do not fit")
        if both := sides.keys() & set(numbers):
            raise UserError(f"{root / file} names story {min(both)} in two parts")
        sides |= dict.fromkeys(numbers, part)
    return ways[0], sides


def _captions(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the captions of each picture by its id."""
    path, pickled = root / "descriptions.csv", root / "descriptions.npy"
    if not path.is_file() and not pickled.is_file():
        raise UserError(f"{root} has no descriptions.csv and no descriptions.npy: they are part of {_DOWNLOAD}")
    captions: dict[str, list[str]] = {}
    if not path.is_file():
        for name, texts in _dict(pickled).items():
            captions[_id(pickled, name)] = [
                _text(pickled, one) for one in (texts if isinstance(texts, list) else [texts])
            ]
    else:
        for name, text in _table(path):
            captions.setdefault(_id(path, name), []).append(text)
    return {name: tuple(text for one in texts if (text := one.strip())) for name, texts in captions.items()}


def _table(path: Path) -> list[tuple[str, str]]:
    """Return first and third cell of each line; the names of columns, which lead to no folder, are left out."""
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file)
            for row in filter(None, reader):
                if len(row) < 3:
                    raise UserError(f"{path}:{reader.line_num}: a line must hold an id, something and a caption")
                if "/" in row[0]:
                    rows.append((row[0], row[2]))
    except (OSError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return rows


def _characters(root: Path) -> dict[str, dict[str, str]]:
    """Return for each picture, by its id, "yes" or "no" for every character."""
    path, found = root / "labels.npy", {}
    for key, flags in _dict(path).items():
        flags = flags.reshape(-1).tolist() if isinstance(flags, np.ndarray) else flags
        if not isinstance(flags, list) or len(flags) != len(CHARACTERS) or not all(flag in (0, 1) for flag in flags):
            raise UserError(f"{path} must hold {len(CHARACTERS)} numbers 0 or 1 for {_id(path, key)}")
        words = ("yes" if flag else "no" for flag in flags)
        found[_id(path, key)] = dict(zip(CHARACTERS, words, strict=True))
    return found


def _list(path: Path) -> list[Any]:
    value = _load(path)
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(value, list | tuple) or not value:
        raise UserError(f"{path} must hold a list, and holds {type(value).__name__}")
    return list(value)


def _dict(path: Path) -> dict[Any, Any]:
    value = _load(path)
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold a dict by ids of pictures, and holds {type(value).__name__}")
    return value


def _load(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path} is missing: it is part of {_DOWNLOAD}")
    return load_npy(path)


def _id(path: Path, value: Any) -> str:
    return _text(path, value).strip().lstrip("/").removesuffix(".png")


def _text(path: Path, value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise UserError(f"{path} holds {value!r:.60} where the name or the description of a picture belongs")
    return value
